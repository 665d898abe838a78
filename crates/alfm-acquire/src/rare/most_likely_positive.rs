use alfm_core::{ClassId, Predictions};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::options::{HasOptions, Opt};
use crate::{Acquisition, Error, Input, Needs, Pick, Request};

/// MLP, most likely positive: `max_k p_k` over all classes but the majority (Warmuth et al. 2001, 2003;
/// Jiang et al. 2018).
///
/// Greedy harvesting of whatever is not the majority, however sure the model is of it; ties go to the lowest
/// row. Probabilities are ranked, not logits.
///
/// If the majority or an observed label is not one of the model's classes.
///
/// `O(N K)` time, `O(N)` memory.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MostLikelyPositive {
    /// The majority class; without it the class with most labels, before any label the one that most
    /// candidates are predicted as; the lowest on ties.
    pub majority: Option<ClassId>,
}

impl HasOptions for MostLikelyPositive {
    const OPTIONS: &'static [Opt] = &[Opt::new(
        "majority",
        "the majority class by number; if it is not set the one with most labels",
        "none, or the number of a class",
    )];
}

impl Acquisition for MostLikelyPositive {
    fn name(&self) -> &str {
        "mlp"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model])
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        let model = request.model()?;
        let candidates = request.candidates();
        let majority = self.majority(request, model)?;
        let score = |buffer: &mut Vec<f32>, row: &usize| {
            let (before, after) = model.row(*row, buffer).split_at(majority);
            before.iter().chain(&after[1..]).copied().fold(0.0, f32::max)
        };
        let scores: Vec<f32> = candidates.par_iter().map_init(Vec::new, score).collect();
        Ok(request.largest(&scores))
    }
}

impl MostLikelyPositive {
    fn majority(&self, request: &Request<'_>, model: Predictions<'_>) -> Result<usize, Error> {
        let classes = model.classes();
        if let Some(class) = self.majority {
            let known = class.index() < classes;
            return known
                .then_some(class.index())
                .ok_or_else(|| Error::unknown_class(class, classes));
        }
        let mut counts = request.pool.class_counts(classes)?;
        if counts.iter().all(|count| *count == 0) {
            request.candidates().iter().for_each(|row| counts[model.argmax(*row).index()] += 1);
        }
        Ok((1..classes)
            .fold(0, |best, class| if counts[class] > counts[best] { class } else { best }))
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::SeedTree;

    use super::*;
    use crate::Pool;
    use crate::uncertainty::P6;

    fn picks(
        strategy: MostLikelyPositive,
        model: Predictions<'_>,
        observed: &[Option<ClassId>],
    ) -> Vec<(usize, f64)> {
        let pool = Pool::new(observed).unwrap().with_model(model).unwrap();
        let picks = strategy.select(&pool, 9, &SeedTree::new(0)).unwrap();
        picks.iter().map(|pick| (pick.row, pick.score)).collect()
    }

    fn rows(picks: Vec<(usize, f64)>) -> Vec<usize> {
        picks.into_iter().map(|(row, _)| row).collect()
    }

    #[test]
    fn worked_example_p6() {
        let strategy = MostLikelyPositive { majority: Some(ClassId::new(2)) };
        let model = Predictions::probabilities(&P6, 6, 3).unwrap();
        let picks = picks(strategy, model, &[None; 6]);
        let expected = [(4, 0.90), (0, 0.70), (5, 0.55), (3, 0.50), (1, 0.40), (2, 0.34)];
        for ((row, score), (expected_row, expected)) in picks.into_iter().zip(expected) {
            assert_eq!(row, expected_row);
            assert!((score - expected).abs() < 1e-6);
        }
    }

    /// Labels decide first, the lowest class on ties; class 1 never shows.
    #[test]
    fn the_majority_is_the_class_with_most_labels() {
        let model = Predictions::probabilities(&P6, 6, 3).unwrap();
        let label = |class| Some(ClassId::new(class));
        let observed = [label(2), None, label(0), None, None, label(2)];
        assert_eq!(rows(picks(MostLikelyPositive::default(), model, &observed)), [4, 3, 1]);
        let tied = [label(2), None, label(0), None, None, None];
        assert_eq!(rows(picks(MostLikelyPositive::default(), model, &tied)), [5, 3, 1, 4]);
    }

    /// Five of six rows are predicted as class 0.
    #[test]
    fn without_labels_the_majority_is_the_most_predicted_class() {
        let model = Predictions::probabilities(&P6, 6, 3).unwrap();
        let observed = [None; 6];
        let expected = [5, 3, 1, 2, 0, 4];
        assert_eq!(rows(picks(MostLikelyPositive::default(), model, &observed)), expected);
    }

    /// The raw logit of row 0 is the larger one, its probability the smaller.
    #[test]
    fn probabilities_are_ranked_not_raw_logits() {
        let model = Predictions::logits(&[9.0, 8.0, 1.0, 2.0], 2, 2).unwrap();
        let strategy = MostLikelyPositive { majority: Some(ClassId::new(0)) };
        assert_eq!(rows(picks(strategy, model, &[None; 2])), [1, 0]);
    }

    #[test]
    fn two_classes_rank_by_the_minority() {
        let model = Predictions::probabilities(&[0.9, 0.1, 0.2, 0.8, 1.0, 0.0], 3, 2).unwrap();
        assert_eq!(rows(picks(MostLikelyPositive::default(), model, &[None; 3])), [1, 0, 2]);
    }

    #[test]
    fn a_class_that_the_model_has_not_is_refused() {
        let model = Predictions::probabilities(&P6, 6, 3).unwrap();
        let refused = |majority, observed: [Option<ClassId>; 6]| {
            let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
            MostLikelyPositive { majority }.select(&pool, 1, &SeedTree::new(0)).unwrap_err()
        };
        let expected = Error::unknown_class(ClassId::new(3), 3);
        assert_eq!(refused(Some(ClassId::new(3)), [None; 6]), expected);
        let mut observed = [None; 6];
        observed[1] = Some(ClassId::new(3));
        assert_eq!(refused(None, observed), expected);
    }
}
