//! The fused co-decision kernel: one pass over both experts' probabilities.

use std::ops::Range;

use alfm_core::{CoreError, Predictions};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::elementary::{clamp_entropy, x_ln_x};
use crate::tile::{Class, LANES, decide, transpose};

/// How the prior `p_L` and the small model `p_f` become one distribution `pbar`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Joint {
    /// Product of experts, `pbar ~ p_f p_L` (PriorAL, section 2, step 2).
    #[default]
    Product,
    /// The small model alone.
    SmallOnly,
    /// The prior alone.
    PriorOnly,
    /// `lambda p_L + (1 - lambda) p_f`, `lambda` in `[0, 1]`.
    Mixture(f32),
}

impl Joint {
    /// The unnormalised joint probability of one class.
    pub fn combine(self, prior: f32, model: f32) -> f32 {
        match self {
            Self::Product => prior * model,
            Self::SmallOnly => model,
            Self::PriorOnly => prior,
            Self::Mixture(lambda) => lambda * prior + (1.0 - lambda) * model,
        }
    }
}

/// What both experts together say of one row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CoDecision {
    /// `H(pbar)` in nats, in `[0, ln K]`.
    pub joint_entropy: f32,
    /// `H(p_f)` in nats, in `[0, ln K]`.
    pub model_entropy: f32,
    /// `argmax p_L`, lowest class on ties.
    pub prior_label: u32,
    /// `argmax p_f`, lowest class on ties.
    pub model_label: u32,
    /// `argmax pbar`, lowest class on ties.
    pub joint_label: u32,
    /// `pbar` of the prior label.
    pub prior_label_confidence: f32,
    /// `pbar` of the joint label.
    pub joint_label_confidence: f32,
}

/// Decides every row.
///
/// One pass over `2 N K` values, in parallel over tiles of 16 rows; a row's decision depends on that row only
/// and has the same bits on every machine. Resident beside the inputs: `28 N` bytes of decisions and
/// `256 K` bytes a thread, of which a quarter only for inputs that are not `f32` probabilities. Of the inputs
/// no more than one tile a thread is looked at, from front to back, so that they may lie in mapped files
/// larger than memory.
///
/// Where the experts contradict each other so strongly that `sum_k p_f p_L` vanishes in single precision,
/// the row is decided from log-probabilities floored at `ln 1e-30`: finite, and the same on every machine.
///
/// # Errors
/// [`CoreError::RowCount`] or [`CoreError::ColumnCount`] if `model` has another shape than `prior`.
pub fn co_decide(
    prior: Predictions<'_>,
    model: Predictions<'_>,
    joint: Joint,
) -> Result<Vec<CoDecision>, CoreError> {
    check_shapes(prior, model)?;
    let rows = prior.rows();
    let tile = |scratch: &mut Scratch, tile: usize| {
        let span = tile * LANES..rows.min((tile + 1) * LANES);
        scratch.decide_rows(prior, model, joint, span)
    };
    // Whole tiles, so that every decision is written once, by the thread that took it.
    let tiles: Vec<[CoDecision; LANES]> = (0..rows.div_ceil(LANES))
        .into_par_iter()
        .with_min_len(16)
        .map_init(|| Scratch::new(prior.classes()), tile)
        .collect();
    let mut decisions = tiles.into_flattened();
    decisions.truncate(rows);
    Ok(decisions)
}

pub(crate) fn check_shapes(
    prior: Predictions<'_>,
    model: Predictions<'_>,
) -> Result<(), CoreError> {
    let rows = prior.rows();
    let classes = prior.classes();
    if model.rows() != rows {
        return Err(CoreError::RowCount { what: "model", expected: rows, got: model.rows() });
    }
    if model.classes() != classes {
        let got = model.classes();
        return Err(CoreError::ColumnCount { what: "model", expected: classes, got });
    }
    Ok(())
}

/// Decides a few rows, the same bits as all of them together.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub(crate) fn decide_rows(
    prior: Predictions<'_>,
    model: Predictions<'_>,
    joint: Joint,
    rows: &[usize],
) -> Vec<CoDecision> {
    let decide = |scratch: &mut Scratch, row: &usize| {
        scratch.decide_rows(prior, model, joint, *row..row + 1)[0]
    };
    rows.par_iter().map_init(|| Scratch::new(prior.classes()), decide).collect()
}

