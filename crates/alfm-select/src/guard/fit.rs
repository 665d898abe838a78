//! Fits the product of both experts on oracle labels.

use alfm_core::{ClassId, MatrixView};
use rayon::prelude::*;

use super::opinion::{Opinion, ln, observed};

/// Which parameters are fitted; the others stay where the published product has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Free {
    pub(crate) prior: bool,
    pub(crate) calibration: bool,
    pub(crate) noise: bool,
}

/// Oracle-labelled items and what both experts, neither of which has seen the label, say of them.
#[derive(Clone, Copy)]
pub(crate) struct Evidence<'a> {
    /// `p_L`, `n x K`.
    pub(crate) prior: MatrixView<'a>,
    /// Out-of-fold `p_f`, `n x K`.
    pub(crate) model: MatrixView<'a>,
    pub(crate) labels: &'a [ClassId],
    /// What each item counts; they sum to the number of labels of equal weight that would tell as much.
    pub(crate) weights: &'a [f64],
}

/// Exponents that are tried; 0 removes an expert, above 1 sharpens it.
const EXPONENTS: [f64; 14] =
    [0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0];
/// Noise rates that are tried.
const NOISE_RATES: [f64; 11] = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5];
/// What noise may take of what a label tells: if two of two classes came alike, the oracle could be blamed for
/// everything.
const MOST_NOISE: f64 = 2.0 / 3.0;
/// The pull of an exponent towards 1, in nats: what `n` labels must outweigh.
const PULL: f64 = 4.0;
/// The pull of a class bias towards 0: one standard deviation is a factor `e` on the class's odds.
const BIAS_PULL: f64 = 0.5;
/// The pull of the noise rate towards 0: one standard deviation is 0.22, since to blame the oracle is also the
/// easiest excuse of a wrong prior.
const NOISE_PULL: f64 = 10.0;
/// Nats by which a noise rate must explain the labels worse than another to be out of the question.
const OPTIMISM: f64 = 3.0;
/// Half of 1.28 squared: nats below the best within which a rate is not excluded at 90 %, one-sided.
const NOT_EXCLUDED: f64 = 0.82;
/// With fewer labels a class, what the experts do not know can't be told from noise.
const LABELS_TO_KNOW_NOISE: usize = 10;
/// Coordinates are visited so often; the fit has settled after three visits in all experiments.
const SWEEPS: usize = 4;
/// What the evidence says of both experts together, and of the small model alone.
pub(crate) struct Opinions {
    pub(crate) pool: Opinion,
    /// `a = 0` under the same noise rate, or none while noise can't be told: what is left where the prior is given up.
    pub(crate) alone: Opinion,
    /// Penalised negative log-likelihood of the labels in nats, under the noise rate that explains them best.
    pub(crate) loss: f64,
}

impl Opinions {
    /// The most probable pools of the evidence, each parameter pulled towards the published product.
    ///
    /// A label is the item's class with probability `1 - eta`, else one of the others: what contradicts both
    /// experts is then noise, not a reason to distrust them (a robust likelihood). The other parameters are fitted
    /// for each `eta` by coordinate ascent (a profile likelihood); `O(n K)` time a step, some hundred steps a rate.
    pub(crate) fn fit(evidence: &Evidence<'_>, free: Free) -> Self {
        let logs = Logs::new(evidence);
        let published = Opinion::published(evidence.prior.columns());
        let alone = Opinion { prior: 0.0, ..published.clone() };
        let alone = logs.profile(&alone, Free { prior: false, ..free });
        let mut fits = logs.profile(&published, free);
        for (fit, alone) in fits.iter_mut().zip(&alone) {
            (fit.opinion.gain, fit.opinion.gain_error) = logs.gain(fit, alone);
        }
        let least = fits.iter().map(|fit| fit.loss).fold(f64::INFINITY, f64::min);
        let within = |nats: f64| {
            let both = fits.iter().zip(&alone);
            both.filter(move |(fit, _)| fit.loss <= least + nats)
                .map(|(fit, alone)| (&fit.opinion, &alone.opinion))
        };

        // With many wrong labels, to blame the oracle and to blame the experts explain the labels about as well,
        // and rounds that believe now the one, now the other lose what they had: what can be said for the prior
        // is said.
        let tellable = evidence.labels.len() >= LABELS_TO_KNOW_NOISE * published.bias.len();
        let nats = if tellable { OPTIMISM } else { 0.0 };
        let friendliest = within(nats).max_by(|(a, _), (b, _)| a.gain.total_cmp(&b.gain));
        let least_noise = within(NOT_EXCLUDED).next().filter(|_| tellable);
        let (pool, same) = friendliest.unwrap_or((&published, &published));
        // The first rate is 0.
        let alone = if tellable { same } else { &alone[0].opinion };
        let least_noise = least_noise.map_or(0.0, |(fit, _)| fit.noise);
        Self { pool: Opinion { least_noise, ..pool.clone() }, alone: alone.clone(), loss: least }
    }
}

