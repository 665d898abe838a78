//! When to stop: shown to whoever decides, never acted on.

use std::collections::BTreeMap;

use alfm_core::{ClassId, Items, LabelLog, Predictions};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::empty_pool;
use crate::guard::clopper_pearson;

/// Cohen's kappa of successive models from which on they count as saying the same.
pub const SETTLED_KAPPA: f64 = 0.99;
/// Successive rounds in which they must.
pub const SETTLED_ROUNDS: usize = 3;
/// How often a stated interval of accuracy may be wrong.
const INTERVAL_RISK: f64 = 0.05;

/// What can be said after a round about whether to go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Advice {
    /// Accuracy, estimated on the labels that were asked at random, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<AccuracyEstimate>,
    /// How far this round's model says what the last one said; `None` in the first round.
    pub agreement: Option<Agreement>,
    /// The share of the pool by which the next batch can raise accuracy at most; `None` in the first round.
    ///
    /// Accuracy changes by no more than the share of items whose class changes. That share is assumed to be no
    /// larger than in the most eventful of the last [`SETTLED_ROUNDS`] rounds: right for batches of one size and
    /// a process that calms down, wrong where the next labels uncover something new. It is a limit, not a
    /// forecast, and mostly a wide one: right answers are lost beside those that are won.
    pub largest_gain: Option<f64>,
    /// Whether predictions have settled: kappa has been at least [`SETTLED_KAPPA`] for [`SETTLED_ROUNDS`]
    /// successive rounds (Bloodgood & Vijay-Shanker 2009), here on the whole pool.
    ///
    /// A model that has settled is not thereby right: a class that is still unseen changes nothing.
    pub settled: bool,
}

impl Advice {
    /// Adds what the random labels say.
    #[must_use]
    pub fn with_accuracy(mut self, accuracy: Option<AccuracyEstimate>) -> Self {
        self.accuracy = accuracy;
        self
    }
}

/// Agreement of two successive models on the pool.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Agreement {
    /// Cohen's kappa, at most 1; 0 where both models name one and the same class only, since chance then agrees
    /// as well as they do.
    pub kappa: f64,
    /// Share of the items whose class changed.
    pub changed: f64,
}

impl Agreement {
    /// `O(N log K)` time. In integers, so that no order of summation matters.
    fn new(before: &[ClassId], after: &[ClassId]) -> Self {
        let count = |of: &[ClassId]| {
            let mut counts = BTreeMap::<ClassId, u64>::new();
            of.iter().for_each(|class| *counts.entry(*class).or_default() += 1);
            counts
        };
        let (first, second) = (count(before), count(after));
        let chance: u64 =
            first.iter().map(|(class, n)| n * second.get(class).copied().unwrap_or(0)).sum();
        let items = before.len() as u64;
        let same = before.iter().zip(after).filter(|(a, b)| a == b).count() as u64;
        let kappa = match items * items - chance {
            0 => 0.0,
            room => ((items * same) as f64 - chance as f64) / room as f64,
        };
        Self { kappa, changed: (items - same) as f64 / items as f64 }
    }
}