/// What one thread needs beside its inputs and outputs; a tile holds one class after the other.
struct Scratch {
    rows: Vec<f32>,
    prior: Vec<Class>,
    model: Vec<Class>,
    joint: Vec<Class>,
}

impl Scratch {
    fn new(classes: usize) -> Self {
        let tile = || vec![Class::ZERO; classes];
        Self { rows: Vec::new(), prior: tile(), model: tile(), joint: tile() }
    }

    /// Decides the rows of `span`, at most a tile.
    fn decide_rows(
        &mut self,
        prior: Predictions<'_>,
        model: Predictions<'_>,
        joint: Joint,
        span: Range<usize>,
    ) -> [CoDecision; LANES] {
        let classes = prior.classes();
        transpose(prior.read(span.clone(), &mut self.rows), classes, &mut self.prior);
        transpose(model.read(span, &mut self.rows), classes, &mut self.model);
        self.decide(joint, (classes as f64).ln())
    }

    fn decide(&mut self, joint: Joint, highest: f64) -> [CoDecision; LANES] {
        let mut rows = [CoDecision::default(); LANES];
        let Self { prior, model, joint: q, .. } = self;
        let mass = decide(prior, model, q, joint, highest, &mut rows);
        for lane in (0..LANES).filter(|lane| mass[*lane] < f64::from(f32::MIN_POSITIVE)) {
            self.settle_contradiction(&mut rows[lane], lane);
        }
        rows
    }

    /// The rare row whose experts have disjoint supports: log-probabilities floored at `ln 1e-30`.
    #[cold]
    #[expect(clippy::cast_possible_truncation, reason = "scaled to at most 1")]
    fn settle_contradiction(&self, decision: &mut CoDecision, lane: usize) {
        let floored = |class: &Class| f64::from(class.of(lane)).max(1e-30).ln();
        let logs: Vec<f64> = self
            .prior
            .iter()
            .zip(&self.model)
            .map(|(p_l, p_f)| floored(p_l) + floored(p_f))
            .collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let q: Vec<f64> = logs.iter().map(|log| (log - top).exp()).collect();
        let mass: f64 = q.iter().sum();
        let entropy = -q.iter().map(|q| f64::from(x_ln_x((q / mass) as f32))).sum::<f64>();
        let joint_label = q.iter().position(|q| *q >= 1.0).unwrap_or(0);
        decision.joint_entropy = clamp_entropy(entropy, q.len());
        decision.joint_label = joint_label as u32;
        decision.prior_label_confidence = (q[decision.prior_label as usize] / mass) as f32;
        decision.joint_label_confidence = (q[joint_label] / mass) as f32;
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::ScoreKind;
    use proptest::prelude::*;

    use super::*;

    fn decide(prior: &[f32], model: &[f32], classes: usize, joint: Joint) -> Vec<CoDecision> {
        let rows = prior.len() / classes;
        let prior = Predictions::probabilities(prior, rows, classes).unwrap();
        let model = Predictions::probabilities(model, rows, classes).unwrap();
        co_decide(prior, model, joint).unwrap()
    }

    #[test]
    fn disjoint_supports_give_a_finite_entropy() {
        let decision = decide(&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], 3, Joint::Product)[0];
        // Both of the contradicting classes weigh 1e-30, the third 1e-60.
        assert!((decision.joint_entropy - 2.0f32.ln()).abs() < 1e-6);
        assert_eq!((decision.prior_label, decision.model_label, decision.joint_label), (0, 1, 0));
        assert!((decision.prior_label_confidence - 0.5).abs() < 1e-6);
    }

