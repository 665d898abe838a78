use crate::{Acquisition, Error, Input, Margin, Needs, Pick, Request, Weigh};
use alfm_kernels::draw::{self, Uniform};
use alfm_kernels::{Ties, largest};

/// WL-AC, pool version: a random sample in which an item's chance grows with the model's doubt (after Chen
/// et al. 2022, arXiv 2211.02233), so that [`doubly_robust_loss`] can correct a weak labeler without bias.
///
/// `q_i` is proportional to `clip(1 - margin_i, q_min, 1)`, `q_min = b / (10 U)` for `U` candidates, and
/// scaled to `sum q = b` with `q <= 1`. The sample is Poisson, `u_i < q_i`, trimmed or completed to `b` in
/// order of `u_i / q_i`, rows with `q = 1` first; ties go to the lowest row. That order is also the order of
/// the picks, and the score of a pick is `q`, its chance of inclusion but for the trimming.
///
/// `O(N K + N log N)` time, `O(N)` memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct WeakLabeler;

impl Acquisition for WeakLabeler {
    fn name(&self) -> &str {
        "wl-ac"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model])
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        let inclusion = inclusion(&Margin.weights(request)?, request.budget);
        let random = &mut draw::uniform(&request.seed);
        let row = |pick: Pick| Pick { row: request.candidates()[pick.row], ..pick };
        Ok(sample(&inclusion, request.budget, random).into_iter().map(row).collect())
    }
}

/// The doubly robust loss of one item, `l(weak) + (Q / q) (l(true) - l(weak))`: unbiased whatever the weak
/// labeler, of little variance where it is good (Chen et al. 2022, arXiv 2211.02233).
///
/// `weak` is the loss under the weak label, `answer` the loss under the oracle's if it was asked (`Q = 1`),
/// `inclusion` the chance `q` that it was.
///
/// ```
/// use alfm_acquire::doubly_robust_loss;
/// assert_eq!(doubly_robust_loss(1.5, 0.5, None), 1.5);
/// assert!((doubly_robust_loss(1.5, 0.5, Some(0.3)) + 0.9).abs() < 1e-12);
/// ```
///
/// # Panics
/// If an item was answered that could not be asked (`inclusion` is not in `(0, 1]`): a fault of the caller.
pub fn doubly_robust_loss(weak: f64, inclusion: f64, answer: Option<f64>) -> f64 {
    answer.map_or(weak, |answer| {
        assert!(0.0 < inclusion && inclusion <= 1.0, "an answered item has a chance to be asked");
        weak + (answer - weak) / inclusion
    })
}

/// `q`, one a doubt `1 - margin`: `sum q = budget` and no `q` above 1.
fn inclusion(doubts: &[f64], budget: usize) -> Vec<f64> {
    let least = budget as f64 / (10.0 * doubts.len() as f64);
    let weights: Vec<f64> = doubts.iter().map(|doubt| doubt.clamp(least, 1.0)).collect();
    let scale = scale(&weights, budget);
    weights.into_iter().map(|weight| (scale * weight).min(1.0)).collect()
}

/// The factor `t` with `sum min(1, t w) = budget`; infinite where the budget takes all.
///
/// The `c` largest weights are capped for the smallest `c` that leaves the next one below the cap.
fn scale(weights: &[f64], budget: usize) -> f64 {
    if budget == weights.len() {
        return f64::INFINITY;
    }
    let mut descending = weights.to_vec();
    descending.sort_unstable_by(|a, b| b.total_cmp(a));
    let mut rest: f64 = descending.iter().rev().sum();
    for (capped, weight) in descending.into_iter().enumerate().take(budget) {
        let scale = (budget - capped) as f64 / rest;
        if scale * weight < 1.0 {
            return scale;
        }
        rest -= weight;
    }
    f64::INFINITY
}

