//! Ensembles, vector scaling and label shift, by hand-computed numbers and bad input.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_core::{ClassId, Matrix, Probabilities, ScoreKind};
use alfm_prior::{
    Calibrator, Error, ErrorKind, LabelShift, Pooling, PriorQuality, VectorScaling, ensemble,
    from_matrix,
};
use proptest::prelude::*;

fn probabilities<const C: usize>(rows: &[[f32; C]]) -> Probabilities {
    Probabilities::from_rows(rows).unwrap()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-6, "{found:?}, not {expected:?}");
    }
}

fn labels<const N: usize>(classes: [u32; N]) -> Vec<(usize, ClassId)> {
    classes.map(ClassId::new).into_iter().enumerate().collect()
}

/// Weights 3 : 1. Linear: `0.75 * 0.8 + 0.25 * 0.4 = 0.7`. Logarithmic: odds `4^(3/4) * (2/3)^(1/4) = 2.555773`.
#[test]
fn both_pools_by_hand() {
    let (a, b) = (probabilities(&[[0.8, 0.2]]), probabilities(&[[0.4, 0.6]]));
    let pool = |pool| ensemble(&[&a, &b], &[3.0, 1.0], pool).unwrap();
    close(pool(Pooling::Linear).view().row(0), &[0.7, 0.3]);
    let p = 2.555_773 / 3.555_773;
    close(pool(Pooling::Logarithmic).view().row(0), &[p, 1.0 - p]);
}

#[test]
fn an_excluded_class_is_out_of_the_logarithmic_pool_only() {
    let (a, b) = (probabilities(&[[1.0, 0.0]]), probabilities(&[[0.1, 0.9]]));
    let pool = |pool| ensemble(&[&a, &b], &[1.0, 1.0], pool).unwrap();
    close(pool(Pooling::Linear).view().row(0), &[0.55, 0.45]);
    assert!(pool(Pooling::Logarithmic).view().row(0)[1] < 1e-14);
    // Without weight it has no say.
    let alone = ensemble(&[&a, &b], &[0.0, 2.0], Pooling::Logarithmic).unwrap();
    close(alone.view().row(0), &[0.1, 0.9]);
}

#[test]
fn members_that_do_not_fit_are_named() {
    let (two, three) = (probabilities(&[[0.5, 0.5]]), probabilities(&[[0.5, 0.5, 0.0]]));
    let long = probabilities(&[[0.5, 0.5], [0.5, 0.5]]);
    let with =
        |other: &Probabilities| ensemble(&[&two, other], &[1.0, 1.0], Pooling::Linear).unwrap_err();
    assert_eq!(with(&three), Error::column_count("prior", 2, 3));
    assert_eq!(with(&long), Error::row_count("prior", 1, 2));
    let none = ensemble(&[], &[], Pooling::Linear).unwrap_err();
    assert!(none.to_string().starts_with("0 prior(s) and 0 weight(s)"), "{none}");
    let few = ensemble(&[&two], &[1.0, 1.0], Pooling::Linear).unwrap_err();
    assert!(few.to_string().starts_with("1 prior(s) and 2 weight(s)"), "{few}");
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = ensemble(&[&two], &[weight], Pooling::Linear).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting, "{error}");
        assert!(error.to_string().starts_with("`weight` is "), "{error}");
    }
}

