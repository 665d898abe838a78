//! How probable the oracle's labels are under an opinion pool, and which pool makes them most probable.

use alfm_core::{ClassId, MatrixView};

use super::opinion_pool::{LogOpinionPool, ln};
use super::tuning::TUNED;

/// Which parameters are fitted; the others stay where the published product has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct FreeParameters {
    pub(super) prior: bool,
    pub(super) calibration: bool,
    pub(super) noise: bool,
}

/// Oracle-labelled items and what both experts, neither of which has seen the label, say of them.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a> {
    /// `p_L`, `n x K`.
    pub(super) prior: MatrixView<'a>,
    /// Out-of-fold `p_f`, `n x K`.
    pub(super) model: MatrixView<'a>,
    pub(super) labels: &'a [ClassId],
    /// What each item counts; they sum to the number of labels of equal weight that would tell as much.
    pub(super) weights: &'a [f64],
}

/// The weights, 0 for the labels of one fold.
pub(super) fn without(weights: &[f64], fold: usize) -> Vec<f64> {
    let each = weights.iter().enumerate();
    each.map(|(at, weight)| if at % TUNED.folds == fold { 0.0 } else { *weight }).collect()
}

/// The penalised likelihood of the labels; the logarithms of both experts are taken once.
pub(super) struct Likelihood<'a> {
    evidence: &'a Evidence<'a>,
    prior: Vec<f64>,
    model: Vec<f64>,
}

impl<'a> Likelihood<'a> {
    pub(super) fn new(evidence: &'a Evidence<'a>) -> Self {
        let logs = |of: MatrixView<'_>| of.values().iter().map(|p| ln(*p)).collect();
        Self { evidence, prior: logs(evidence.prior), model: logs(evidence.model) }
    }

    /// `pbar` of every item in turn, with its row, its label and the logarithm of the label's `pbar`.
    fn each(&self, opinions: &LogOpinionPool, mut visit: impl FnMut(&[f64], usize, usize, f64)) {
        let classes = opinions.bias.len();
        let mut p = vec![0.0; classes];
        let rows = self.prior.chunks_exact(classes).zip(self.model.chunks_exact(classes));
        for (row, ((prior, model), label)) in rows.zip(self.evidence.labels).enumerate() {
            let mut top = f64::NEG_INFINITY;
            for (k, p) in p.iter_mut().enumerate() {
                *p = opinions.prior * prior[k] + opinions.model * model[k] + opinions.bias[k];
                top = top.max(*p);
            }
            let label = label.index();
            let of_label = p[label] - top;
            let mut mass = 0.0;
            for p in &mut p {
                *p = (*p - top).exp();
                mass += *p;
            }
            p.iter_mut().for_each(|p| *p /= mass);
            visit(&p, row, label, of_label - mass.ln());
        }
    }

    /// Penalised negative log-likelihood in nats.
    pub(super) fn loss(&self, opinions: &LogOpinionPool) -> f64 {
        penalty(opinions) + self.surprise(opinions)
    }

    /// The negative log-likelihood of every label in nats, by its weight, in turn.
    fn surprises(&self, opinions: &LogOpinionPool, mut visit: impl FnMut(f64)) {
        let oracle = Oracle::new(opinions);
        self.each(opinions, |_, row, _, log_p| {
            visit(self.evidence.weights[row] * oracle.surprise(log_p));
        });
    }

    /// The same in a list.
    pub(super) fn each_surprise(&self, opinions: &LogOpinionPool) -> Vec<f64> {
        let mut all = Vec::with_capacity(self.evidence.labels.len());
        self.surprises(opinions, |surprise| all.push(surprise));
        all
    }

    /// Negative log-likelihood alone.
    pub(super) fn surprise(&self, opinions: &LogOpinionPool) -> f64 {
        let mut sum = 0.0;
        self.surprises(opinions, |surprise| sum += surprise);
        sum
    }

    /// How many labels of equal weight would tell as much.
    pub(super) fn effective_labels(&self) -> f64 {
        self.evidence.weights.iter().sum()
    }