    /// A tail of every length, and a contradiction in each of its lanes.
    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let prior = [0.7, 0.2, 0.1, 0.25, 0.25, 0.5, 1.0, 0.0, 0.0, 0.3, 0.4, 0.3];
        let model = [0.1, 0.2, 0.7, 0.5, 0.25, 0.25, 0.0, 0.5, 0.5, 0.3, 0.3, 0.4];
        let many_prior = prior.repeat(11);
        let many_model = model.repeat(11);
        for joint in [Joint::Product, Joint::SmallOnly, Joint::PriorOnly, Joint::Mixture(0.3)] {
            for rows in 1..=44 {
                let prior = &many_prior[..rows * 3];
                let model = &many_model[..rows * 3];
                let together = decide(prior, model, 3, joint);
                assert_eq!(together.len(), rows);
                for (row, together) in together.into_iter().enumerate() {
                    let span = row * 3..(row + 1) * 3;
                    let alone = decide(&prior[span.clone()], &model[span], 3, joint)[0];
                    assert_eq!(together, alone, "row {row} of {rows}");
                }
            }
        }
    }

    #[test]
    fn ties_go_to_the_lowest_class() {
        let decision = decide(&[0.25; 4], &[0.1, 0.4, 0.4, 0.1], 4, Joint::Product)[0];
        assert_eq!((decision.prior_label, decision.model_label, decision.joint_label), (0, 1, 1));
    }

    /// The mass is the smallest that counts: its entropy is as exact as that of any other row.
    #[test]
    fn a_tiny_mass_keeps_its_entropy() {
        let prior = [1.0, 1e-19, 1e-19];
        let decision = decide(&prior, &[0.0, 0.75, 0.25], 3, Joint::Product)[0];
        assert!((decision.joint_entropy - 0.562_335_1).abs() < 1e-6);
        assert_eq!(decision.joint_label, 1);
        assert!((decision.joint_label_confidence - 0.75).abs() < 1e-6);
    }

    #[test]
    fn half_precision_decides_as_its_values_do() {
        let prior: Vec<half::f16> =
            [0.7, 0.2, 0.1, 0.4, 0.35, 0.25].map(half::f16::from_f32).to_vec();
        let wide: Vec<f32> = prior.iter().map(|p| p.to_f32()).collect();
        let model = [0.2, 0.5, 0.3, 0.3, 0.3, 0.4];
        let half = Predictions::half(&prior, 2, 3, ScoreKind::Probabilities).unwrap();
        let given = Predictions::probabilities(&model, 2, 3).unwrap();
        let narrow = co_decide(half, given, Joint::Product).unwrap();
        assert_eq!(narrow, decide(&wide, &model, 3, Joint::Product));
    }

    #[test]
    fn experts_of_other_shapes_are_refused() {
        let prior = Predictions::probabilities(&[0.5; 4], 2, 2).unwrap();
        let short = Predictions::probabilities(&[0.5; 2], 1, 2).unwrap();
        let wide = Predictions::logits(&[0.5; 6], 2, 3).unwrap();
        let rows = co_decide(prior, short, Joint::Product).unwrap_err();
        assert_eq!(rows, CoreError::RowCount { what: "model", expected: 2, got: 1 });
        let columns = co_decide(prior, wide, Joint::Product).unwrap_err();
        assert_eq!(columns, CoreError::ColumnCount { what: "model", expected: 2, got: 3 });
    }

    fn distribution(classes: usize) -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(0.01f32..1.0, classes).prop_map(|row| {
            let sum: f32 = row.iter().sum();
            row.iter().map(|p| p / sum).collect()
        })
    }

    proptest! {
        #[test]
        fn a_uniform_model_gives_the_prior_back(prior in distribution(5)) {
            let decision = decide(&prior, &[0.2; 5], 5, Joint::Product)[0];
            let alone = decide(&prior, &[0.2; 5], 5, Joint::PriorOnly)[0];
            prop_assert!((decision.joint_entropy - alone.joint_entropy).abs() < 1e-5);
            prop_assert_eq!(decision.joint_label, decision.prior_label);
        }

        #[test]
        fn agrees_with_double_precision(prior in distribution(7), model in distribution(7)) {
            let q: Vec<f64> =
                prior.iter().zip(&model).map(|(a, b)| f64::from(*a) * f64::from(*b)).collect();
            let mass: f64 = q.iter().sum();
            let expected: f64 = -q.iter().map(|q| q / mass * (q / mass).ln()).sum::<f64>();
            let decision = decide(&prior, &model, 7, Joint::Product)[0];
            prop_assert!((f64::from(decision.joint_entropy) - expected).abs() < 2e-6);
        }

        #[test]
        fn logits_and_probabilities_agree(prior in distribution(4), model in distribution(4)) {
            let logits: Vec<f32> = model.iter().map(|p| p.ln() + 3.0).collect();
            let given = decide(&prior, &model, 4, Joint::Product)[0];
            let prior = Predictions::probabilities(&prior, 1, 4).unwrap();
            let logits = Predictions::logits(&logits, 1, 4).unwrap();
            let back = co_decide(prior, logits, Joint::Product).unwrap()[0];
            prop_assert!((given.joint_entropy - back.joint_entropy).abs() < 2e-6);
            prop_assert!((given.model_entropy - back.model_entropy).abs() < 2e-6);
            prop_assert_eq!(given.prior_label, back.prior_label);
        }
    }
}