/// Accuracy on a pool, estimated on labels that were asked at random.
///
/// The interval is two-sided at 95 % (Clopper & Pearson 1934) and covers the luck of the draw only. Models that
/// have not seen an item's label have seen fewer labels than the one in use, so the estimate is rather too low.
/// Later random labels come from the items that were then unlabelled, which are easier than the pool where the
/// hard ones are asked first: that makes it rather too high.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccuracyEstimate {
    /// Labels asked at random.
    pub labels: usize,
    /// Those of them that the model names.
    pub right: usize,
    /// The estimate, in `[0, 1]`, with label noise taken out as far as its rate is known.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl AccuracyEstimate {
    /// From the number of random labels that a model names without having seen them.
    ///
    /// A share of `noise` of the labels is wrong, evenly over the other classes, so that a model of accuracy `a`
    /// names `a (1 - noise) + (1 - a) noise / (K - 1)` of them, which is solved for `a`. With 0 every wrong label
    /// counts as an error of the model. `noise` is taken as known: that it is estimated itself widens no interval.
    ///
    /// `None` without labels, or where they are so noisy that they say nothing.
    ///
    /// ```
    /// use alfm_select::AccuracyEstimate;
    /// let accuracy = AccuracyEstimate::new(8, 10, 0.0, 2).unwrap();
    /// assert_eq!(accuracy.estimate, 0.8);
    /// assert!((accuracy.low - 0.4439).abs() < 1e-4 && (accuracy.high - 0.9748).abs() < 1e-4);
    /// ```
    #[must_use]
    pub fn new(right: usize, labels: usize, noise: f64, classes: usize) -> Option<Self> {
        let others = classes.checked_sub(1).filter(|others| *others > 0)? as f64;
        let informative = 1.0 - noise - noise / others;
        // A comparison that no NaN passes.
        if labels == 0 || right > labels || !(informative > 1e-9 && informative <= 1.0) {
            return None;
        }
        let accuracy = |named: f64| ((named - noise / others) / informative).clamp(0.0, 1.0);
        let (hits, of, side) = (right as f64, labels as f64, INTERVAL_RISK / 2.0);
        Some(Self {
            labels,
            right,
            estimate: accuracy(hits / of),
            low: accuracy(1.0 - clopper_pearson(of - hits, of, side)),
            high: accuracy(clopper_pearson(hits, of, side)),
        })
    }

    /// From the random labels of a log: its first batch, where that was drawn at random, and what was explored.
    ///
    /// `out_of_fold` are predictions of all `n` labelled items by ascending row (`n x K`), as in
    /// [`LabelsOnly`](crate::LabelsOnly); `noise` is 0 or [`Trust::noise_rate`](crate::Trust::noise_rate).
    ///
    /// # Errors
    /// Predictions of another shape, or a labelled item that the pool does not hold.
    pub fn of(
        items: &Items,
        log: &LabelLog,
        out_of_fold: Predictions<'_>,
        noise: f64,
    ) -> Result<Option<Self>, Error> {
        let (labels, got) = (log.labelled(), out_of_fold.rows());
        if got != labels {
            return Err(Error::input(format!(
                "the out-of-fold predictions have {got} rows, but {labels} items are labelled: give one row per \
                 labelled item, by ascending row"
            )));
        }
        let (expected, got) = (log.schema().len(), out_of_fold.classes());
        if got != expected {
            return Err(Error::column_count("out-of-fold predictions", expected, got));
        }
        let named: Vec<bool> = log
            .labels_by_row(items)?
            .into_iter()
            .enumerate()
            .filter(|(_, (_, label))| label.at_random)
            .map(|(at, (_, label))| out_of_fold.argmax(at) == label.class)
            .collect();
        let right = named.iter().filter(|named| **named).count();
        Ok(Self::new(right, named.len(), noise, got))
    }
}

/// Compares each round's model with the last ones; saved with `serde`, it goes on where it was.
///
/// ```
/// use alfm_select::{Advisor, Predictions};
/// let mut advisor = Advisor::default();
/// let first = Predictions::probabilities(&[0.9, 0.1, 0.8, 0.2, 0.3, 0.7, 0.6, 0.4], 4, 2)?;
/// assert!(advisor.observe(first)?.agreement.is_none());
///
/// // The last of four items changes its class: the next batch changes no more, if it is like this one.
/// let second = Predictions::probabilities(&[0.9, 0.1, 0.8, 0.2, 0.3, 0.7, 0.4, 0.6], 4, 2)?;
/// let advice = advisor.observe(second)?;
/// assert_eq!((advice.largest_gain, advice.settled), (Some(0.25), false));
/// # Ok::<(), alfm_select::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Advisor {
    /// The classes of the last model.
    last: Option<Vec<ClassId>>,
    /// Of the last rounds, the newest at the end, at most [`SETTLED_ROUNDS`].
    recent: Vec<Agreement>,
}