    /// The most probable opinion pool in all but the noise rate, from `opinions` on: Newton steps, each of which lowers
    /// the loss, until one lowers it by less than the tolerance.
    pub(super) fn maximise(
        &self,
        mut opinions: LogOpinionPool,
        free: FreeParameters,
    ) -> LogOpinionPool {
        let mut loss = self.loss(&opinions);
        for _ in 0..TUNED.newton_steps {
            let Some((next, lower)) = self.step(&opinions, loss, free) else { break };
            let fell = loss - lower;
            (opinions, loss) = (next, lower);
            if fell < TUNED.tolerance {
                break;
            }
        }
        opinions
    }

    /// One Newton step within the bounds, shortened until it lowers the loss enough; `None` if no length does.
    fn step(
        &self,
        from: &LogOpinionPool,
        loss: f64,
        free: FreeParameters,
    ) -> Option<(LogOpinionPool, f64)> {
        let mut derivatives = self.derivatives(from);
        derivatives.hold(from, free);
        let direction = derivatives.newton_direction()?;
        let mut length = 1.0;
        for _ in 0..TUNED.halvings {
            let next = moved(from, length, &direction);
            let promised = derivatives.slope(from, &next);
            let lower = self.loss(&next);
            if lower <= loss + TUNED.armijo * promised && lower < loss {
                return Some((next, lower));
            }
            length *= 0.5;
        }
        None
    }

    /// Gradient and Gauss-Newton Hessian of the loss, in `a`, `c` and the biases.
    ///
    /// Of the Hessian the part that wrong labels make negative is left out: what remains is positive definite, so that
    /// every step points downwards. `O(n K^2)` time.
    fn derivatives(&self, opinions: &LogOpinionPool) -> Derivatives {
        let classes = opinions.bias.len();
        let oracle = Oracle::new(opinions);
        let mut derivatives = Derivatives::of_penalty(opinions);
        let Derivatives { gradient, hessian, size } = &mut derivatives;
        self.each(opinions, |p, row, label, log_p| {
            let weight = self.evidence.weights[row] * oracle.credence(log_p);
            if weight == 0.0 {
                return;
            }
            let prior = &self.prior[row * classes..][..classes];
            let model = &self.model[row * classes..][..classes];
            let mean = |of: &[f64]| p.iter().zip(of).map(|(p, log)| p * log).sum::<f64>();
            let of_prior = mean(prior);
            let of_model = mean(model);
            gradient[PRIOR] += weight * (of_prior - prior[label]);
            gradient[MODEL] += weight * (of_model - model[label]);
            gradient[BIAS + label] -= weight;
            for (k, p_k) in p.iter().enumerate() {
                let share = weight * p_k;
                let along_prior = share * (prior[k] - of_prior);
                let along_model = share * (model[k] - of_model);
                gradient[BIAS + k] += share;
                hessian[PRIOR * *size + PRIOR] += along_prior * prior[k];
                hessian[MODEL * *size + PRIOR] += along_model * prior[k];
                hessian[MODEL * *size + MODEL] += along_model * model[k];
                let of_class = &mut hessian[(BIAS + k) * *size..][..=BIAS + k];
                of_class[PRIOR] += along_prior;
                of_class[MODEL] += along_model;
                of_class[BIAS + k] += share;
                for (entry, p_j) in of_class[BIAS..].iter_mut().zip(p) {
                    *entry -= share * p_j;
                }
            }
        });
        derivatives
    }
}

/// Places of the parameters in a gradient.
const PRIOR: usize = 0;
const MODEL: usize = 1;
const BIAS: usize = 2;

/// Gradient and Hessian; of the Hessian, row by row, only what lies on and below the diagonal is kept.
struct Derivatives {
    gradient: Vec<f64>,
    hessian: Vec<f64>,
    size: usize,
}