/// Parts of the labels, each judged by what the others say.
pub(super) const FOLDS: usize = 5;

/// The weights, 0 for the labels of one fold.
pub(super) fn without(weights: &[f64], fold: usize) -> Vec<f64> {
    let each = weights.iter().enumerate();
    each.map(|(at, weight)| if at % FOLDS == fold { 0.0 } else { *weight }).collect()
}

/// For each labelled item an opinion that was fitted without its label, under a known noise rate: `FOLDS` opinions,
/// which the items take in turn.
///
/// An opinion has a bias for each class, and contradicts the labels that it was fitted on less than others.
pub(crate) fn cross_fitted(evidence: &Evidence<'_>, free: Free, noise: f64) -> Vec<Opinion> {
    let start = Opinion { noise, ..Opinion::published(evidence.prior.columns()) };
    let fit = |fold: usize| {
        let others = without(evidence.weights, fold);
        Logs::new(&Evidence { weights: &others, ..*evidence }).climb(start.clone(), free)
    };
    (0..FOLDS).into_par_iter().map(fit).collect()
}

/// The best opinion under one noise rate.
struct Fit {
    opinion: Opinion,
    /// Penalised negative log-likelihood of the labels in nats.
    loss: f64,
    /// The same without the penalties.
    surprise: f64,
}

/// The logarithms of both experts, taken once.
struct Logs<'a> {
    evidence: &'a Evidence<'a>,
    prior: Vec<f64>,
    model: Vec<f64>,
}

impl<'a> Logs<'a> {
    fn new(evidence: &'a Evidence<'a>) -> Self {
        let logs = |of: MatrixView<'_>| of.values().iter().map(|p| ln(*p)).collect();
        Self { evidence, prior: logs(evidence.prior), model: logs(evidence.model) }
    }

    /// `pbar` of every item in turn, with its label and weight.
    fn each(&self, opinion: &Opinion, mut visit: impl FnMut(&[f64], usize, f64)) {
        let classes = opinion.bias.len();
        let mut p = vec![0.0; classes];
        let rows = self.prior.chunks_exact(classes).zip(self.model.chunks_exact(classes));
        let known = self.evidence.labels.iter().zip(self.evidence.weights);
        for ((prior, model), (label, weight)) in rows.zip(known) {
            let mut top = f64::NEG_INFINITY;
            for (k, p) in p.iter_mut().enumerate() {
                *p = opinion.prior * prior[k] + opinion.model * model[k] + opinion.bias[k];
                top = top.max(*p);
            }
            let mut mass = 0.0;
            for p in &mut p {
                *p = (*p - top).exp();
                mass += *p;
            }
            p.iter_mut().for_each(|p| *p /= mass);
            visit(&p, label.index(), *weight);
        }
    }

    /// Penalised negative log-likelihood in nats.
    fn loss(&self, opinion: &Opinion) -> f64 {
        penalty(opinion) + self.surprise(opinion)
    }

    /// The best fit from `start` for each noise rate, in their order.
    fn profile(&self, start: &Opinion, free: Free) -> Vec<Fit> {
        let classes = start.bias.len() as f64;
        let possible = |noise: &&f64| match free.noise {
            true => **noise * classes <= MOST_NOISE * (classes - 1.0),
            false => **noise == 0.0,
        };
        let rates: Vec<f64> = NOISE_RATES.iter().filter(possible).copied().collect();
        let fit = |noise: &f64| {
            let opinion = self.climb(Opinion { noise: *noise, ..start.clone() }, free);
            let surprise = self.surprise(&opinion);
            Fit { loss: penalty(&opinion) + surprise, surprise, opinion }
        };
        rates.par_iter().map(fit).collect()
    }

    /// The negative log-likelihood of every label in nats, by its weight, in turn.
    fn surprises(&self, opinion: &Opinion, mut visit: impl FnMut(f64)) {
        self.each(opinion, |p, label, weight| {
            visit(-weight * observed(p[label], opinion.noise, p.len()).max(1e-12).ln());
        });
    }

