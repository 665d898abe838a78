//! Weak labels and their models, by hand-computed numbers and planted accuracies.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_core::{ClassId, Probabilities, SeedTree};
use alfm_prior::weak_labels::{GenerativeModel, MajorityVote, Votes};
use alfm_prior::{Error, PriorQuality};
use proptest::prelude::*;
use rand::RngExt;

/// -1 abstains.
fn votes(numbers: &[i64], rules: usize, classes: usize) -> Votes {
    let class = |number: &i64| usize::try_from(*number).ok().map(ClassId::from_index);
    let given: Vec<_> = numbers.iter().map(class).collect();
    Votes::new(&given, given.len() / rules, rules, classes).unwrap()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-6, "{found:?}, not {expected:?}");
    }
}

/// Two of three votes for class 1, marginal (1/2, 1/4, 1/4), smoothing 2: `(0 + 1, 2 + 1/2, 1 + 1/2) / 5`.
#[test]
fn a_majority_is_smoothed_towards_the_marginal() {
    let votes = votes(&[1, 1, 2, -1, -1, -1], 3, 3);
    assert_eq!((votes.items(), votes.rules(), votes.classes(), votes.coverage()), (2, 3, 3, 0.5));
    let model = MajorityVote::default().with_smoothing(2.0).with_marginal(vec![0.5, 0.25, 0.25]);
    let prior = model.apply(&votes).unwrap();
    close(prior.view().values(), &[0.2, 0.5, 0.3, 0.5, 0.25, 0.25]);
}

/// One vote of two: `q = 0.75` at the start, so the average accuracy is `(0.75 + 1) / (1 + 2) = 7/12`, and with
/// strength 1 the rule's is `(3/4 + 7/12) / 2 = 2/3`. The rule that never votes keeps the average.
#[test]
fn one_step_of_em_by_hand() {
    let votes = votes(&[0, -1, -1, -1], 2, 2);
    let model = GenerativeModel::default().with_strength(1.0).with_max_iterations(1);
    let fitted = model.fit(&votes).unwrap();
    assert!((fitted.accuracies[0] - 2.0 / 3.0).abs() < 1e-12, "{fitted:?}");
    assert!((fitted.accuracies[1] - 7.0 / 12.0).abs() < 1e-12, "{fitted:?}");
    close(fitted.prior.view().values(), &[2.0 / 3.0, 1.0 / 3.0, 0.5, 0.5]);
    assert_eq!((fitted.iterations, fitted.converged), (1, false));
}

/// 3,000 items of three classes; five rules, right so often, that each abstain on one item in five.
fn planted() -> (Vec<i64>, Vec<(usize, ClassId)>) {
    let mut rng = SeedTree::new(0).rng();
    let (mut numbers, mut truth) = (Vec::new(), Vec::new());
    for row in 0..3000 {
        let class = rng.random_range(0..3);
        for accuracy in PLANTED {
            let wrong = (class + rng.random_range(1..3)) % 3;
            let vote = if rng.random_bool(accuracy) { class } else { wrong };
            numbers.push(if rng.random_bool(0.8) { vote } else { -1 });
        }
        truth.push((row, ClassId::from_index(usize::try_from(class).unwrap())));
    }
    (numbers, truth)
}

const PLANTED: [f64; 5] = [0.95, 0.85, 0.6, 0.5, 0.4];

#[test]
fn planted_accuracies_are_found_and_beat_the_majority() {
    let (numbers, truth) = planted();
    let votes = votes(&numbers, 5, 3);
    let fitted = GenerativeModel::default().with_strength(1.0).fit(&votes).unwrap();
    assert!(fitted.converged, "{fitted:?}");
    for (found, planted) in fitted.accuracies.iter().zip(PLANTED) {
        assert!((found - planted).abs() < 0.03, "{:?}", fitted.accuracies);
    }
    let right = |prior: &Probabilities| PriorQuality::measure(prior, &truth).unwrap();
    let majority = right(&MajorityVote::default().apply(&votes).unwrap());
    let generative = right(&fitted.prior);
    assert!(generative.accuracy > majority.accuracy + 0.05, "{generative:?} {majority:?}");
    assert!(generative.calibration_error < 0.02, "{generative:?}");
}

