//! The fused co-decision kernel: one pass over both experts' probabilities.

use alfm_core::{CoreError, Predictions, ScoreKind};
use multiversion::multiversion;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::elementary::{clamp_entropy, exp, x_ln_x};

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

/// Floats of a block: two inputs and three scratch rows of this size stay in a 32 KiB cache together.
const BLOCK: usize = 1024;

/// Decides every row.
///
/// One pass over `2 N K` floats in blocks, in parallel; `28 N` bytes for the result and a constant per thread.
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
    let (rows, classes) = (prior.rows(), prior.classes());
    if model.rows() != rows {
        return Err(CoreError::RowCount { what: "model", expected: rows, got: model.rows() });
    }
    if model.classes() != classes {
        let got = model.classes();
        return Err(CoreError::ColumnCount { what: "model", expected: classes, got });
    }
    let block_rows = (BLOCK / classes).max(1);
    let block = block_rows * classes;
    let mut decisions = vec![CoDecision::default(); rows];
    decisions
        .par_chunks_mut(block_rows)
        .zip(prior.matrix().values().par_chunks(block))
        .zip(model.matrix().values().par_chunks(block))
        .with_min_len(16)
        .for_each_init(
            || Scratch::new(block),
            |scratch, ((decisions, prior_block), model_block)| {
                let Scratch { prior: soft_prior, model: soft_model, terms } = scratch;
                let prior_block = probabilities(prior.kind(), prior_block, classes, soft_prior);
                let model_block = probabilities(model.kind(), model_block, classes, soft_model);
                decide_block(prior_block, model_block, classes, joint, terms, decisions);
            },
        );
    Ok(decisions)
}

/// What one thread needs beside its inputs and outputs.
struct Scratch {
    prior: Vec<f32>,
    model: Vec<f32>,
    terms: Terms,
}

/// Unnormalised joint probabilities and the summands of both entropies, a block of rows each.
struct Terms {
    joint: Vec<f32>,
    joint_entropy: Vec<f32>,
    model_entropy: Vec<f32>,
}

impl Scratch {
    fn new(block: usize) -> Self {
        let row = || vec![0.0; block];
        let terms = Terms { joint: row(), joint_entropy: row(), model_entropy: row() };
        Self { prior: Vec::new(), model: Vec::new(), terms }
    }
}

/// A block of probabilities: the values themselves, or the softmax of logits in `buffer`.
fn probabilities<'a>(
    kind: ScoreKind,
    values: &'a [f32],
    classes: usize,
    buffer: &'a mut Vec<f32>,
) -> &'a [f32] {
    match kind {
        ScoreKind::Probabilities => values,
        ScoreKind::Logits => {
            buffer.resize(values.len(), 0.0);
            softmax_rows(values, classes, buffer);
            buffer
        }
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn softmax_rows(logits: &[f32], classes: usize, out: &mut [f32]) {
    for (row, out) in logits.chunks_exact(classes).zip(out.chunks_exact_mut(classes)) {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for (out, z) in out.iter_mut().zip(row) {
            *out = exp(*z - top);
        }
        let sum: f64 = out.iter().map(|e| f64::from(*e)).sum();
        for out in out.iter_mut() {
            *out = (f64::from(*out) / sum) as f32;
        }
    }
}

/// Elementwise work first, over the whole block, where it vectorises whatever the number of classes;
/// then the rows.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn decide_block(
    prior: &[f32],
    model: &[f32],
    classes: usize,
    joint: Joint,
    terms: &mut Terms,
    decisions: &mut [CoDecision],
) {
    let length = prior.len();
    let q = &mut terms.joint[..length];
    let q_ln_q = &mut terms.joint_entropy[..length];
    let p_ln_p = &mut terms.model_entropy[..length];
    match joint {
        Joint::Product => {
            for ((q, p_l), p_f) in q.iter_mut().zip(prior).zip(model) {
                *q = p_l * p_f;
            }
        }
        Joint::SmallOnly => q.copy_from_slice(model),
        Joint::PriorOnly => q.copy_from_slice(prior),
        Joint::Mixture(lambda) => {
            for ((q, p_l), p_f) in q.iter_mut().zip(prior).zip(model) {
                *q = lambda * p_l + (1.0 - lambda) * p_f;
            }
        }
    }
    for ((q, q_ln_q), (p_f, p_ln_p)) in
        q.iter().zip(q_ln_q.iter_mut()).zip(model.iter().zip(p_ln_p.iter_mut()))
    {
        *q_ln_q = x_ln_x(*q);
        *p_ln_p = x_ln_x(*p_f);
    }
    for (row, decision) in decisions.iter_mut().enumerate() {
        let span = row * classes..(row + 1) * classes;
        let (prior, model, q) = (&prior[span.clone()], &model[span.clone()], &q[span.clone()]);
        let mass = sum(q);
        *decision = CoDecision {
            model_entropy: clamp_entropy(-sum(&p_ln_p[span.clone()]), classes),
            prior_label: argmax(prior),
            model_label: argmax(model),
            ..CoDecision::default()
        };
        if mass >= f64::from(f32::MIN_POSITIVE) {
            settle(decision, q, mass, sum(&q_ln_q[span]));
        } else {
            settle_contradiction(decision, prior, model);
        }
    }
}

/// Fills in the joint part: `H(pbar) = ln S - (sum_k q_k ln q_k) / S` with `S = sum_k q_k`.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "confidences are handed on in single precision"
)]
fn settle(decision: &mut CoDecision, q: &[f32], mass: f64, q_ln_q: f64) {
    let confidence = |label: u32| (f64::from(q[label as usize]) / mass) as f32;
    decision.joint_label = argmax(q);
    decision.joint_entropy = clamp_entropy(mass.ln() - q_ln_q / mass, q.len());
    decision.prior_label_confidence = confidence(decision.prior_label);
    decision.joint_label_confidence = confidence(decision.joint_label);
}

/// The rare row whose experts have disjoint supports: log-probabilities floored at `ln 1e-30`.
#[cold]
fn settle_contradiction(decision: &mut CoDecision, prior: &[f32], model: &[f32]) {
    let floored = |p: f32| f64::from(p).max(1e-30).ln();
    let logs: Vec<f64> =
        prior.iter().zip(model).map(|(p_l, p_f)| floored(*p_l) + floored(*p_f)).collect();
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    #[expect(clippy::cast_possible_truncation, reason = "scaled to at most 1")]
    let q: Vec<f32> = logs.iter().map(|log| (log - top).exp() as f32).collect();
    settle(decision, &q, sum(&q), q.iter().map(|q| f64::from(x_ln_x(*q))).sum());
}

#[inline(always)]
fn sum(values: &[f32]) -> f64 {
    let mut sum = 0.0;
    for value in values {
        sum += f64::from(*value);
    }
    sum
}

#[inline(always)]
fn argmax(values: &[f32]) -> u32 {
    let (mut best, mut largest) = (0, values[0]);
    for (class, value) in values.iter().enumerate() {
        if *value > largest {
            (best, largest) = (class as u32, *value);
        }
    }
    best
}

#[cfg(test)]
mod tests {
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
