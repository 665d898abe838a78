use alfm_core::{Matrix, MatrixView, Predictions};
use alfm_kernels::draw::{self, Remaining, Uniform};
use alfm_kernels::principal;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::fisher::{Change, Design, Factors};
use crate::options::{COUNT, HasOptions, Opt};
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Request};

/// BAIT: Fisher design on the last layer, forward and backward (Ash et al. 2021, arXiv 2106.09675).
///
/// Minimises `tr((lambda I + sum_{i in L + S} I_i)^-1 M)`, where `I_i = (diag(p_i) - p_i p_i^T) (x) x_i x_i^T`
/// is a row's Fisher information and `M` its mean over the pool: first the rows that lower the trace most,
/// [`oversample`](Self::oversample) times as many as asked for, then the ones whose removal raises it least
/// are dropped. A pick's score is by how much it lowered the trace; ties go to the lowest row. Once no row
/// lowers it the rest is drawn uniformly.
///
/// With `n = (K - 1) D`, at most [`dimension`](Self::dimension), and `c` candidates, at most
/// [`considered`](Self::considered): `O(N n^2 + b c n^2)` time, 160 `n^2` bytes and those of the factors,
/// `8 c (K^2 + D)`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bait {
    /// `lambda`, above 0; 1 by default.
    pub regularisation: f64,
    /// How many times the batch the first phase chooses, at least 1; 2 by default.
    pub oversample: usize,
    /// The largest `(K - 1) D` to work in, 256 by default; wider embeddings are reduced to their first
    /// principal components, at least one.
    pub dimension: usize,
    /// How many candidates are considered, at least 1 and never less than the first phase chooses: that many
    /// at random if there are more; 4,096 by default.
    pub considered: usize,
}

impl Default for Bait {
    fn default() -> Self {
        Self { regularisation: 1.0, oversample: 2, dimension: 256, considered: 4_096 }
    }
}

impl HasOptions for Bait {
    const OPTIONS: &'static [Opt] = &[
        Opt::new(
            "regularisation",
            "lambda, what is added to the diagonal of the information",
            "above 0 and finite",
        ),
        Opt::new("oversample", "how many times the batch the first phase chooses", COUNT),
        Opt::new(
            "dimension",
            "the largest (K - 1) D to work in; wider embeddings are reduced to principal \
             components",
            COUNT,
        ),
        Opt::new(
            "considered",
            "how many candidates are considered, at random if there are more",
            COUNT,
        ),
    ];
}

impl Acquisition for Bait {
    fn name(&self) -> &str {
        "bait"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model, Input::Embeddings])
    }

    fn check(&self) -> Result<(), AcquireError> {
        let lambda = self.regularisation;
        self.require("regularisation", lambda, lambda > 0.0 && lambda.is_finite())?;
        self.require("oversample", self.oversample, self.oversample > 0)?;
        self.require("dimension", self.dimension, self.dimension > 0)?;
        self.require("considered", self.considered, self.considered > 0)
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let random = &mut draw::uniform(&request.seed);
        let model = request.model()?;
        let embeddings = request.embeddings()?;
        let reduced = self.reduced(embeddings, model.classes(), random)?;
        let features = reduced.as_ref().map_or(embeddings, Matrix::view);
        let labelled: Vec<usize> = request.pool.labelled().map(|(row, _)| row).collect();
        let mut design = self.design(model, features, &labelled);
        let candidates = request.candidates();
        let forward = request.budget.saturating_mul(self.oversample);
        let considered = self.sample(candidates.len(), forward, random);
        let factors: Vec<Factors> = considered
            .par_iter()
            .map_init(Vec::new, |buffer, at| {
                let row = candidates[*at];
                Factors::new(model.row(row, buffer), features.row(row))
            })
            .collect();
        let mut chosen = grow(&mut design, &factors, forward.min(factors.len()));
        shrink(&mut design, &factors, &mut chosen, request.budget);
        let pick = |(at, score): (usize, f64)| Pick { row: candidates[considered[at]], score };
        let mut picks: Vec<Pick> = chosen.into_iter().map(pick).collect();
        draw::complete(&mut picks, candidates, request.budget, random);
        Ok(picks)
    }
}

