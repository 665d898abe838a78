//! Fits the product of both experts on oracle labels: a profile likelihood over the noise rate.

use rayon::prelude::*;

use super::likelihood::{Evidence, FreeParameters, Likelihood, penalty, without};
use super::opinion_pool::LogOpinionPool;
use super::tuning::TUNED;

/// What the evidence says of both experts together, and of the small model alone.
pub(super) struct ProfileFit {
    pub(super) pool: LogOpinionPool,
    /// `a = 0` under the same noise rate, or none while noise can't be told: what is left where the prior is given up.
    pub(super) alone: LogOpinionPool,
    /// Penalised negative log-likelihood of the labels in nats, under the noise rate that explains them best.
    pub(super) loss: f64,
}

impl ProfileFit {
    /// The most probable pools of the evidence, each parameter pulled towards the published product.
    ///
    /// A label is the item's class with probability `1 - eta`, else one of the others: what contradicts both
    /// experts is then noise, not a reason to distrust them (a robust likelihood). The other parameters are fitted
    /// for each `eta` by Newton's method (a profile likelihood); `O(n K^2 + K^3)` time a step, some ten steps a rate.
    pub(super) fn new(evidence: &Evidence<'_>, free: FreeParameters) -> Self {
        let likelihood = Likelihood::new(evidence);
        let published = LogOpinionPool::published(evidence.prior.columns());
        let alone = LogOpinionPool { prior: 0.0, ..published.clone() };
        let alone = profile(&likelihood, &alone, FreeParameters { prior: false, ..free });
        let mut fits = profile(&likelihood, &published, free);
        for (fit, alone) in fits.iter_mut().zip(&alone) {
            (fit.opinions.gain, fit.opinions.gain_error) = gain(&likelihood, fit, alone);
        }
        let least = fits.iter().map(|fit| fit.loss).fold(f64::INFINITY, f64::min);
        let within = |nats: f64| {
            let both = fits.iter().zip(&alone);
            both.filter(move |(fit, _)| fit.loss <= least + nats)
                .map(|(fit, alone)| (&fit.opinions, &alone.opinions))
        };

        // With many wrong labels, to blame the oracle and to blame the experts explain the labels about as well,
        // and rounds that believe now the one, now the other lose what they had: what can be said for the prior
        // is said.
        let tellable = evidence.labels.len() >= TUNED.labels_to_know_noise * published.bias.len();
        let nats = if tellable { TUNED.optimism } else { 0.0 };
        let friendliest = within(nats).max_by(|(a, _), (b, _)| a.gain.total_cmp(&b.gain));
        let least_noise = within(TUNED.not_excluded).next().filter(|_| tellable);
        let (pool, same) = friendliest.unwrap_or((&published, &published));
        // The first rate is 0.
        let alone = if tellable { same } else { &alone[0].opinions };
        let least_noise = least_noise.map_or(0.0, |(fit, _)| fit.noise);
        Self {
            pool: LogOpinionPool { least_noise, ..pool.clone() },
            alone: alone.clone(),
            loss: least,
        }
    }
}

/// For each labelled item an opinion pool that was fitted without its label, under a known noise rate: one a fold,
/// which the items take in turn.
///
/// A pool has a bias for each class, and contradicts the labels that it was fitted on less than others.
pub(super) fn cross_fitted(
    evidence: &Evidence<'_>,
    free: FreeParameters,
    noise: f64,
) -> Vec<LogOpinionPool> {
    let start = LogOpinionPool { noise, ..LogOpinionPool::published(evidence.prior.columns()) };
    let fit = |fold: usize| {
        let others = without(evidence.weights, fold);
        let evidence = Evidence { weights: &others, ..*evidence };
        Likelihood::new(&evidence).maximise(start.clone(), free)
    };
    (0..TUNED.folds).into_par_iter().map(fit).collect()
}