impl Derivatives {
    fn of_penalty(opinions: &LogOpinionPool) -> Self {
        let size = BIAS + opinions.bias.len();
        let exponent = |exponent: f64| 2.0 * TUNED.exponent_pull * (exponent - 1.0);
        let mut gradient = vec![exponent(opinions.prior), exponent(opinions.model)];
        gradient.extend(opinions.bias.iter().map(|bias| 2.0 * TUNED.bias_pull * bias));
        let mut hessian = vec![0.0; size * size];
        for at in 0..size {
            let pull = if at < BIAS { TUNED.exponent_pull } else { TUNED.bias_pull };
            hessian[at * size + at] = 2.0 * pull;
        }
        Self { gradient, hessian, size }
    }

    /// Takes out what is not fitted, and exponents at an end of their range that the loss pushes beyond it.
    fn hold(&mut self, at: &LogOpinionPool, free: FreeParameters) {
        let stuck = |exponent: f64, least: f64, slope: f64| {
            (exponent <= least && slope > 0.0) || (exponent >= TUNED.most_exponent && slope < 0.0)
        };
        let prior = free.prior && !stuck(at.prior, 0.0, self.gradient[PRIOR]);
        let least_model = TUNED.least_model_exponent;
        let model = free.calibration && !stuck(at.model, least_model, self.gradient[MODEL]);
        for place in 0..self.size {
            let moves = match place {
                PRIOR => prior,
                MODEL => model,
                _ => free.calibration,
            };
            if !moves {
                self.take_out(place);
            }
        }
    }

    fn take_out(&mut self, place: usize) {
        self.gradient[place] = 0.0;
        for other in 0..self.size {
            let (row, column) = (place.max(other), place.min(other));
            self.hessian[row * self.size + column] = if other == place { 1.0 } else { 0.0 };
        }
    }

    /// `-H^-1 g` by Cholesky's factors; `None` if rounding left the Hessian without them.
    fn newton_direction(&self) -> Option<Vec<f64>> {
        let size = self.size;
        let mut factor = self.hessian.clone();
        for row in 0..size {
            for column in 0..=row {
                let (above, below) = factor.split_at(row * size);
                let other = if column < row { &above[column * size..] } else { below };
                let dot: f64 = below[..column].iter().zip(other).map(|(a, b)| a * b).sum();
                let rest = below[column] - dot;
                if column == row && rest <= 0.0 {
                    return None;
                }
                let pivot = if column < row { other[column] } else { rest.sqrt() };
                factor[row * size + column] = if column < row { rest / pivot } else { pivot };
            }
        }
        let mut solution: Vec<f64> = self.gradient.iter().map(|slope| -slope).collect();
        for row in 0..size {
            let known: f64 =
                (0..row).map(|column| factor[row * size + column] * solution[column]).sum();
            solution[row] = (solution[row] - known) / factor[row * size + row];
        }
        for row in (0..size).rev() {
            let known: f64 =
                (row + 1..size).map(|below| factor[below * size + row] * solution[below]).sum();
            solution[row] = (solution[row] - known) / factor[row * size + row];
        }
        Some(solution)
    }

    /// By how much the loss changes from one point to another to first order.
    fn slope(&self, from: &LogOpinionPool, to: &LogOpinionPool) -> f64 {
        let biases = self.gradient[BIAS..].iter().zip(from.bias.iter().zip(&to.bias));
        self.gradient[PRIOR] * (to.prior - from.prior)
            + self.gradient[MODEL] * (to.model - from.model)
            + biases.map(|(slope, (from, to))| slope * (to - from)).sum::<f64>()
    }
}

/// A point further on, its exponents kept in their range.
fn moved(from: &LogOpinionPool, length: f64, direction: &[f64]) -> LogOpinionPool {
    let most = TUNED.most_exponent;
    let biases = from.bias.iter().zip(&direction[BIAS..]);
    LogOpinionPool {
        prior: (from.prior + length * direction[PRIOR]).clamp(0.0, most),
        model: (from.model + length * direction[MODEL]).clamp(TUNED.least_model_exponent, most),
        bias: biases.map(|(bias, along)| bias + length * along).collect(),
        ..from.clone()
    }
}