impl Bait {
    /// The embeddings in as many dimensions as there is room for; `None` if they fit as they are.
    fn reduced(
        &self,
        embeddings: MatrixView<'_>,
        classes: usize,
        random: &mut impl Uniform,
    ) -> Result<Option<Matrix>, AcquireError> {
        let room = (self.dimension / (classes - 1)).max(1);
        if embeddings.columns() <= room {
            return Ok(None);
        }
        Ok(Some(principal(embeddings, room, random)?))
    }

    /// The design of the labelled rows for the mean information of all rows.
    fn design(
        &self,
        model: Predictions<'_>,
        features: MatrixView<'_>,
        labelled: &[usize],
    ) -> Design {
        let size = (model.classes() - 1) * features.columns();
        let all: Vec<usize> = (0..model.rows()).collect();
        let mut information = information(model, features, labelled, 1.0);
        for at in 0..size {
            information[at * size + at] += self.regularisation;
        }
        let weight = 1.0 / model.rows() as f64;
        Design::new(&information, self::information(model, features, &all, weight))
    }

    /// Numbers of the candidates that are considered, ascending.
    fn sample(&self, candidates: usize, forward: usize, random: &mut impl Uniform) -> Vec<usize> {
        let considered = self.considered.max(forward);
        if candidates <= considered {
            return (0..candidates).collect();
        }
        let mut remaining = Remaining::new(candidates);
        let mut drawn: Vec<usize> = (0..considered).map_while(|_| remaining.draw(random)).collect();
        drawn.sort_unstable();
        drawn
    }
}

/// Parts into which a sum over rows is cut, whatever the number of threads; they are added in order.
const PARTS: usize = 16;

/// `weight sum_i I_i` over some rows.
fn information(
    model: Predictions<'_>,
    features: MatrixView<'_>,
    rows: &[usize],
    weight: f64,
) -> Vec<f64> {
    let size = (model.classes() - 1) * features.columns();
    let of_part = |rows: &[usize]| {
        let (mut sum, mut buffer) = (vec![0.0; size * size], Vec::new());
        for row in rows {
            Factors::new(model.row(*row, &mut buffer), features.row(*row)).add_to(&mut sum, weight);
        }
        sum
    };
    let parts: Vec<Vec<f64>> =
        rows.par_chunks(rows.len().div_ceil(PARTS).max(1)).map(of_part).collect();
    let mut total = vec![0.0; size * size];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    total
}

/// Adds up to `count` rows, each the one that lowers the trace most, with its effect; the first on ties.
///
/// Ends early where no row lowers it.
fn grow(design: &mut Design, factors: &[Factors], count: usize) -> Vec<(usize, f64)> {
    let mut left: Vec<usize> = (0..factors.len()).collect();
    let mut chosen = Vec::with_capacity(count);
    while chosen.len() < count {
        let effect = |at: &usize| design.effect(&factors[*at], Change::Add);
        let effects: Vec<f64> = left.par_iter().map(effect).collect();
        let better = |a: &usize, b: &usize| effects[*a].total_cmp(&effects[*b]);
        let best = (0..left.len()).rev().max_by(better).filter(|best| effects[*best] > 0.0);
        let Some(best) = best else { break };
        let row = left.remove(best);
        design.update(&factors[row], Change::Add);
        chosen.push((row, effects[best]));
    }
    chosen
}

