use std::fmt;

use alfm_core::{Error, ErrorKind};

use super::mean;
use crate::error::{empty, length};

/// A learning curve: a metric at increasing numbers of labels.
///
/// ```
/// use alfm_lab::savings::{Curve, Reach};
/// let curve = Curve::new(vec![100.0, 200.0, 300.0], vec![0.5, 0.7, 0.6])?;
/// assert_eq!(curve.labels_to(0.6), Reach::At(150.0));
/// assert_eq!(curve.labels_to(0.8), Reach::Beyond(300.0));
/// assert!((curve.area() - 0.625).abs() < 1e-12);
/// # Ok::<(), alfm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    labels: Vec<f64>,
    values: Vec<f64>,
}

/// Where a curve reaches a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// At this number of labels, interpolated.
    At(f64),
    /// Nowhere up to this number of labels, the last of the curve.
    Beyond(f64),
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(labels) => write!(f, "{labels:.0}"),
            Self::Beyond(last) => write!(f, "> {last:.0}"),
        }
    }
}

impl Curve {
    /// Checks a curve of at least one point.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] without points; [`ErrorKind::Input`] for another number of values than of labels, labels
    /// that do not increase, or a value that is not finite.
    pub fn new(labels: Vec<f64>, values: Vec<f64>) -> Result<Self, Error> {
        if labels.is_empty() {
            return Err(empty("points of a curve"));
        }
        if labels.len() != values.len() {
            return Err(length("values of a curve", labels.len(), values.len()));
        }
        for (point, value) in values.iter().enumerate() {
            if !value.is_finite() {
                let message =
                    format!("point {point} of a curve is {value}: every value must be finite");
                return Err(Error::new(ErrorKind::Input, message).at_row(point));
            }
            let labels_here = labels[point];
            if !labels_here.is_finite() || (point > 0 && labels_here <= labels[point - 1]) {
                let message = format!(
                    "point {point} of a curve is at {labels_here} labels, not more than the point before it"
                );
                return Err(Error::new(ErrorKind::Input, message).at_row(point));
            }
        }
        Ok(Self { labels, values })
    }

    /// The numbers of labels.
    pub fn labels(&self) -> &[f64] {
        &self.labels
    }

    /// The values.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The last number of labels.
    pub fn end(&self) -> f64 {
        self.labels[self.labels.len() - 1]
    }