impl Advisor {
    /// Takes a round's predictions on the pool, `N x K`. On an error nothing has changed.
    ///
    /// `O(N K)` time, `O(N)` memory.
    ///
    /// # Errors
    /// An empty pool, or one of another size than before.
    pub fn observe(&mut self, model: Predictions<'_>) -> Result<Advice, Error> {
        let classes: Vec<ClassId> = (0..model.rows()).map(|row| model.argmax(row)).collect();
        if classes.is_empty() {
            return Err(empty_pool());
        }
        let agreement = match &self.last {
            None => None,
            Some(last) if last.len() != classes.len() => {
                let (expected, got) = (last.len(), classes.len());
                return Err(Error::row_count("model", expected, got));
            }
            Some(last) => Some(Agreement::new(last, &classes)),
        };
        self.last = Some(classes);
        self.recent.extend(agreement);
        let surplus = self.recent.len().saturating_sub(SETTLED_ROUNDS);
        self.recent.drain(..surplus);
        let calm = self.recent.iter().all(|round| round.kappa >= SETTLED_KAPPA);
        Ok(Advice {
            accuracy: None,
            agreement,
            largest_gain: self.recent.iter().map(|round| round.changed).reduce(f64::max),
            settled: calm && self.recent.len() == SETTLED_ROUNDS,
        })
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::ClassSchema;

    use super::*;
    use crate::{Inputs, Selector, Strategy};

    /// A model that is sure of a class for each item.
    fn model(classes: &[usize]) -> Vec<f32> {
        classes
            .iter()
            .flat_map(|class| [0, 1, 2].map(|k| f32::from(u8::from(k == *class))))
            .collect()
    }

    fn observe(advisor: &mut Advisor, classes: &[usize]) -> Advice {
        let values = model(classes);
        advisor.observe(Predictions::probabilities(&values, classes.len(), 3).unwrap()).unwrap()
    }

    /// Seven of ten items stay; by chance 5*4 + 3*3 + 2*3 = 35 of 100 pairs would: (70 - 35) / (100 - 35).
    #[test]
    fn kappa_by_hand() {
        let mut advisor = Advisor::default();
        let first = observe(&mut advisor, &[0, 0, 0, 0, 0, 1, 1, 1, 2, 2]);
        assert_eq!(first, Advice::default());
        let second = observe(&mut advisor, &[0, 0, 0, 1, 2, 1, 1, 0, 2, 2]);
        let agreement = second.agreement.unwrap();
        assert!((agreement.kappa - 35.0 / 65.0).abs() < 1e-12, "{agreement:?}");
        assert!((agreement.changed - 0.3).abs() < 1e-12);
        assert_eq!(second.largest_gain, Some(agreement.changed));
    }

    #[test]
    fn predictions_settle_in_the_third_calm_round_and_a_stir_starts_anew() {
        let calm = [0, 1, 2, 0, 1, 2];
        let stirred = [0, 1, 2, 0, 1, 0];
        let mut advisor = Advisor::default();
        let mut settled = |classes| observe(&mut advisor, classes).settled;
        assert_eq!([(); 4].map(|()| settled(&calm)), [false, false, false, true]);
        assert!(!settled(&stirred));
        assert_eq!([(); 3].map(|()| settled(&stirred)), [false, false, true]);
    }

    #[test]
    fn the_limit_of_the_gain_remembers_three_rounds() {
        let mut advisor = Advisor::default();
        let rounds = [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0]];
        let limits = rounds.map(|classes| observe(&mut advisor, &classes).largest_gain);
        assert_eq!(limits, [None, Some(0.5), Some(0.5), Some(0.5), Some(0.25)]);
    }

    #[test]
    fn a_model_that_names_one_class_only_never_settles() {
        let mut advisor = Advisor::default();
        for _ in 0..6 {
            let advice = observe(&mut advisor, &[1; 5]);
            assert!(!advice.settled);
            assert!(advice.agreement.is_none_or(|is| (is.kappa, is.changed) == (0.0, 0.0)));
        }
    }

    #[test]
    fn another_pool_is_refused_and_a_saved_advisor_goes_on() {
        let mut advisor = Advisor::default();
        observe(&mut advisor, &[0, 1, 2]);
        let values = model(&[0, 1]);
        let error =
            advisor.observe(Predictions::probabilities(&values, 2, 3).unwrap()).unwrap_err();
        assert_eq!(error, Error::row_count("model", 3, 2));
        let saved = serde_json::to_string(&advisor).unwrap();
        let mut back: Advisor = serde_json::from_str(&saved).unwrap();
        let next = [0, 1, 1];
        let advice = observe(&mut back, &next);
        assert!(advice.agreement.is_some());
        assert_eq!(advice, observe(&mut advisor, &next));
    }