/// `count` positions, those with the smallest `u / q` first.
fn sample(inclusion: &[f64], count: usize, random: &mut impl Uniform) -> Vec<Pick> {
    let rank = |q: &f64| {
        let u = random.uniform();
        if *q < 1.0 { u / q } else { 0.0 }
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "ranked in single precision, as every score is"
    )]
    let scores: Vec<f32> = inclusion.iter().map(rank).map(|rank| -rank as f32).collect();
    let positions: Vec<usize> = (0..inclusion.len()).collect();
    let score = |pick: Pick| Pick { score: inclusion[pick.row], ..pick };
    largest(&positions[..], &scores, count, Ties::by_row()).into_iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use alfm_core::{Predictions, SeedTree};

    use super::*;
    use crate::Pool;
    use crate::uncertainty::P6;

    #[test]
    fn worked_example_of_the_loss() {
        let answers = [None, Some(0.3), Some(0.7)];
        let items = [0.2, 1.5, 0.7].into_iter().zip([0.25, 0.5, 1.0]).zip(answers);
        let losses = items.map(|((weak, q), answer)| doubly_robust_loss(weak, q, answer));
        for (got, expected) in losses.zip([0.2, -0.9, 0.7]) {
            assert!((got - expected).abs() < 1e-12, "{got} is not {expected}");
        }
        let expectation = 0.5 * doubly_robust_loss(1.5, 0.5, None)
            + 0.5 * doubly_robust_loss(1.5, 0.5, Some(0.3));
        assert!((expectation - 0.3).abs() < 1e-12);
    }

    /// In a batch of 3 no chance is capped; in one of 5 the four largest are.
    #[test]
    fn inclusions_sum_to_the_budget_and_stay_below_one() {
        let doubts = [0.5, 0.95, 0.99, 0.98, 0.15, 0.85];
        for budget in 1..=6 {
            let q = inclusion(&doubts, budget);
            assert!((q.iter().sum::<f64>() - budget as f64).abs() < 1e-12, "{q:?}");
            assert!(q.iter().all(|q| *q > 0.0 && *q <= 1.0), "{q:?}");
        }
        assert!((inclusion(&doubts, 3)[2] - 3.0 * 0.99 / 4.42).abs() < 1e-12);
        let capped = inclusion(&doubts, 5);
        assert_eq!(capped.iter().filter(|q| **q == 1.0).count(), 4);
        assert!((capped[0] / capped[4] - 0.5 / 0.15).abs() < 1e-12);
        assert_eq!(inclusion(&doubts, 6), [1.0; 6]);
    }

    #[test]
    fn a_certain_row_keeps_a_tenth_of_the_mean_chance() {
        let q = inclusion(&[0.0, 1.0, 1.0, 1.0], 1);
        assert!((q[0] / q[1] - 1.0 / 40.0).abs() < 1e-12);
        assert_eq!(inclusion(&[0.0; 5], 2), [0.4; 5]);
    }

    /// `u < q` holds for 1 and 3; the third is the next in `u / q`, 0.5 / 0.4 against 0.9 / 0.6.
    #[test]
    fn the_poisson_sample_is_trimmed_and_completed() {
        let inclusion = [0.6, 0.7, 0.4, 1.0];
        let drawn = [0.9, 0.35, 0.5, 0.99];
        for count in 1..=3 {
            let picks = sample(&inclusion, count, &mut draw::scripted(&drawn));
            let rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
            assert_eq!(rows, [3, 1, 2][..count]);
            assert_eq!(picks[0].score, 1.0);
        }
    }

    /// In 4000 batches of 3 of P6 each row turns up about as often as its score says.
    #[test]
    fn the_score_is_the_chance_of_inclusion() {
        let observed = [None; 6];
        let model = Predictions::probabilities(&P6, 6, 3).unwrap();
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        let (mut counts, mut scores) = ([0.0; 6], [0.0; 6]);
        for seed in 0..4000 {
            for pick in WeakLabeler.select(&pool, 3, &SeedTree::new(seed)).unwrap() {
                counts[pick.row] += 1.0 / 4000.0;
                scores[pick.row] = pick.score;
            }
        }
        for (count, q) in counts.iter().zip(scores) {
            assert!((count - q).abs() < 0.04, "{counts:?} against {scores:?}");
        }
    }
}