    /// The highest value.
    pub fn best(&self) -> f64 {
        self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The value at the last point.
    pub fn last(&self) -> f64 {
        self.values[self.values.len() - 1]
    }

    /// The value at exactly `labels` labels, if the curve has that point.
    pub fn at(&self, labels: f64) -> Option<f64> {
        self.labels.iter().position(|n| *n == labels).map(|point| self.values[point])
    }

    /// `max_{s <= t} y_s` at every point: the form in which targets are looked up.
    #[must_use]
    pub fn running_maximum(&self) -> Self {
        let mut best = f64::NEG_INFINITY;
        let climb = |value: &f64| {
            best = best.max(*value);
            best
        };
        Self { labels: self.labels.clone(), values: self.values.iter().map(climb).collect() }
    }

    /// Labels needed for `target`: linear interpolation on the running maximum, at the first point that
    /// reaches it; the first point if that one already does. `O(T)`.
    pub fn labels_to(&self, target: f64) -> Reach {
        self.running_maximum().first(target, |value| value >= target)
    }

    /// Labels needed for any value above `target`, in the limit towards it.
    ///
    /// Larger than [`Curve::labels_to`] only where the running maximum rests at `target`.
    pub(super) fn labels_beyond(&self, target: f64) -> Reach {
        self.running_maximum().first(target, |value| value > target)
    }

    fn first(&self, target: f64, reached: impl Fn(f64) -> bool) -> Reach {
        match self.values.iter().position(|value| reached(*value)) {
            None => Reach::Beyond(self.end()),
            Some(0) => Reach::At(self.labels[0]),
            Some(point) => {
                let (left, right) = (self.values[point - 1], self.values[point]);
                let share = (target - left) / (right - left);
                let (start, end) = (self.labels[point - 1], self.labels[point]);
                Reach::At(start + share * (end - start))
            }
        }
    }

    /// Area under the budget curve, `(1/(n_T - n_1)) integral y dn` by trapezoids; of the curve as
    /// measured, not of its running maximum. The value itself for a curve of one point.
    pub fn area(&self) -> f64 {
        if self.labels.len() == 1 {
            return self.values[0];
        }
        let slices = self.labels.windows(2).zip(self.values.windows(2));
        let area: f64 = slices.map(|(n, y)| (n[1] - n[0]) * (y[0] + y[1]) / 2.0).sum();
        area / (self.end() - self.labels[0])
    }

    /// The mean curve over trials.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] without curves, [`ErrorKind::Input`] if their label counts differ.
    pub fn mean(trials: &[Self]) -> Result<Self, Error> {
        Self::combine(trials, |values| mean(values))
    }

    /// The median curve over trials: what a single failed training cannot pull down.
    ///
    /// # Errors
    /// As [`Curve::mean`].
    pub fn median(trials: &[Self]) -> Result<Self, Error> {
        Self::combine(trials, |values| {
            values.sort_by(f64::total_cmp);
            let upper = values.len() / 2;
            let lower = (values.len() - 1) / 2;
            (values[lower] + values[upper]) / 2.0
        })
    }

    /// The standard error at every point; `None` with fewer than two trials.
    ///
    /// # Errors
    /// As [`Curve::mean`].
    pub fn standard_errors(trials: &[Self]) -> Result<Option<Vec<f64>>, Error> {
        if trials.len() < 2 {
            return Ok(None);
        }
        let errors = Self::combine(trials, |values| super::standard_error(values).unwrap_or(0.0))?;
        Ok(Some(errors.values))
    }

    fn combine(
        trials: &[Self],
        mut of_point: impl FnMut(&mut [f64]) -> f64,
    ) -> Result<Self, Error> {
        let Some(first) = trials.first() else {
            return Err(empty("curves to combine"));
        };
        trials.iter().try_for_each(|other| first.aligned(other))?;
        let mut column = vec![0.0; trials.len()];
        let values = (0..first.labels.len()).map(|point| {
            for (cell, trial) in column.iter_mut().zip(trials) {
                *cell = trial.values[point];
            }
            of_point(&mut column)
        });
        Ok(Self { values: values.collect(), labels: first.labels.clone() })
    }

    /// Whether two curves were measured at the same label counts.
    fn aligned(&self, other: &Self) -> Result<(), Error> {
        let points = self.labels.len().max(other.labels.len());
        let at = |curve: &Self, point: usize| curve.labels.get(point).copied().unwrap_or(0.0);
        match (0..points).find(|point| at(self, *point) != at(other, *point)) {
            None => Ok(()),
            Some(point) => {
                let (first, other) = (at(self, point), at(other, point));
                let message = format!(
                    "the curves to combine have different label counts ({first} and {other} at point {point}): use the \
                     same initial size, batch and rounds"
                );
                Err(Error::new(ErrorKind::Input, message).at_row(point))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn curve(values: &[f64]) -> Curve {
        let labels = (1..=values.len()).map(|point| 100.0 * point as f64).collect();
        Curve::new(labels, values.to_vec()).unwrap()
    }

    /// The test vector of the protocol, section 7.
    #[test]
    fn the_protocols_vector() {
        let a = curve(&[0.50, 0.70, 0.82, 0.81, 0.85]);
        let b = curve(&[0.50, 0.60, 0.58, 0.70, 0.80]);
        let cases = [
            (a.labels_to(0.60), 150.0),
            (b.labels_to(0.60), 200.0),
            (a.labels_to(0.65), 175.0),
            (b.labels_to(0.65), 350.0),
            (a.labels_to(0.80), 283.333_333),
            (b.labels_to(0.80), 500.0),
        ];
        for (got, expected) in cases {
            assert!(matches!(got, Reach::At(n) if (n - expected).abs() < 1e-6), "{got:?}");
        }
        assert!((a.area() - 0.751_25).abs() < 1e-12);
        assert!((b.area() - 0.632_5).abs() < 1e-12);
        assert_eq!(b.running_maximum().values(), [0.50, 0.60, 0.60, 0.70, 0.80]);
    }

    #[test]
    fn the_limit_from_above_leaves_a_plateau() {
        let b = curve(&[0.50, 0.60, 0.58, 0.70, 0.80]);
        assert_eq!(b.labels_beyond(0.60), Reach::At(300.0));
        assert_eq!(b.labels_beyond(0.80), Reach::Beyond(500.0));
        assert_eq!(b.labels_beyond(0.40), Reach::At(100.0));
    }

    #[test]
    fn mean_median_and_error_of_four_trials() {
        let trials: Vec<Curve> =
            [0.80, 0.82, 0.81, 0.85].iter().map(|last| curve(&[0.5, *last])).collect();
        assert!((Curve::mean(&trials).unwrap().last() - 0.82).abs() < 1e-12);
        assert!((Curve::median(&trials).unwrap().last() - 0.815).abs() < 1e-12);
        let errors = Curve::standard_errors(&trials).unwrap().unwrap();
        assert!((errors[1] - 0.010_801).abs() < 1e-6 && errors[0] == 0.0);
        assert_eq!(Curve::standard_errors(&trials[..1]).unwrap(), None);
    }

    #[test]
    fn bad_curves_are_refused() {
        let refused = |curve: Result<Curve, Error>| curve.unwrap_err().to_string();
        assert!(refused(Curve::new(vec![], vec![])).starts_with("there are no points"));
        assert!(refused(Curve::new(vec![1.0], vec![])).starts_with("0 values of a curve given, 1"));
        let flat = Curve::new(vec![2.0, 2.0], vec![0.1, 0.2]);
        assert!(refused(flat).starts_with("point 1 of a curve is at"));
        let missing = Curve::new(vec![1.0], vec![f64::NAN]);
        assert!(refused(missing).starts_with("point 0 of a curve is NaN"));
        let misaligned = Curve::mean(&[curve(&[0.1, 0.2]), curve(&[0.1])]);
        assert!(refused(misaligned).contains("at point 1"));
        assert!(Curve::mean(&[]).is_err());
    }

    proptest! {
        #[test]
        fn a_higher_target_never_needs_fewer_labels(
            values in prop::collection::vec(0.0f64..1.0, 1..12), low in 0.0f64..1.0, more in 0.0f64..1.0,
        ) {
            let curve = curve(&values);
            let needed = |target| match curve.labels_to(target) {
                Reach::At(labels) => labels,
                Reach::Beyond(_) => f64::INFINITY,
            };
            prop_assert!(needed(low) <= needed(low + more));
            prop_assert!(needed(curve.best()).is_finite());
        }

        #[test]
        fn the_area_lies_between_the_lowest_and_the_highest_value(
            values in prop::collection::vec(0.0f64..1.0, 1..12),
        ) {
            let curve = curve(&values);
            let lowest = values.iter().copied().fold(1.0, f64::min);
            prop_assert!(lowest - 1e-12 <= curve.area() && curve.area() <= curve.best() + 1e-12);
        }
    }
}