    /// scipy.stats.beta.ppf: 8 of 10 is .444 to .975; 10 of 10 is .025^(1/10) to 1; 0 of 10 the mirror image.
    #[test]
    fn intervals_by_hand() {
        let of = |right| AccuracyEstimate::new(right, 10, 0.0, 5).unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
        near(of(8).low, 0.443_905);
        near(of(8).high, 0.974_789);
        let end = 0.025f64.powf(0.1);
        near(of(10).low, end);
        near(of(10).high, 1.0);
        near(of(0).low, 0.0);
        near(of(0).high, 1.0 - end);
        assert_eq!(AccuracyEstimate::new(0, 0, 0.0, 5), None);
        assert_eq!(AccuracyEstimate::new(1, 1, 0.0, 1), None, "one class says nothing");
    }

    /// Accuracy .9 and noise .2 over 5 classes: .9 * .8 + .1 * .2 / 4 = .725 of the labels are named.
    #[test]
    fn known_noise_is_taken_out() {
        let plain = AccuracyEstimate::new(725, 1000, 0.0, 5).unwrap();
        let aware = AccuracyEstimate::new(725, 1000, 0.2, 5).unwrap();
        assert!((plain.estimate - 0.725).abs() < 1e-12);
        assert!((aware.estimate - 0.9).abs() < 1e-12, "{aware:?}");
        assert!((aware.low - (plain.low - 0.05) / 0.75).abs() < 1e-12);
        assert_eq!(AccuracyEstimate::new(1, 2, 0.5, 2), None, "a coin");
        assert_eq!(AccuracyEstimate::new(1, 2, f64::NAN, 2), None);
    }

    #[test]
    fn only_labels_asked_at_random_count() {
        let items = Items::named(["p", "q", "r", "s"]).unwrap();
        let mut log = LabelLog::new(ClassSchema::new(["a", "b", "c"]).unwrap());
        let selector = Selector::new(Strategy::named("margin").unwrap(), 3).unwrap();
        let first = selector.suggest(&items, &log, &Inputs::default(), 2).unwrap();
        first.hand_out(&mut log, None).unwrap();
        let label = ClassId::new(1);
        let answers = first.queries.iter().map(|query| (query.id.clone(), label));
        log.tell(&answers.collect::<Vec<_>>()).unwrap();
        // A third item, asked by nobody; only the second of the random ones is named right.
        let asked: Vec<usize> =
            first.queries.iter().map(|query| items.row_of(&query.id).unwrap()).collect();
        let third = (0..4).find(|row| !asked.contains(row)).unwrap();
        log.tell(&[(items.id(third), label)]).unwrap();
        let mut rows = asked.clone();
        rows.push(third);
        rows.sort_unstable();
        let wrong = *asked.iter().min().unwrap();
        let named: Vec<usize> = rows.iter().map(|row| usize::from(*row != wrong)).collect();
        let values = model(&named);
        let out_of_fold = Predictions::probabilities(&values, 3, 3).unwrap();
        let accuracy = AccuracyEstimate::of(&items, &log, out_of_fold, 0.0).unwrap().unwrap();
        assert_eq!((accuracy.right, accuracy.labels), (1, 2));

        let short = Predictions::probabilities(&values[..6], 2, 3).unwrap();
        let error = AccuracyEstimate::of(&items, &log, short, 0.0).unwrap_err();
        let expected =
            "the out-of-fold predictions have 2 rows, but 3 items are labelled: give one";
        assert!(error.to_string().starts_with(expected), "{error}");
    }

    #[test]
    fn without_random_labels_there_is_no_accuracy() {
        let items = Items::named(["p", "q"]).unwrap();
        let mut log = LabelLog::new(ClassSchema::new(["a", "b", "c"]).unwrap());
        log.tell_seed(&[("p".into(), ClassId::new(0))]).unwrap();
        let values = model(&[0]);
        let out_of_fold = Predictions::probabilities(&values, 1, 3).unwrap();
        assert_eq!(AccuracyEstimate::of(&items, &log, out_of_fold, 0.0).unwrap(), None);
    }
}
