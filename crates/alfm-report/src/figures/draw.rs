use std::sync::Once;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::style::{colour, display_name, is_co_decision, ordered};
use super::{LearningCurves, Series};

/// Width and height of a figure, in SVG units.
const SIZE: (u32, u32) = (860, 500);
/// Room for the title above and for the labels to the right of the curves.
const TITLE: u32 = 66;
const LABELS: u32 = 196;
/// Least distance between the baselines of two labels.
const LINE: i32 = 19;

pub(super) const INK: RGBColor = RGBColor(31, 35, 40);
pub(super) const SOFT_INK: RGBColor = RGBColor(89, 99, 110);
pub(super) const GRID: RGBColor = RGBColor(226, 229, 233);

pub(super) type Failed = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

pub(super) fn svg(figure: &LearningCurves) -> Result<String, Failed> {
    use_carried_font();
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        headline(&root, figure).map_err(owned)?;
        let mut chart = axes(&root, figure).map_err(owned)?;
        let places = ordered(figure.series.iter().map(|series| series.strategy.as_str()));
        let look = |series: &Series| {
            let place = places.iter().position(|name| *name == series.strategy).unwrap_or(0);
            Look::new(&series.strategy, place)
        };
        for series in &figure.series {
            band(&mut chart, series, &look(series))?;
        }
        for series in &figure.series {
            line(&mut chart, series, &look(series))?;
        }
        labels(&root, &chart, figure, look)?;
        root.present().map_err(owned)?;
    }
    Ok(text)
}

/// Measuring text needs a font; registering it twice would be harmless but wasteful.
pub(super) fn use_carried_font() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        // The bytes are compiled in: if they were no font, labels would only be placed less exactly.
        let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
        let _ = register_font("sans-serif", FontStyle::Bold, dejavu::sans::bold());
    });
}

pub(super) fn owned(error: impl std::error::Error) -> Failed {
    error.to_string().into()
}

/// How a strategy is drawn.
struct Look {
    colour: RGBColor,
    width: u32,
    dashed: bool,
    band: f64,
    bold: bool,
}

impl Look {
    fn new(strategy: &str, place: usize) -> Self {
        let engine = is_co_decision(strategy);
        Self {
            colour: colour(strategy, place),
            width: if engine { 3 } else { 2 },
            dashed: !engine && strategy != "random" && place >= 8,
            band: if engine { 0.20 } else { 0.09 },
            bold: engine,
        }
    }

    fn stroke(&self) -> ShapeStyle {
        self.colour.stroke_width(self.width)
    }
}

pub(super) fn text(size: i32, bold: bool, colour: RGBColor) -> TextStyle<'static> {
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    let mut text = TextStyle::from(("sans-serif", size, style).into_font());
    text.color = colour.to_backend_color();
    text
}

fn headline<'a>(root: &Area<'a>, figure: &LearningCurves) -> Result<(), DrawError> {
    root.draw_text(&figure.title, &text(20, true, INK), (20, 14))?;
    root.draw_text(&figure.subtitle, &text(13, false, SOFT_INK), (20, 42))
}

pub(super) type DrawError = DrawingAreaErrorKind<std::io::Error>;

fn axes<'a, 'b>(root: &Area<'a>, figure: &LearningCurves) -> Result<Chart<'a, 'b>, DrawError> {
    let (low, high) = value_range(&figure.series);
    let (first, last) = label_range(&figure.series);
    let mut chart = ChartBuilder::on(root)
        .margin_top(TITLE)
        .margin_right(LABELS)
        .margin_left(8)
        .margin_bottom(10)
        .x_label_area_size(46)
        .y_label_area_size(54)
        .build_cartesian_2d(first..last, low..high)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_labels(8)
        .y_labels(7)
        .x_label_formatter(&|labels| format!("{labels:.0}"))
        .y_label_formatter(&|value| format!("{:.0} %", value * 100.0))
        .label_style(text(13, false, SOFT_INK))
        .axis_desc_style(text(13, false, SOFT_INK))
        .x_desc("oracle labels used")
        .draw()?;
    Ok(chart)
}

/// From just below the lowest to just above the highest value, errors included, within `[0, 1]`.
fn value_range(series: &[Series]) -> (f64, f64) {
    let mut range = (1.0f64, 0.0f64);
    for series in series {
        for (point, value) in series.curve.values().iter().enumerate() {
            let error = series.errors.as_ref().map_or(0.0, |errors| errors[point]);
            range = (range.0.min(value - error), range.1.max(value + error));
        }
    }
    let room = ((range.1 - range.0) * 0.06).max(0.01);
    ((range.0 - room).max(0.0), (range.1 + room).min(1.0))
}