/// `exp(ln 2) 0.25^1 : 0.5^2 : 0.25^1` is `0.5 : 0.25 : 0.25`.
#[test]
fn vector_scaling_by_hand() {
    let scaling = VectorScaling::new(vec![1.0, 2.0, 1.0], vec![2f64.ln(), 0.0, 0.0]).unwrap();
    let prior = probabilities(&[[0.25, 0.5, 0.25]]);
    close(scaling.apply(&prior).unwrap().view().row(0), &[0.5, 0.25, 0.25]);
    let written = serde_json::to_string(&scaling).unwrap();
    assert_eq!(serde_json::from_str::<VectorScaling>(&written).unwrap(), scaling);
    assert!(serde_json::from_str::<VectorScaling>(r#"{"slopes":[1],"offsets":[0]}"#).is_err());
}

/// Two classes at even odds, seven of ten labels say 1: `ln(1/2)` being the same in both columns, slope and offset
/// of class 1 move against those of class 0, and without a penalty `p'_1` would be 0.7.
#[test]
fn a_prior_that_prefers_a_class_is_mended() {
    let prior = probabilities(&[[0.5, 0.5]; 10]);
    let labels = labels([1, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
    let fitted = VectorScaling::fit(&prior, &labels, 1e-6).unwrap();
    let after = fitted.apply(&prior).unwrap();
    assert!((after.view().row(0)[1] - 0.7).abs() < 1e-5, "{after:?}");
    // A penalty this strong leaves the prior as it is.
    let held = VectorScaling::fit(&prior, &labels, 1e9).unwrap();
    assert!((held.apply(&prior).unwrap().view().row(0)[1] - 0.5).abs() < 1e-6);
}

/// The gradient of the penalised loss at the fit, by central differences, is zero.
#[test]
fn the_fitted_vector_scaling_is_stationary() {
    let logits =
        Matrix::new((0u16..60).map(|i| f32::from(i * 37 % 23) / 6.0).collect(), 20, 3).unwrap();
    let prior = from_matrix(logits.view(), ScoreKind::Logits, 20, 3).unwrap();
    let labels: Vec<_> = (0..20).map(|i| (i, ClassId::new((i as u32 * 7 % 5) % 3))).collect();
    let fitted = VectorScaling::fit(&prior, &labels, 0.5).unwrap();
    let loss = |point: &[f64]| -> f64 {
        let surprise: f64 = labels
            .iter()
            .map(|(row, class)| {
                let row = prior.view().row(*row);
                let z: Vec<f64> =
                    (0..3).map(|k| point[k] * f64::from(row[k]).ln() + point[3 + k]).collect();
                z.iter().map(|z| z.exp()).sum::<f64>().ln() - z[class.index()]
            })
            .sum();
        let penalty = (0..3).map(|k| (point[k] - 1.0).powi(2) + point[3 + k].powi(2)).sum::<f64>();
        surprise + 0.25 * penalty
    };
    let point = [fitted.slopes(), fitted.offsets()].concat();
    assert!(loss(&point) < loss(&[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]) - 0.1);
    for at in 0..6 {
        let moved = |by: f64| {
            let mut point = point.clone();
            point[at] += by;
            loss(&point)
        };
        let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        assert!(slope.abs() < 1e-4, "parameter {at}: {slope}");
    }
}

/// `0.5 * 0.9 / 0.5 : 0.5 * 0.1 / 0.5` is `9 : 1`; from a source of `3 : 1`, an even row becomes `0.9/0.75 : 0.1/0.25`.
#[test]
fn a_known_label_shift_by_hand() {
    let prior = probabilities(&[[0.5, 0.5], [0.0, 1.0]]);
    let shift = LabelShift::new(vec![0.5, 0.5], vec![0.9, 0.1]).unwrap();
    close(shift.apply(&prior).unwrap().view().values(), &[0.9, 0.1, 0.0, 1.0]);
    let shift = LabelShift::new(vec![0.75, 0.25], vec![0.9, 0.1]).unwrap();
    close(shift.apply(&prior).unwrap().view().row(0), &[0.75, 0.25]);
    // A class that the target excludes stays where nothing else is possible.
    let shift = LabelShift::new(vec![0.5, 0.5], vec![1.0, 0.0]).unwrap();
    close(shift.apply(&prior).unwrap().view().values(), &[1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn a_prior_of_the_source_is_left_alone() {
    let prior = probabilities(&[[0.9, 0.1], [0.6, 0.4]]);
    let shift = LabelShift::fit(&prior, Some(&[0.75, 0.25])).unwrap();
    close(shift.apply(&prior).unwrap().view().values(), prior.view().values());
    let written = serde_json::to_string(&shift).unwrap();
    assert_eq!(serde_json::from_str::<LabelShift>(&written).unwrap(), shift);
}

#[test]
fn calibrators_refuse_what_does_not_fit() {
    let prior = probabilities(&[[0.5, 0.3, 0.2]]);
    let two = LabelShift::new(vec![0.5, 0.5], vec![0.5, 0.5]).unwrap();
    assert!(two.apply(&prior).is_err());
    assert!(LabelShift::fit(&prior, Some(&[0.5, 0.5])).is_err());
    assert!(LabelShift::new(vec![0.5, 0.5], vec![1.0]).is_err());
    assert!(LabelShift::new(vec![0.5, 0.5], vec![0.5, 0.4]).is_err());
    let error = LabelShift::new(vec![1.0, 0.0], vec![0.5, 0.5]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting, "{error}");
    assert!(error.to_string().starts_with("`source` is 0: every class has a share"), "{error}");

    let two = VectorScaling::new(vec![1.0; 2], vec![0.0; 2]).unwrap();
    assert!(two.apply(&prior).is_err());
    assert!(VectorScaling::new(vec![1.0], vec![0.0]).is_err());
    assert!(VectorScaling::new(vec![1.0; 2], vec![0.0]).is_err());
    assert!(VectorScaling::new(vec![1.0, f64::NAN], vec![0.0; 2]).is_err());
    assert!(VectorScaling::fit(&prior, &[], 1.0).is_err());
    assert!(VectorScaling::fit(&prior, &labels([3]), 1.0).is_err());
    assert!(VectorScaling::fit(&prior, &labels([0]), 0.0).is_err());
}

proptest! {
    /// Certain rows, wrong ones among them, neither stop the fit nor make it worse than the prior.
    #[test]
    fn a_fitted_vector_scaling_helps(logits in prop::collection::vec(-90.0f32..90.0, 24), truth in prop::collection::vec(0u32..3, 8)) {
        let logits = Matrix::new(logits, 8, 3).unwrap();
        let prior = from_matrix(logits.view(), ScoreKind::Logits, 8, 3).unwrap();
        let labels: Vec<_> = truth.into_iter().map(ClassId::new).enumerate().collect();
        let fitted = VectorScaling::fit(&prior, &labels, 1.0).unwrap();
        let after = fitted.apply(&prior).unwrap();
        let loss = |prior: &Probabilities| {
            PriorQuality::measure(prior, &labels).unwrap().negative_log_likelihood
        };
        prop_assert!(loss(&after) <= loss(&prior) + 1e-4);
    }

    /// The mean of the corrected rows is the target that EM found.
    #[test]
    fn the_fitted_target_is_a_fixed_point(logits in prop::collection::vec(-3.0f32..3.0, 60)) {
        let logits = Matrix::new(logits, 20, 3).unwrap();
        let prior = from_matrix(logits.view(), ScoreKind::Logits, 20, 3).unwrap();
        let shift = LabelShift::fit(&prior, None).unwrap();
        let after = shift.apply(&prior).unwrap();
        for (class, target) in shift.target().iter().enumerate() {
            let mean = after.view().iter().map(|row| f64::from(row[class])).sum::<f64>() / 20.0;
            prop_assert!((mean - target).abs() < 1e-3, "{mean} {target}");
        }
    }
}
