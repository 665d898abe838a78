//! Logistic regression against scikit-learn; `reference/logistic.py` wrote the numbers and says how.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_core::{ClassId, Matrix, SeedTree};
use alfm_learn::{Examples, Learner, LogisticRegressionConfig};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    rows: Vec<Vec<f32>>,
    labels: Vec<u32>,
    item_weights: Vec<f32>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    c: f64,
    balanced: bool,
    loss: f64,
    /// `K x D`.
    weights: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
}

/// Rows at which log-probabilities show the parameters: the origin, then a step along each axis.
fn probes(columns: usize) -> Matrix {
    let unit =
        |axis: usize| (0..columns).map(|column| f32::from(u8::from(column + 1 == axis))).collect();
    let rows: Vec<Vec<f32>> = (0..=columns).map(unit).collect();
    Matrix::from_rows(&rows).unwrap()
}

#[test]
fn coefficients_and_loss_are_those_of_scikit_learn() {
    let text = include_str!("reference/logistic.json");
    let reference: Reference = serde_json::from_str(text).unwrap();
    let embeddings = Matrix::from_rows(&reference.rows).unwrap();
    let labels: Vec<ClassId> = reference.labels.iter().map(|class| ClassId::new(*class)).collect();
    let examples = Examples::new(embeddings.view(), &labels, &reference.item_weights, 3);
    for case in &reference.cases {
        let config = LogisticRegressionConfig::default()
            .with_c(case.c)
            .with_balanced(case.balanced)
            .with_tolerance(1e-6);
        let model = config.check().unwrap().fit(&examples, &SeedTree::new(0)).unwrap();
        let fit = model.fit_summary().unwrap();
        assert!(fit.converged(), "{fit:?}");
        assert!((fit.final_loss - case.loss).abs() < 1e-6, "{} {}", fit.final_loss, case.loss);
        let found = model.predict(probes(embeddings.columns()).view()).unwrap();
        for (probe, row) in found.view().iter().enumerate() {
            for class in 1..3 {
                let expected = |class: usize| {
                    let slope = probe.checked_sub(1).map_or(0.0, |axis| case.weights[class][axis]);
                    case.intercepts[class] + slope
                };
                let expected = expected(class) - expected(0);
                let found = f64::from(row[class] / row[0]).ln();
                assert!(
                    (found - expected).abs() < 2e-4 * (1.0 + expected.abs()),
                    "C {}, probe {probe}, class {class}: {found}, not {expected}",
                    case.c
                );
            }
        }
    }
}