fn label_range(series: &[Series]) -> (f64, f64) {
    let first = series.iter().map(|series| series.curve.labels()[0]).fold(f64::MAX, f64::min);
    let last = series.iter().map(|series| series.curve.end()).fold(0.0, f64::max);
    if first < last { (first, last) } else { (first - 1.0, last + 1.0) }
}

fn points(series: &Series) -> impl Iterator<Item = (f64, f64)> + Clone {
    series.curve.labels().iter().copied().zip(series.curve.values().iter().copied())
}

fn band(chart: &mut Chart<'_, '_>, series: &Series, look: &Look) -> Result<(), Failed> {
    let Some(errors) = &series.errors else { return Ok(()) };
    let shifted = |sign: f64| -> Vec<(f64, f64)> {
        let pairs = points(series).zip(errors);
        pairs.map(|((labels, value), error)| (labels, value + sign * error)).collect()
    };
    let outline: Vec<_> = shifted(1.0).into_iter().chain(shifted(-1.0).into_iter().rev()).collect();
    chart.draw_series([Polygon::new(outline, look.colour.mix(look.band))]).map_err(owned)?;
    Ok(())
}

fn line(chart: &mut Chart<'_, '_>, series: &Series, look: &Look) -> Result<(), Failed> {
    if look.dashed {
        let dashes = DashedLineSeries::new(points(series), 7, 4, look.stroke());
        chart.draw_series(dashes).map_err(owned)?;
    } else {
        chart.draw_series(LineSeries::new(points(series), look.stroke())).map_err(owned)?;
    }
    let dots = points(series).map(|at| Circle::new(at, look.width, look.colour.filled()));
    chart.draw_series(dots).map_err(owned)?;
    Ok(())
}

/// Names each curve at its end, with its last value; labels that would overlap are moved apart.
fn labels<'a>(
    root: &Area<'a>,
    chart: &Chart<'a, '_>,
    figure: &LearningCurves,
    look: impl Fn(&Series) -> Look,
) -> Result<(), Failed> {
    let end = |series: &Series| chart.backend_coord(&(series.curve.end(), series.curve.last()));
    let mut series: Vec<&Series> = figure.series.iter().collect();
    series.sort_by_key(|series| end(series).1);
    let heights: Vec<i32> = series.iter().map(|series| end(series).1).collect();
    let places = spread(&heights, LINE, TITLE as i32 + 6, SIZE.1 as i32 - 62);
    for (series, height) in series.into_iter().zip(places) {
        let look = look(series);
        let (x, y) = end(series);
        let leader = [(x + 6, y), (x + 20, height), (x + 34, height)];
        root.draw(&PathElement::new(leader, look.colour.stroke_width(look.width.min(2))))
            .map_err(owned)?;
        let middle = Pos::new(HPos::Left, VPos::Center);
        let name = text(13, look.bold, INK).pos(middle);
        root.draw_text(&display_name(&series.strategy), &name, (x + 40, height)).map_err(owned)?;
        let right = Pos::new(HPos::Right, VPos::Center);
        let value = format!("{:.1}", series.curve.last() * 100.0);
        let value_style = text(13, look.bold, INK).pos(right);
        root.draw_text(&value, &value_style, (SIZE.0 as i32 - 10, height)).map_err(owned)?;
    }
    Ok(())
}

/// Moves ascending heights apart to at least `gap`, each as little as its neighbours allow, between
/// `top` and `bottom`; where there is no room for all, the last ones leave at the bottom.
fn spread(heights: &[i32], gap: i32, top: i32, bottom: i32) -> Vec<i32> {
    let mut places = heights.to_vec();
    let mut limit = bottom;
    for place in places.iter_mut().rev() {
        *place = (*place).min(limit);
        limit = *place - gap;
    }
    let mut limit = top;
    for place in &mut places {
        *place = (*place).max(limit);
        limit = *place + gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_that_touch_are_moved_apart() {
        assert_eq!(spread(&[100, 101, 300], 10, 0, 400), [91, 101, 300]);
        assert_eq!(spread(&[2, 3, 4], 10, 0, 400), [0, 10, 20]);
        assert_eq!(spread(&[399, 400], 10, 0, 400), [390, 400]);
    }

    proptest! {
        #[test]
        fn no_two_labels_are_closer_than_the_gap(
            mut heights in prop::collection::vec(0i32..400, 1..20),
        ) {
            heights.sort_unstable();
            let places = spread(&heights, 19, 0, 400);
            prop_assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 19));
            prop_assert!(places[0] >= 0 && places[0] <= 400);
        }
    }
}