    /// Negative log-likelihood alone.
    fn surprise(&self, opinion: &Opinion) -> f64 {
        let mut sum = 0.0;
        self.surprises(opinion, |surprise| sum += surprise);
        sum
    }

    /// How much of the small model's surprise a fit takes away, beyond what a noisy oracle makes unavoidable, and one
    /// standard error of that; both under the same noise rate.
    fn gain(&self, fit: &Fit, alone: &Fit) -> (f64, f64) {
        let labels: f64 = self.evidence.weights.iter().sum();
        let floor = labels * noise_entropy(fit.opinion.noise, fit.opinion.bias.len());
        let (with, without) = (fit.surprise - floor, alone.surprise - floor);
        if without <= 0.0 {
            return (0.0, 0.0);
        }
        let all = |fit: &Fit| {
            let mut all = Vec::with_capacity(self.evidence.labels.len());
            self.surprises(&fit.opinion, |surprise| all.push(surprise));
            all
        };
        let (before, after) = (all(alone), all(fit));
        let mean = (without - with) / before.len() as f64;
        let each = before.iter().zip(&after).map(|(before, after)| before - after - mean);
        let error = each.map(|difference| difference * difference).sum::<f64>().sqrt();
        ((1.0 - with / without).min(1.0), error / without)
    }

    /// Coordinate ascent in all but the noise rate.
    fn climb(&self, mut opinion: Opinion, free: Free) -> Opinion {
        for _ in 0..SWEEPS {
            if free.prior {
                opinion.prior =
                    best(&EXPONENTS, |prior| self.loss(&Opinion { prior, ..opinion.clone() }));
            }
            if free.calibration {
                opinion.model =
                    best(&EXPONENTS[1..], |model| self.loss(&Opinion { model, ..opinion.clone() }));
                self.improve_bias(&mut opinion);
            }
        }
        opinion
    }

    /// Two damped Newton steps on the biases, with the diagonal of the Hessian.
    fn improve_bias(&self, opinion: &mut Opinion) {
        for _ in 0..2 {
            let mut gradient: Vec<f64> = opinion.bias.iter().map(|b| 2.0 * BIAS_PULL * b).collect();
            let mut curvature = vec![2.0 * BIAS_PULL; gradient.len()];
            self.each(opinion, |p, label, weight| {
                let right = (1.0 - opinion.noise) * p[label];
                let weight = weight * right / observed(p[label], opinion.noise, p.len()).max(1e-12);
                for (k, p) in p.iter().enumerate() {
                    gradient[k] += weight * (p - f64::from(u8::from(k == label)));
                    curvature[k] += weight * p * (1.0 - p);
                }
            });
            // The classes share their mass, so the diagonal alone oversteps: half of it.
            for (bias, (g, h)) in opinion.bias.iter_mut().zip(gradient.iter().zip(&curvature)) {
                *bias -= 0.5 * g / h;
            }
        }
    }
}

/// What pulls the parameters towards the published product, in nats.
fn penalty(opinion: &Opinion) -> f64 {
    let pull = |exponent: f64| PULL * (exponent - 1.0) * (exponent - 1.0);
    let bias: f64 = opinion.bias.iter().map(|b| b * b).sum();
    pull(opinion.prior)
        + pull(opinion.model)
        + BIAS_PULL * bias
        + NOISE_PULL * opinion.noise * opinion.noise
}

/// Entropy in nats of a label whose item is known, with uniform label noise.
fn noise_entropy(noise: f64, classes: usize) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    let others = classes as f64 - 1.0;
    term(1.0 - noise) + others * term(noise / others)
}

/// The value with the smallest loss, the first on ties.
fn best(values: &[f64], loss: impl Fn(f64) -> f64) -> f64 {
    let losses = values.iter().map(|value| (*value, loss(*value)));
    losses.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(1.0, |(value, _)| value)
}

#[cfg(test)]
mod tests {
    use alfm_core::{Matrix, SeedTree};
    use rand::RngExt;

    use super::*;

    const ALL: Free = Free { prior: true, calibration: true, noise: true };

    /// `count` items of three classes: an expert gives `sure` to a class that is right `right` of the time.
    fn expert(truth: &[usize], right: f64, sure: f32, seed: u64) -> Matrix {
        let mut rng = SeedTree::new(seed).rng();
        let rows: Vec<[f32; 3]> = truth
            .iter()
            .map(|class| {
                let other = (class + rng.random_range(1..3usize)) % 3;
                let said = if rng.random_bool(right) { *class } else { other };
                let mut row = [(1.0 - sure) / 2.0; 3];
                row[said] = sure;
                row
            })
            .collect();
        Matrix::from_rows(&rows).unwrap()
    }