/// How the oracle's labels come from classes: each class is named with probability `other` whatever the item is, and
/// its own with `own` more.
struct Oracle {
    own: f64,
    other: f64,
}

impl Oracle {
    fn new(opinions: &LogOpinionPool) -> Self {
        let other = opinions.noise / (opinions.bias.len() as f64 - 1.0);
        Self { own: 1.0 - opinions.noise - other, other }
    }

    /// The negative logarithm of a label's probability, whose class has the probability `exp(log_p)`.
    fn surprise(&self, log_p: f64) -> f64 {
        if self.other == 0.0 { -log_p } else { -(self.own * log_p.exp() + self.other).ln() }
    }

    /// The part of a label's probability that the class itself has: the derivative of `-surprise` by `log_p`.
    fn credence(&self, log_p: f64) -> f64 {
        if self.other == 0.0 {
            return 1.0;
        }
        let own = self.own * log_p.exp();
        own / (own + self.other)
    }
}

/// What pulls the parameters towards the published product, in nats.
pub(super) fn penalty(opinions: &LogOpinionPool) -> f64 {
    let pull = |exponent: f64| TUNED.exponent_pull * (exponent - 1.0) * (exponent - 1.0);
    let bias: f64 = opinions.bias.iter().map(|b| b * b).sum();
    pull(opinions.prior)
        + pull(opinions.model)
        + TUNED.bias_pull * bias
        + TUNED.noise_pull * opinions.noise * opinions.noise
}

#[cfg(test)]
mod tests {
    use alfm_core::{Matrix, SeedTree};
    use rand::RngExt;

    use super::*;

    const ALL: FreeParameters = FreeParameters { prior: true, calibration: true, noise: true };
    const CLASSES: usize = 4;

    /// Experts of random words on labels that the prior gets right in 6 of 10, the small model in 5.
    struct Case {
        prior: Matrix,
        model: Matrix,
        labels: Vec<ClassId>,
        weights: Vec<f64>,
    }

    impl Case {
        fn new(seed: u64, labels: usize) -> Self {
            let mut rng = SeedTree::new(seed).rng();
            let labels: Vec<ClassId> =
                (0..labels).map(|_| ClassId::from_index(rng.random_range(0..CLASSES))).collect();
            let mut expert = |right: f64| {
                let rows: Vec<[f32; CLASSES]> = labels
                    .iter()
                    .map(|label| {
                        let mut row = [(); CLASSES].map(|()| rng.random_range(0.05..1.0f32));
                        if rng.random_bool(right) {
                            row[label.index()] += 3.0;
                        }
                        let sum: f32 = row.iter().sum();
                        row.map(|p| p / sum)
                    })
                    .collect();
                Matrix::from_rows(&rows).unwrap()
            };
            let prior = expert(0.6);
            let model = expert(0.5);
            let weights = labels.iter().map(|_| rng.random_range(0.5..1.5)).collect();
            Self { prior, model, labels, weights }
        }