/// The best opinion pool under one noise rate.
struct ProfilePoint {
    opinions: LogOpinionPool,
    /// Penalised negative log-likelihood of the labels in nats.
    loss: f64,
    /// The same without the penalties.
    surprise: f64,
}

/// The best fit from `start` for each noise rate, in their order.
fn profile(
    likelihood: &Likelihood<'_>,
    start: &LogOpinionPool,
    free: FreeParameters,
) -> Vec<ProfilePoint> {
    let classes = start.bias.len() as f64;
    let possible = |noise: &&f64| {
        if free.noise {
            **noise * classes <= TUNED.most_noise * (classes - 1.0)
        } else {
            **noise == 0.0
        }
    };
    let rates: Vec<f64> = TUNED.noise_rates.iter().filter(possible).copied().collect();
    let fit = |noise: &f64| {
        let start = LogOpinionPool { noise: *noise, ..start.clone() };
        let opinions = likelihood.maximise(start, free);
        let surprise = likelihood.surprise(&opinions);
        ProfilePoint { loss: penalty(&opinions) + surprise, surprise, opinions }
    };
    rates.par_iter().map(fit).collect()
}

/// How much of the small model's surprise a fit takes away, beyond what a noisy oracle makes unavoidable, and one
/// standard error of that; both under the same noise rate.
fn gain(likelihood: &Likelihood<'_>, fit: &ProfilePoint, alone: &ProfilePoint) -> (f64, f64) {
    let entropy = noise_entropy(fit.opinions.noise, fit.opinions.bias.len());
    let floor = likelihood.effective_labels() * entropy;
    let with = fit.surprise - floor;
    let without = alone.surprise - floor;
    if without <= 0.0 {
        return (0.0, 0.0);
    }
    let before = likelihood.each_surprise(&alone.opinions);
    let after = likelihood.each_surprise(&fit.opinions);
    let mean = (without - with) / before.len() as f64;
    let each = before.iter().zip(&after).map(|(before, after)| before - after - mean);
    let error = each.map(|difference| difference * difference).sum::<f64>().sqrt();
    ((1.0 - with / without).min(1.0), error / without)
}