    fn truth(count: usize) -> Vec<usize> {
        (0..count).map(|item| item % 3).collect()
    }

    fn fit(prior: &Matrix, model: &Matrix, labels: &[usize]) -> Opinion {
        fit_as(ALL, prior, model, labels)
    }

    fn fit_as(free: Free, prior: &Matrix, model: &Matrix, labels: &[usize]) -> Opinion {
        opinions(free, prior, model, labels).pool
    }

    fn opinions(free: Free, prior: &Matrix, model: &Matrix, labels: &[usize]) -> Opinions {
        on(prior, model, labels, |evidence| Opinions::fit(evidence, free))
    }

    fn on<T>(
        prior: &Matrix,
        model: &Matrix,
        labels: &[usize],
        with: impl FnOnce(&Evidence<'_>) -> T,
    ) -> T {
        let labels: Vec<ClassId> = labels.iter().map(|class| ClassId::from_index(*class)).collect();
        let weights = vec![1.0; labels.len()];
        let (prior, model) = (prior.view(), model.view());
        with(&Evidence { prior, model, labels: &labels, weights: &weights })
    }

    /// Other labels for the first fold change all opinions but the one that judges it.
    #[test]
    fn no_label_has_a_say_in_the_opinion_that_judges_it() {
        let truth = truth(40);
        let (prior, model) = (expert(&truth, 0.8, 0.8, 0), expert(&truth, 0.7, 0.7, 1));
        let fit = |labels: &[usize]| {
            on(&prior, &model, labels, |evidence| cross_fitted(evidence, ALL, 0.1))
        };
        let mut others = truth.clone();
        others.iter_mut().step_by(FOLDS).for_each(|label| *label = 2);
        let (before, after) = (fit(&truth), fit(&others));
        assert_eq!(before.len(), FOLDS);
        assert_eq!(before[0], after[0]);
        for fold in 1..FOLDS {
            assert_ne!(before[fold], after[fold], "fold {fold}");
        }
    }

    #[test]
    fn without_evidence_the_published_product_stands() {
        let (prior, model) = (expert(&[0], 1.0, 0.4, 0), expert(&[0], 1.0, 0.4, 1));
        let opinion = fit(&prior, &model, &[0]);
        assert_eq!((opinion.prior, opinion.noise), (1.0, 0.0));
        assert!(opinion.bias.iter().all(|bias| bias.abs() < 0.5), "{:?}", opinion.bias);
    }

    #[test]
    fn calibrated_experts_keep_their_weight() {
        let truth = truth(400);
        let opinion = fit(&expert(&truth, 0.8, 0.8, 0), &expert(&truth, 0.7, 0.7, 1), &truth);
        assert!((0.75..=1.4).contains(&opinion.prior), "{opinion:?}");
        assert!((0.75..=1.4).contains(&opinion.model), "{opinion:?}");
        assert!(opinion.gain > 0.2, "{opinion:?}");
    }

    /// Sixteen times the labels: a quarter of the error.
    #[test]
    fn the_error_of_the_gain_falls_as_labels_come() {
        let error = |labels: usize| {
            let truth = truth(labels);
            let (prior, model) = (expert(&truth, 0.7, 0.7, 0), expert(&truth, 0.5, 0.6, 1));
            fit(&prior, &model, &truth).gain_error
        };
        let (few, many) = (error(60), error(960));
        assert!(many > 0.0 && few > 2.0 * many, "{few} {many}");
    }

    #[test]
    fn a_prior_that_says_nothing_gains_nothing_for_certain() {
        let truth = truth(60);
        let nothing = Matrix::from_rows(&vec![[1.0 / 3.0; 3]; 60]).unwrap();
        let opinion = fit(&nothing, &expert(&truth, 0.7, 0.7, 1), &truth);
        assert!(opinion.gain.abs() < 1e-9 && opinion.gain_error < 1e-9, "{opinion:?}");
    }

    /// Says 0.8 and is right a third of the time: it knows nothing.
    #[test]
    fn a_prior_that_knows_nothing_is_not_trusted() {
        let truth = truth(200);
        let opinion = fit(&expert(&truth, 1.0 / 3.0, 0.8, 0), &expert(&truth, 0.7, 0.7, 1), &truth);
        assert!(opinion.trust() <= crate::guard::LEAST_TRUST, "{opinion:?}");
        assert!(opinion.gain < 0.003, "{opinion:?}");
    }

    /// Both say 0.9999, and are right in 70 and 45 of 100: the exponents are small, the prior's say is not.
    #[test]
    fn of_two_experts_that_are_too_sure_the_better_one_is_trusted() {
        let truth = truth(300);
        let right_oracle = Free { noise: false, ..ALL };
        let fit = |prior, model| {
            let expert = |right, seed| expert(&truth, right, 0.9999, seed);
            fit_as(right_oracle, &expert(prior, 0), &expert(model, 1), &truth)
        };
        let opinion = fit(0.7, 0.45);
        assert!(opinion.prior < 0.5 && opinion.trust() > 0.5, "{opinion:?}");
        let opinion = fit(0.34, 0.7);
        assert!(opinion.trust() <= crate::guard::LEAST_TRUST, "{opinion:?}");
    }

    /// Two classes, each expert's row is turned round: that may be a wrong oracle or a wrong prior, but labels keep
    /// telling something.
    #[test]
    fn of_two_classes_not_all_is_put_down_to_the_oracle() {
        let rows =
            |right: usize| -> Vec<[f32; 2]> {
                (0..60)
                    .map(|item| {
                        if (item % 10 < right) == (item % 2 == 0) { [0.8, 0.2] } else { [0.2, 0.8] }
                    })
                    .collect()
            };
        let labels: Vec<usize> = (0..60).map(|item| item % 2).collect();
        let (prior, model) =
            (Matrix::from_rows(&rows(2)).unwrap(), Matrix::from_rows(&rows(6)).unwrap());
        let opinion = fit(&prior, &model, &labels);
        assert!(opinion.noise <= 1.0 / 3.0, "{opinion:?}");
        assert!(opinion.trust() <= crate::guard::LEAST_TRUST || opinion.gain <= 0.0, "{opinion:?}");
    }

    #[test]
    fn wrong_labels_are_told_from_wrong_experts() {
        let truth = truth(600);
        let (prior, model) = (expert(&truth, 0.95, 0.95, 0), expert(&truth, 0.9, 0.9, 1));
        let clean = fit(&prior, &model, &truth);
        assert!(clean.noise <= 0.02, "{clean:?}");
        // Every fifth label is wrong.
        let noisy: Vec<usize> = truth
            .iter()
            .enumerate()
            .map(
                |(item, class)| if item % 5 == 0 { (class + 1 + item / 5 % 2) % 3 } else { *class },
            )
            .collect();
        let noisy = fit(&prior, &model, &noisy);
        assert!((0.15..=0.3).contains(&noisy.noise), "{noisy:?}");
        assert!(noisy.least_noise <= noisy.noise && noisy.least_noise > 0.05, "{noisy:?}");
        assert!(noisy.prior >= 0.75, "{noisy:?}");
    }

    /// Every third label contradicts a small model that is all but certain.
    #[test]
    fn alone_the_small_model_doubts_no_label_before_noise_can_be_told() {
        let noise_of = |labels: usize| {
            let said = truth(labels);
            let told: Vec<usize> = (0..labels).map(|item| (item + item % 9 / 6) % 3).collect();
            let opinions = opinions(
                ALL,
                &expert(&said, 1.0 / 3.0, 0.8, 0),
                &expert(&said, 1.0, 0.98, 1),
                &told,
            );
            (opinions.pool.noise, opinions.alone.noise)
        };
        let (pool, alone) = noise_of(3 * LABELS_TO_KNOW_NOISE - 3);
        assert!(pool > 0.1 && alone == 0.0, "{pool} {alone}");
        let (pool, alone) = noise_of(3 * LABELS_TO_KNOW_NOISE);
        assert!(pool > 0.1 && alone == pool, "{pool} {alone}");
    }

    /// The prior calls half of class 1 class 0: the bias of class 1 rises above that of class 0.
    #[test]
    fn a_class_that_is_named_too_often_is_held_back() {
        let truth = truth(300);
        let model = expert(&truth, 0.4, 0.4, 1);
        let said: Vec<usize> = truth
            .iter()
            .enumerate()
            .map(|(item, class)| if *class == 1 && item % 2 == 0 { 0 } else { *class })
            .collect();
        let opinion = fit(&expert(&said, 0.9, 0.6, 2), &model, &truth);
        assert!(opinion.bias[1] > opinion.bias[0] + 0.1, "{opinion:?}");
    }
}