/// The posterior that EM climbs, computed directly: `sum_i ln sum_k prod_j P(vote | k)` and the Beta prior.
#[test]
fn no_step_lowers_the_posterior() {
    let (numbers, _) = planted();
    let votes = votes(&numbers, 5, 3);
    let start = MajorityVote::default().apply(&votes).unwrap();
    let class = |number: &i64| usize::try_from(*number).ok();
    let given: Vec<Vec<Option<usize>>> =
        numbers.chunks(5).map(|row| row.iter().map(class).collect()).collect();
    let cast = given.iter().flatten().flatten().count() as f64;
    let agreed = given.iter().zip(start.view().iter()).flat_map(|(votes, row)| {
        votes.iter().flatten().map(|class| f64::from(row[*class])).collect::<Vec<_>>()
    });
    let right: f64 = agreed.sum();
    let (strength, average) = (5.0, (right + 1.0) / (cast + 3.0));
    let posterior = |accuracies: &[f64]| -> f64 {
        let items: f64 = given
            .iter()
            .map(|votes| {
                let of_class = |class: usize| -> f64 {
                    let said = votes.iter().zip(accuracies).filter_map(|(vote, a)| {
                        vote.map(|vote| if vote == class { *a } else { (1.0 - a) / 2.0 })
                    });
                    said.product::<f64>() / 3.0
                };
                (0..3).map(of_class).sum::<f64>().ln()
            })
            .sum();
        let beta = |a: &f64| strength * (average * a.ln() + (1.0 - average) * (1.0 - a).ln());
        items + accuracies.iter().map(beta).sum::<f64>()
    };
    let after = |steps| {
        let model = GenerativeModel::default().with_strength(strength).with_max_iterations(steps);
        posterior(&model.fit(&votes).unwrap().accuracies)
    };
    let climb: Vec<f64> = (1..12).map(after).collect();
    assert!(climb.windows(2).all(|pair| pair[1] >= pair[0] - 1e-9), "{climb:?}");
    assert!(climb[10] > climb[0] + 1.0, "{climb:?}");
}

#[test]
fn bad_votes_and_settings_are_named() {
    let c = ClassId::new(2);
    let error = Votes::new(&[None, Some(c)], 1, 2, 2).unwrap_err();
    assert_eq!(error, Error::unknown_class(c, 2));
    assert_eq!(Votes::new(&[None; 3], 1, 2, 2).unwrap_err(), Error::shape(1, 2, 3));
    assert!(Votes::new(&[], 0, 0, 2).is_err());
    assert!(Votes::new(&[None], 1, 1, 1).is_err());

    let votes = votes(&[0, -1], 1, 2);
    for value in [0.0, -1.0, f64::NAN] {
        let error = MajorityVote::default().with_smoothing(value).apply(&votes).unwrap_err();
        assert!(error.to_string().starts_with("`smoothing` is "), "{error}");
        let error = GenerativeModel::default().with_strength(value).fit(&votes).unwrap_err();
        assert!(error.to_string().starts_with("`strength` is "), "{error}");
    }
    let error = GenerativeModel::default().with_max_iterations(0).fit(&votes).unwrap_err();
    assert_eq!(error, Error::setting("max_iterations", 0, "at least one step is needed"));
    for marginal in [vec![0.5, 0.4], vec![1.0], vec![], vec![0.2, 0.3, 0.5]] {
        assert!(MajorityVote::default().with_marginal(marginal.clone()).apply(&votes).is_err());
        assert!(GenerativeModel::default().with_marginal(marginal).fit(&votes).is_err());
    }
}

#[test]
fn a_pool_without_any_vote_gets_the_marginal() {
    let votes = votes(&[-1, -1], 1, 2);
    let model = GenerativeModel::default().with_marginal(vec![0.25, 0.75]);
    let fitted = model.fit(&votes).unwrap();
    close(fitted.prior.view().values(), &[0.25, 0.75, 0.25, 0.75]);
    assert_eq!(fitted.accuracies, [0.5]);
}

proptest! {
    /// Neither model minds in which order items come, and both give distributions.
    #[test]
    fn items_stand_for_themselves(numbers in prop::collection::vec(-1i64..3, 40)) {
        let reversed: Vec<i64> = numbers.chunks(4).rev().flatten().copied().collect();
        let (one, other) = (votes(&numbers, 4, 3), votes(&reversed, 4, 3));
        let majority = |votes: &Votes| MajorityVote::default().apply(votes).unwrap();
        let generative = |votes: &Votes| GenerativeModel::default().with_strength(2.0).fit(votes).unwrap().prior;
        for model in [&majority as &dyn Fn(&Votes) -> Probabilities, &generative] {
            let (one, other) = (model(&one), model(&other));
            for (a, b) in one.view().iter().zip(other.view().iter().rev()) {
                prop_assert!((a.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                prop_assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4));
            }
        }
    }
}