/// Entropy in nats of a label whose item is known, with uniform label noise.
fn noise_entropy(noise: f64, classes: usize) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    let others = classes as f64 - 1.0;
    term(1.0 - noise) + others * term(noise / others)
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, Matrix, SeedTree};
    use rand::RngExt;

    use super::*;

    const ALL: FreeParameters = FreeParameters { prior: true, calibration: true, noise: true };

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

    fn fit(prior: &Matrix, model: &Matrix, labels: &[usize]) -> LogOpinionPool {
        fit_as(ALL, prior, model, labels)
    }

    fn fit_as(
        free: FreeParameters,
        prior: &Matrix,
        model: &Matrix,
        labels: &[usize],
    ) -> LogOpinionPool {
        profile_fit(free, prior, model, labels).pool
    }

    fn profile_fit(
        free: FreeParameters,
        prior: &Matrix,
        model: &Matrix,
        labels: &[usize],
    ) -> ProfileFit {
        on(prior, model, labels, |evidence| ProfileFit::new(evidence, free))
    }

    fn on<T>(
        prior: &Matrix,
        model: &Matrix,
        labels: &[usize],
        with: impl FnOnce(&Evidence<'_>) -> T,
    ) -> T {
        let labels: Vec<ClassId> = labels.iter().map(|class| ClassId::from_index(*class)).collect();
        let weights = vec![1.0; labels.len()];
        with(&Evidence {
            prior: prior.view(),
            model: model.view(),
            labels: &labels,
            weights: &weights,
        })
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
        others.iter_mut().step_by(TUNED.folds).for_each(|label| *label = 2);
        let (before, after) = (fit(&truth), fit(&others));
        assert_eq!(before.len(), TUNED.folds);
        assert_eq!(before[0], after[0]);
        for fold in 1..TUNED.folds {
            assert_ne!(before[fold], after[fold], "fold {fold}");
        }
    }

    #[test]
    fn without_evidence_the_published_product_stands() {
        let (prior, model) = (expert(&[0], 1.0, 0.4, 0), expert(&[0], 1.0, 0.4, 1));
        let pool = fit(&prior, &model, &[0]);
        assert!((pool.prior - 1.0).abs() < 0.05 && pool.noise == 0.0, "{pool:?}");
        assert!(pool.bias.iter().all(|bias| bias.abs() < 0.5), "{:?}", pool.bias);
    }

    #[test]
    fn calibrated_experts_keep_their_weight() {
        let truth = truth(400);
        let pool = fit(&expert(&truth, 0.8, 0.8, 0), &expert(&truth, 0.7, 0.7, 1), &truth);
        assert!((0.75..=1.4).contains(&pool.prior), "{pool:?}");
        assert!((0.75..=1.4).contains(&pool.model), "{pool:?}");
        assert!(pool.gain > 0.2, "{pool:?}");
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
        let pool = fit(&nothing, &expert(&truth, 0.7, 0.7, 1), &truth);
        assert!(pool.gain.abs() < 1e-9 && pool.gain_error < 1e-9, "{pool:?}");
    }

    /// Says 0.8 and is right a third of the time: it knows nothing. Under an oracle that may err, less is known of that.
    #[test]
    fn a_prior_that_knows_nothing_is_not_trusted() {
        let truth = truth(200);
        let prior = expert(&truth, 1.0 / 3.0, 0.8, 0);
        let model = expert(&truth, 0.7, 0.7, 1);
        let pool = fit_as(FreeParameters { noise: false, ..ALL }, &prior, &model, &truth);
        assert!(pool.trust() <= crate::guard::LEAST_TRUST, "{pool:?}");
        assert!(pool.gain < 0.003, "{pool:?}");
        let pool = fit(&prior, &model, &truth);
        assert!(pool.trust() < 0.5 && pool.gain < pool.gain_error / 5.0, "{pool:?}");
    }

    /// Both say 0.9999, and are right in 70 and 45 of 100: the exponents are small, the prior's say is not.
    #[test]
    fn of_two_experts_that_are_too_sure_the_better_one_is_trusted() {
        let truth = truth(300);
        let right_oracle = FreeParameters { noise: false, ..ALL };
        let fit = |prior, model| {
            let expert = |right, seed| expert(&truth, right, 0.9999, seed);
            fit_as(right_oracle, &expert(prior, 0), &expert(model, 1), &truth)
        };
        let pool = fit(0.7, 0.45);
        assert!(pool.prior < 0.5 && pool.trust() > 0.5, "{pool:?}");
        let pool = fit(0.34, 0.7);
        assert!(pool.trust() <= crate::guard::LEAST_TRUST, "{pool:?}");
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
        let pool = fit(&prior, &model, &labels);
        assert!(pool.noise <= 1.0 / 3.0, "{pool:?}");
        assert!(pool.trust() <= crate::guard::LEAST_TRUST || pool.gain <= 0.0, "{pool:?}");
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
            let fitted = profile_fit(
                ALL,
                &expert(&said, 1.0 / 3.0, 0.8, 0),
                &expert(&said, 1.0, 0.98, 1),
                &told,
            );
            (fitted.pool.noise, fitted.alone.noise)
        };
        let (pool, alone) = noise_of(3 * TUNED.labels_to_know_noise - 3);
        assert!(pool > 0.1 && alone == 0.0, "{pool} {alone}");
        let (pool, alone) = noise_of(3 * TUNED.labels_to_know_noise);
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
        let pool = fit(&expert(&said, 0.9, 0.6, 2), &model, &truth);
        assert!(pool.bias[1] > pool.bias[0] + 0.1, "{pool:?}");
    }
}
