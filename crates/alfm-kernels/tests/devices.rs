//! Every device that this build and this machine offer, against the processor.

#![cfg(any(feature = "wgpu", feature = "cuda"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_core::{MatrixView, Predictions, ScoreKind};
use alfm_kernels::device::{Cpu, Device};
use alfm_kernels::{CoDecision, Gradients, Joint, co_decide};
use alfm_testing::device::{distributions, others, uniform};

/// What the documentation of `Device` promises.
const TOLERANCE: f64 = 1e-5;

fn close(got: f32, expected: f32) -> bool {
    f64::from((got - expected).abs()) <= TOLERANCE
}

/// Labels may differ only where the probabilities of both are the same within the tolerance.
fn assert_agree(got: &[CoDecision], expected: &[CoDecision], case: &str) {
    assert_eq!(got.len(), expected.len(), "{case}");
    for (row, (got, expected)) in got.iter().zip(expected).enumerate() {
        let case = format!("{case}, row {row}: {got:?}, not {expected:?}");
        assert!(close(got.joint_entropy, expected.joint_entropy), "{case}");
        assert!(close(got.model_entropy, expected.model_entropy), "{case}");
        assert!(close(got.joint_label_confidence, expected.joint_label_confidence), "{case}");
        assert!(close(got.prior_label_confidence, expected.prior_label_confidence), "{case}");
        // No sum stands before these, so that they are the same to the last bit.
        assert_eq!(got.prior_label, expected.prior_label, "{case}");
        assert_eq!(got.model_label, expected.model_label, "{case}");
    }
}

const JOINTS: [Joint; 4] =
    [Joint::Product, Joint::SmallOnly, Joint::PriorOnly, Joint::Mixture(0.3)];

#[test]
fn co_decisions_agree() {
    for device in others() {
        for (rows, classes) in [(1, 2), (257, 3), (1000, 10), (300, 150), (40, 1000)] {
            let (prior, model) =
                (distributions(rows, classes, "prior"), distributions(rows, classes, "model"));
            let prior = Predictions::probabilities(&prior, rows, classes).unwrap();
            let model = Predictions::probabilities(&model, rows, classes).unwrap();
            for joint in JOINTS {
                let got = device.co_decide(prior, model, joint).unwrap();
                let expected = co_decide(prior, model, joint).unwrap();
                let case = format!("{} {rows} x {classes} {joint:?}", device.name());
                assert_agree(&got, &expected, &case);
                let labels = |of: &[CoDecision]| -> Vec<u32> {
                    of.iter().map(|row| row.joint_label).collect()
                };
                assert_eq!(labels(&got), labels(&expected), "{case}");
            }
        }
    }
}

#[test]
fn logits_and_half_precision_agree() {
    let logits = uniform(500 * 7, "logits");
    let halves: Vec<half::f16> =
        distributions(500, 7, "halves").into_iter().map(half::f16::from_f32).collect();
    let prior = Predictions::half(&halves, 500, 7, ScoreKind::Probabilities).unwrap();
    let model = Predictions::logits(&logits, 500, 7).unwrap();
    let expected = co_decide(prior, model, Joint::Product).unwrap();
    for device in others() {
        let got = device.co_decide(prior, model, Joint::Product).unwrap();
        assert_agree(&got, &expected, device.name());
    }
}

/// Certain experts that contradict each other, and masses that single precision can't hold: bit for bit, as the
/// processor decides them.
#[test]
fn contradictions_are_decided_by_the_processor() {
    let prior = [1.0, 0.0, 0.0, 1.0, 1e-20, 1e-20, 0.5, 0.25, 0.25];
    let model = [0.0, 1.0, 0.0, 1e-20, 0.75, 0.25, 0.25, 0.5, 0.25];
    let prior = Predictions::probabilities(&prior, 3, 3).unwrap();
    let model = Predictions::probabilities(&model, 3, 3).unwrap();
    let expected = co_decide(prior, model, Joint::Product).unwrap();
    for device in others() {
        let got = device.co_decide(prior, model, Joint::Product).unwrap();
        assert_eq!(got[0], expected[0]);
        assert_agree(&got, &expected, device.name());
    }
}

#[test]
fn experts_of_other_shapes_are_refused() {
    let prior = Predictions::probabilities(&[0.5; 4], 2, 2).unwrap();
    let model = Predictions::probabilities(&[0.5; 2], 1, 2).unwrap();
    let expected = Cpu.co_decide(prior, model, Joint::Product).unwrap_err();
    for device in others() {
        assert_eq!(device.co_decide(prior, model, Joint::Product).unwrap_err(), expected);
    }
}

/// Gradients that differ little are where a formula with cancellation is wrong.
#[test]
fn near_gradients_keep_their_distance() {
    let rows = 300;
    let x: Vec<f32> = (0..rows * 4).map(|at| 1.0 + (at / 4) as f32 * 1e-4).collect();
    let p: Vec<f32> =
        (0..rows).flat_map(|row| [0.6 + row as f32 * 1e-5, 0.4 - row as f32 * 1e-5]).collect();
    let model = Predictions::probabilities(&p, rows, 2).unwrap();
    let all: Vec<usize> = (0..rows).collect();
    let gradients = Gradients::new(model, MatrixView::new(&x, rows, 4).unwrap(), &all);
    let mut expected = vec![f64::INFINITY; rows];
    Cpu.nearest(&gradients).unwrap().lower(&[7], &mut expected).unwrap();
    for device in others() {
        let mut got = vec![f64::INFINITY; rows];
        device.nearest(&gradients).unwrap().lower(&[7], &mut got).unwrap();
        assert_eq!(got[7], 0.0);
        for (row, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let error = (got - expected).abs();
            assert!(error <= 1e-3 * expected + 1e-12, "row {row}: {got}, not {expected}");
        }
    }
}