/// Drops rows until `count` are left, each the one whose removal raises the trace least; the last on ties.
fn shrink(design: &mut Design, factors: &[Factors], chosen: &mut Vec<(usize, f64)>, count: usize) {
    while chosen.len() > count {
        let effect = |(at, _): &(usize, f64)| design.effect(&factors[*at], Change::Remove);
        let effects: Vec<f64> = chosen.par_iter().map(effect).collect();
        let worse = |a: &usize, b: &usize| effects[*a].total_cmp(&effects[*b]);
        let Some(worst) = (0..chosen.len()).rev().min_by(worse) else { break };
        let (row, _) = chosen.remove(worst);
        design.update(&factors[row], Change::Remove);
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, SeedTree};
    use proptest::prelude::*;

    use super::*;
    use crate::Pool;

    /// The worked example of the specification. Its scalar weights `p (1 - p)` are half of those of the
    /// softmax, so `lambda = 2` here is its `lambda = 1`.
    const P: [f32; 8] = [0.5, 0.5, 0.8, 0.2, 0.6, 0.4, 0.95, 0.05];
    const X: [f32; 8] = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 0.0];

    fn example() -> (Design, Vec<Factors>) {
        let model = Predictions::probabilities(&P, 4, 2).unwrap();
        let features = MatrixView::new(&X, 4, 2).unwrap();
        let bait = Bait { regularisation: 2.0, ..Bait::default() };
        let row = |at| Factors::new(model.row(at, &mut Vec::new()), features.row(at));
        (bait.design(model, features, &[]), (0..4).map(row).collect())
    }

    #[test]
    fn worked_example() {
        let (mut design, factors) = example();
        let traces = |design: &Design| -> Vec<f64> {
            factors.iter().map(|row| design.trace() - design.effect(row, Change::Add)).collect()
        };
        for (got, expected) in traces(&design).iter().zip([0.236, 0.256207, 0.206757, 0.242857]) {
            assert!((got - expected).abs() < 1e-6, "{got}");
        }
        let start = design.trace();
        let chosen = grow(&mut design, &factors, 1);
        assert_eq!(chosen[0].0, 2);
        assert!((start - chosen[0].1 - 0.206757).abs() < 1e-6);
        let second = traces(&design);
        for (at, expected) in [(0, 0.184916), (1, 0.198522), (3, 0.189438)] {
            assert!((second[at] - expected).abs() < 1e-6, "{}", second[at]);
        }
        let (mut design, factors) = example();
        let rows: Vec<usize> = grow(&mut design, &factors, 2).iter().map(|(at, _)| *at).collect();
        assert_eq!(rows, [2, 0]);
    }

    #[test]
    fn removal_undoes_addition() {
        let (mut design, factors) = example();
        let before = design.trace();
        let mut chosen = grow(&mut design, &factors, 3);
        shrink(&mut design, &factors, &mut chosen, 0);
        assert!((design.trace() - before).abs() < 1e-12);
        assert!(chosen.is_empty());
    }

    fn select(bait: Bait, rows: usize, budget: usize, labelled: &[usize]) -> Vec<Pick> {
        let value = |i: usize| ((i * 7919 + 13) % 101) as f32 / 101.0;
        let mut p: Vec<f32> = (0..rows * 3).map(|i| 0.05 + value(i)).collect();
        for row in p.chunks_mut(3) {
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= sum);
        }
        let x: Vec<f32> = (0..rows * 5).map(|i| value(3 * i + 1) * 2.0 - 1.0).collect();
        let mut observed = vec![None; rows];
        labelled.iter().for_each(|row| observed[*row] = Some(ClassId::new(0)));
        let pool = Pool::new(&observed)
            .and_then(|pool| pool.with_model(Predictions::probabilities(&p, rows, 3)?))
            .and_then(|pool| pool.with_embeddings(MatrixView::new(&x, rows, 5)?))
            .unwrap();
        bait.select(&pool, budget, &SeedTree::new(2)).unwrap()
    }

    #[test]
    fn labelled_rows_count_as_information() {
        let alone = select(Bait::default(), 20, 4, &[]);
        let first = alone[0].row;
        let after = select(Bait::default(), 20, 4, &[first]);
        assert!(after[0].score < alone[0].score);
    }

    #[test]
    fn wide_embeddings_are_reduced_and_huge_pools_sampled() {
        for bait in [
            Bait { dimension: 4, ..Bait::default() },
            Bait { dimension: 1, ..Bait::default() },
            Bait { considered: 1, ..Bait::default() },
            Bait { oversample: 1, ..Bait::default() },
        ] {
            let mut rows: Vec<usize> =
                select(bait, 20, 6, &[3]).iter().map(|pick| pick.row).collect();
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), 6, "{bait:?}");
        }
    }

    #[test]
    fn rows_without_information_are_drawn_at_random() {
        let observed = [None; 5];
        let certain = [1.0, 0.0].repeat(5);
        let pool = Pool::new(&observed)
            .and_then(|pool| pool.with_model(Predictions::probabilities(&certain, 5, 2)?))
            .and_then(|pool| pool.with_embeddings(MatrixView::new(&[1.0; 10], 5, 2)?))
            .unwrap();
        let picks = Bait::default().select(&pool, 9, &SeedTree::new(0)).unwrap();
        assert_eq!(picks.len(), 5);
        assert!(picks.iter().all(|pick| pick.score == 0.0));
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let fair = Bait::default();
        for lambda in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Bait { regularisation: lambda, ..fair }.check().is_err());
        }
        assert!(Bait { oversample: 0, ..fair }.check().is_err());
        assert!(Bait { dimension: 0, ..fair }.check().is_err());
        assert!(Bait { considered: 0, ..fair }.check().is_err());
    }

    /// `I_i` as public code builds it: the Kronecker product itself, in all `K D` dimensions.
    fn explicit(p: &[f32], x: &[f32]) -> Vec<f64> {
        let size = p.len() * x.len();
        let entry = |at: usize| {
            let (row, column) = (at / size, at % size);
            let (k, l) = (row / x.len(), column / x.len());
            let (p_k, p_l) = (f64::from(p[k]), f64::from(p[l]));
            let class = f64::from(u8::from(k == l)) * p_k - p_k * p_l;
            class * f64::from(x[row % x.len()]) * f64::from(x[column % x.len()])
        };
        (0..size * size).map(entry).collect()
    }

    proptest! {
        /// Rank-`K - 1` factors and Woodbury against the explicit product in all `K D` dimensions, where the
        /// null vector adds nothing to the trace: `M` does not reach into it.
        #[test]
        fn no_kronecker_product_is_needed(
            raw in prop::collection::vec(0.05f32..1.0, 4 * 3),
            x in prop::collection::vec(-1.0f32..1.0, 4 * 2),
        ) {
            let p: Vec<f32> = raw
                .chunks(3)
                .flat_map(|row| row.iter().map(|p| p / row.iter().sum::<f32>()))
                .collect();
            let model = Predictions::probabilities(&p, 4, 3).unwrap();
            let features = MatrixView::new(&x, 4, 2).unwrap();
            let mut target = vec![0.0; 36];
            let mut information = vec![0.0; 36];
            for row in 0..4 {
                let whole = explicit(&p[row * 3..][..3], &x[row * 2..][..2]);
                for (at, value) in whole.iter().enumerate() {
                    target[at] += value / 4.0;
                    if row < 2 {
                        information[at] += value;
                    }
                }
            }
            for at in 0..6 {
                information[at * 6 + at] += 1.0;
            }
            let expected = Design::new(&information, target).trace();
            let mut design = Bait::default().design(model, features, &[0]);
            let second = Factors::new(&p[3..6], &x[2..4]);
            let before = design.trace();
            let effect = design.effect(&second, Change::Add);
            design.update(&second, Change::Add);
            prop_assert!((design.trace() - expected).abs() < 1e-6);
            prop_assert!((before - effect - expected).abs() < 1e-6);
            let third = Factors::new(&p[6..9], &x[4..6]);
            let grown = design.effect(&third, Change::Add);
            design.update(&third, Change::Add);
            prop_assert!((design.effect(&third, Change::Remove) - grown).abs() < 1e-9);
        }
    }
}
