//! Learning curves, and gains by the quality of the prior, as SVG and PNG.
//!
//! A figure is drawn once, as SVG; the PNG is that SVG rasterised with a font that the program carries, so
//! that both look the same on every machine.

mod draw;
#[cfg(feature = "png")]
mod png;
mod style;
mod trust;

#[cfg(feature = "png")]
pub use png::png;
pub use style::display_name;
pub(crate) use style::{colour_of, is_co_decision, ordered};
pub use trust::{TrustPlot, TrustPoint};

use alfm_core::{Error, ErrorKind};
use alfm_lab::savings::Curve;

use crate::none_of;
use crate::summary::{Group, Metric};

/// A curve with its interval and its look.
#[derive(Clone, Debug)]
pub struct Series {
    /// Name of the strategy.
    pub strategy: String,
    /// Mean over seeds.
    pub curve: Curve,
    /// Standard error at each point; `None` with a single seed.
    pub errors: Option<Vec<f64>>,
}

/// Learning curves of the strategies of one setting.
#[derive(Clone, Debug)]
pub struct LearningCurves {
    /// What is shown.
    pub title: String,
    /// In which setting, over how many seeds.
    pub subtitle: String,
    /// One curve a strategy, the emphasised ones last, so that they lie on top.
    pub series: Vec<Series>,
}

impl LearningCurves {
    /// The mean curves of a group with a band of one standard error. Raw values: nothing is smoothed.
    ///
    /// # Errors
    /// As [`Curve::mean`].
    pub fn new(group: &Group<'_>, metric: Metric) -> Result<Self, Error> {
        let mut series = Vec::new();
        let mut seeds = 0;
        for name in ordered(group.strategies.iter().map(|strategy| strategy.name)) {
            let Some(strategy) = group.strategy(name) else { continue };
            let curves = strategy.curves(metric)?;
            seeds = seeds.max(curves.len());
            series.push(Series {
                strategy: name.to_owned(),
                curve: Curve::mean(&curves)?,
                errors: Curve::standard_errors(&curves)?,
            });
        }
        series.reverse();
        let band = match seeds {
            1 => "1 seed".to_owned(),
            _ => format!("mean of {seeds} seeds, band: ± 1 standard error"),
        };
        let setting = describe(group);
        Ok(Self { title: metric.title().into(), subtitle: format!("{setting} · {band}"), series })
    }

    /// Draws the figure, 860 x 500 units.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] without series, [`ErrorKind::System`] if the drawing library fails.
    pub fn svg(&self) -> Result<String, Error> {
        if self.series.is_empty() {
            return Err(none_of("curves to draw"));
        }
        draw::svg(self).map_err(|failed| undrawn(&self.title, failed))
    }
}

/// A figure that the drawing library could not draw.
fn undrawn(title: &str, failed: draw::Failed) -> Error {
    Error::new(ErrorKind::System, format!("figure `{title}` could not be drawn")).because(failed)
}

/// A setting in a few words: what is natural and without noise goes without saying.
pub(crate) fn describe(group: &Group<'_>) -> String {
    let setting = group.setting;
    let mut words = vec![setting.dataset.clone()];
    if setting.imbalance != "natural" {
        words.push(setting.imbalance.clone());
    }
    match setting.noise.as_str() {
        "none" => {}
        noise => words.push(format!("{noise} noise")),
    }
    words.push(format!("{} prior", setting.prior));
    words.push(format!("{} learner", setting.learner));
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, summary};

    fn figure(seeds: u64) -> LearningCurves {
        let strategies = ["random", "margin", "badge", "prioral", "prioral-guarded"];
        let records: Vec<_> = strategies
            .iter()
            .flat_map(|name| (1..=seeds).map(|seed| fixture::record(name, seed)))
            .collect();
        LearningCurves::new(&summary::groups(&records)[0], Metric::Test).unwrap()
    }

    #[test]
    fn every_strategy_is_named_and_the_same_bytes_come_out() {
        let figure = figure(4);
        let svg = figure.svg().unwrap();
        for name in ["Random", "Margin", "BADGE", "PriorAL", "PriorAL guarded"] {
            assert!(svg.contains(name), "{name} is not in the figure");
        }
        assert!(svg.contains("4 seeds") && !svg.contains("<script"));
        assert_eq!(svg, figure.svg().unwrap());
        assert_eq!(figure.series.last().unwrap().strategy, "prioral");
    }

    #[test]
    fn one_seed_has_no_band() {
        let one = figure(1);
        assert!(one.series.iter().all(|series| series.errors.is_none()));
        assert!(!one.svg().unwrap().contains("<polygon"));
        assert!(figure(2).svg().unwrap().contains("<polygon"));
    }

    #[cfg(feature = "png")]
    #[test]
    fn the_png_has_the_size_asked_for() {
        let bytes = png(&figure(2).svg().unwrap(), 0.5).unwrap();
        assert_eq!(&bytes[1..4], b"PNG");
        let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((side(16), side(20)), (430, 250));
        assert!(png("<svg", 1.0).is_err());
    }

    #[test]
    fn a_single_point_and_nothing_at_all() {
        let mut one = figure(1);
        for series in &mut one.series {
            series.curve = Curve::new(vec![20.0], vec![0.5]).unwrap();
        }
        assert!(one.svg().is_ok());
        one.series.clear();
        assert_eq!(one.svg().unwrap_err().kind(), ErrorKind::Missing);
    }
}