        fn evidence(&self) -> Evidence<'_> {
            Evidence {
                prior: self.prior.view(),
                model: self.model.view(),
                labels: &self.labels,
                weights: &self.weights,
            }
        }
    }

    fn at(noise: f64) -> LogOpinionPool {
        LogOpinionPool {
            prior: 0.7,
            model: 1.6,
            bias: vec![0.3, -0.5, 0.1, 0.0],
            noise,
            ..LogOpinionPool::published(CLASSES)
        }
    }

    fn along(from: &LogOpinionPool, place: usize, by: f64) -> LogOpinionPool {
        let mut direction = vec![0.0; BIAS + CLASSES];
        direction[place] = 1.0;
        moved(from, by, &direction)
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let case = Case::new(0, 60);
        let evidence = case.evidence();
        let likelihood = Likelihood::new(&evidence);
        for noise in [0.0, 0.2, 0.5] {
            let point = at(noise);
            let gradient = likelihood.derivatives(&point).gradient;
            for (place, slope) in gradient.iter().enumerate() {
                let loss = |by: f64| likelihood.loss(&along(&point, place, by));
                let numeric = (loss(1e-5) - loss(-1e-5)) / 2e-5;
                assert!(
                    (slope - numeric).abs() < 1e-5,
                    "noise {noise}, {place}: {slope} {numeric}"
                );
            }
        }
    }

    /// Without noise the Gauss-Newton Hessian is the Hessian.
    #[test]
    fn the_hessian_is_that_of_the_loss_without_noise() {
        let case = Case::new(1, 60);
        let evidence = case.evidence();
        let likelihood = Likelihood::new(&evidence);
        let point = at(0.0);
        let Derivatives { hessian, size, .. } = likelihood.derivatives(&point);
        for column in 0..size {
            let gradient = |by: f64| likelihood.derivatives(&along(&point, column, by)).gradient;
            for (row, (above, below)) in gradient(1e-5).iter().zip(gradient(-1e-5)).enumerate() {
                let numeric = (above - below) / 2e-5;
                if column <= row {
                    let entry = hessian[row * size + column];
                    assert!((entry - numeric).abs() < 1e-4, "{row} {column}: {entry} {numeric}");
                }
            }
        }
    }

    /// Every step lowers the loss, and at the end nothing within the bounds is lower: a step of 0.01 in any parameter
    /// rises, the slopes of what is not held are all but 0.
    #[test]
    fn steps_descend_to_where_nothing_is_lower() {
        for (seed, labels) in [(2, 1), (3, 12), (4, 90), (5, 600)] {
            let case = Case::new(seed, labels);
            let evidence = case.evidence();
            let likelihood = Likelihood::new(&evidence);
            for noise in [0.0, 0.1, 0.3, 0.5] {
                let start = LogOpinionPool { noise, ..LogOpinionPool::published(CLASSES) };
                let mut point = start.clone();
                let mut losses = vec![likelihood.loss(&point)];
                while let Some((next, lower)) =
                    likelihood.step(&point, losses[losses.len() - 1], ALL)
                {
                    assert!(lower < losses[losses.len() - 1], "{losses:?}");
                    point = next;
                    losses.push(lower);
                    assert!(losses.len() <= TUNED.newton_steps, "{losses:?}");
                }
                let end = losses[losses.len() - 1];
                let found = likelihood.maximise(start, ALL);
                let loss = likelihood.loss(&found);
                assert!(loss - end < 10.0 * TUNED.tolerance, "{labels}, {noise}: {loss} {end}");
                for place in 0..BIAS + CLASSES {
                    for by in [0.01, -0.01] {
                        let beside = along(&point, place, by);
                        assert!(beside == point || likelihood.loss(&beside) > end, "{place} {by}");
                    }
                }
            }
        }
    }

    /// No exponent of a grid, with the biases that suit it, explains the labels better.
    #[test]
    fn no_exponents_of_a_grid_are_better() {
        let grid = [0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0];
        let held = FreeParameters { prior: false, ..ALL };
        for (seed, labels) in [(6, 30), (7, 150)] {
            let case = Case::new(seed, labels);
            let evidence = case.evidence();
            let likelihood = Likelihood::new(&evidence);
            for noise in [0.0, 0.25, 0.5] {
                let start = LogOpinionPool { noise, ..LogOpinionPool::published(CLASSES) };
                let best = likelihood.loss(&likelihood.maximise(start.clone(), ALL));
                for prior in grid {
                    for model in &grid[1..] {
                        let from = LogOpinionPool { prior, model: *model, ..start.clone() };
                        let loss = likelihood.loss(&likelihood.maximise(from, held));
                        let what = format!("{labels} labels, noise {noise}, from {prior} {model}");
                        assert!(best <= loss + 1e-4, "{what}: {best} {loss}");
                    }
                }
            }
        }
    }
}
