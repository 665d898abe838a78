use alfm_core::{Error, SeedTree};
use alfm_lab::savings::{Interval, area_difference};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::draw::{Area, DrawError, Failed, GRID, INK, SOFT_INK, owned, text, use_carried_font};
use super::style::{colour, display_name};
use crate::summary::{Group, Metric};
use crate::versus::best_baseline;

/// Width and height, in SVG units.
const SIZE: (u32, u32) = (860, 460);
/// Gains are drawn from this many points below the best baseline, those below at the edge.
const LOWEST: f64 = -25.0;
/// The forms that are compared.
const FORMS: [&str; 2] = ["prioral", "prioral-guarded"];

/// What the prior was worth, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustPoint {
    /// Name of the strategy.
    pub strategy: String,
    /// Share of the pool that the prior labels rightly.
    pub prior: f64,
    /// Area under the budget curve of balanced pool accuracy, minus that of the best baseline, in points.
    pub gain: f64,
    /// Its 95 % interval; `None` with a single seed.
    pub interval: Option<Interval>,
}

/// The published and the guarded form against the best baseline of each setting, by the quality of the prior.
#[derive(Clone, Debug)]
pub struct TrustPlot {
    /// One point a setting and form.
    pub points: Vec<TrustPoint>,
}

impl TrustPlot {
    /// The plot of several settings; `None` unless there are three with a baseline and both forms.
    ///
    /// # Errors
    /// As [`Curve::mean`](alfm_lab::savings::Curve::mean).
    pub fn new(groups: &[Group<'_>]) -> Result<Option<Self>, Error> {
        let mut points = Vec::new();
        for group in groups {
            let forms = FORMS.map(|name| group.strategy(name));
            let ([Some(published), Some(guarded)], Some(best)) =
                (forms, best_baseline(group, Metric::Pool)?)
            else {
                continue;
            };
            for ours in [published, guarded] {
                let (a, b) = group.paired(ours, best, Metric::Pool)?;
                let seed = SeedTree::new(0).child("area");
                let (difference, interval) = area_difference(&a, &b, &seed)?;
                points.push(TrustPoint {
                    strategy: ours.name.into(),
                    prior: group.data.prior.accuracy,
                    gain: 100.0 * difference,
                    interval: interval.map(|Interval { low, high }| Interval {
                        low: 100.0 * low,
                        high: 100.0 * high,
                    }),
                });
            }
        }
        Ok((points.len() >= 3 * FORMS.len()).then_some(Self { points }))
    }

    /// Draws the figure, 860 x 460 units.
    ///
    /// # Errors
    /// [`ErrorKind::System`](alfm_core::ErrorKind) if the drawing library fails.
    pub fn svg(&self) -> Result<String, Error> {
        self.draw().map_err(|failed| super::undrawn("gain by quality of the prior", failed))
    }

    fn draw(&self) -> Result<String, Failed> {
        use_carried_font();
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            self.draw_on(&root).map_err(owned)?;
            root.present().map_err(owned)?;
        }
        Ok(svg)
    }

    fn draw_on(&self, root: &Area<'_>) -> Result<(), DrawError> {
        let title = "What co-decision gains over the best baseline";
        root.draw_text(title, &text(20, true, INK), (20, 14))?;
        let below = format!(
            "one mark a setting, bar: 95 % interval; what lies below {LOWEST:.0} is drawn at the edge"
        );
        root.draw_text(&below, &text(13, false, SOFT_INK), (20, 42))?;
        let ends = |point: &TrustPoint| point.interval.map_or(point.gain, |interval| interval.high);
        let highest = self.points.iter().map(ends).fold(5.0, f64::max) + 2.0;
        let mut chart = ChartBuilder::on(root)
            .margin_top(66)
            .margin_right(24)
            .margin_left(8)
            .margin_bottom(10)
            .x_label_area_size(46)
            .y_label_area_size(54)
            .build_cartesian_2d(0.0..1.0, LOWEST - 1.0..highest)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(GRID)
            .x_label_formatter(&|share| format!("{:.0} %", share * 100.0))
            .y_label_formatter(&|points| format!("{points:+.0}"))
            .label_style(text(13, false, SOFT_INK))
            .axis_desc_style(text(13, false, SOFT_INK))
            .x_desc("pool items that the prior alone labels rightly")
            .draw()?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 0.0)], SOFT_INK.stroke_width(1)))?;
        for (place, form) in FORMS.iter().enumerate() {
            let ink = colour(form, place);
            // The two forms of a setting side by side.
            let aside = if place == 0 { -0.004 } else { 0.004 };
            for point in self.points.iter().filter(|point| point.strategy == *form) {
                let x = point.prior + aside;
                if let Some(Interval { low, high }) = point.interval {
                    let bar = [(x, low.max(LOWEST)), (x, high.max(LOWEST))];
                    chart.draw_series([PathElement::new(bar, ink.mix(0.5).stroke_width(2))])?;
                }
                let mark = (x, point.gain.max(LOWEST));
                if place == 0 {
                    chart.draw_series([TriangleMarker::new(mark, 6, ink.filled())])?;
                } else {
                    chart.draw_series([Circle::new(mark, 5, ink.filled())])?;
                }
            }
            let y = 70 + 20 * place as i32;
            let mark = (74, y);
            if place == 0 {
                root.draw(&TriangleMarker::new(mark, 6, ink.filled()))?;
            } else {
                root.draw(&Circle::new(mark, 5, ink.filled()))?;
            }
            let anchor = Pos::new(HPos::Left, VPos::Center);
            let style = text(13, true, ink).pos(anchor);
            root.draw_text(&display_name(form), &style, (86, y))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::summary::groups;

    #[test]
    fn three_settings_make_a_plot_and_two_do_not() {
        let of = |noises: &[&str]| {
            let mut records = Vec::new();
            for noise in noises {
                for name in ["random", "margin", "prioral", "prioral-guarded"] {
                    for seed in 1..=2 {
                        let mut record = fixture::record(name, seed);
                        record.setting = fixture::setting(noise);
                        records.push(record);
                    }
                }
            }
            records
        };
        let two = of(&["none", "uniform(0.1)"]);
        assert!(TrustPlot::new(&groups(&two)).unwrap().is_none());
        let three = of(&["none", "uniform(0.1)", "uniform(0.2)"]);
        let plot = TrustPlot::new(&groups(&three)).unwrap().unwrap();
        assert_eq!(plot.points.len(), 6);
        let prior = three[0].data.prior.accuracy;
        assert!(plot.points.iter().all(|point| point.prior == prior));
        let published = plot.points.iter().filter(|point| point.strategy == "prioral");
        assert!(published.clone().all(|point| point.gain > 0.0), "{:?}", plot.points);
        let svg = plot.svg().unwrap();
        assert!(svg.contains("PriorAL guarded") && svg.matches("<circle").count() >= 4, "{svg}");
    }
}
