//! Uncertainty scores against `reference/uncertainty.py`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use alfm_acquire::{
    Acquisition, Bald, Entropy, LeastConfident, Margin, Pick, Pool, Power, Weigh, find,
};
use alfm_core::{ClassId, Predictions, SeedTree};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    classes: usize,
    labelled: Vec<usize>,
    passes: Vec<Vec<f32>>,
    rankings: BTreeMap<String, Ranking>,
    /// `ln max(s, 1e-12)` of the candidates, ascending.
    logarithms: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct Ranking {
    rows: Vec<usize>,
    scores: Vec<f64>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("reference/uncertainty.json")).unwrap()
}

fn select(case: &Case, strategy: &dyn Acquisition) -> Vec<Pick> {
    let rows = case.passes[0].len() / case.classes;
    let passes: Vec<_> = (case.passes.iter())
        .map(|pass| Predictions::probabilities(pass, rows, case.classes).unwrap())
        .collect();
    let mut observed = vec![None; rows];
    case.labelled.iter().for_each(|row| observed[*row] = Some(ClassId::new(0)));
    let pool = Pool::new(&observed).unwrap().with_model(passes[0]).unwrap();
    let pool = pool.with_passes(&passes).unwrap();
    strategy.select(&pool, rows, &SeedTree::new(3)).unwrap()
}

#[test]
fn rankings_agree() {
    for case in cases() {
        for (name, expected) in &case.rankings {
            let picks = select(&case, &*find(name).unwrap());
            assert_eq!(picks.len(), expected.rows.len());
            for ((pick, row), score) in picks.iter().zip(&expected.rows).zip(&expected.scores) {
                assert_eq!(pick.row, *row, "{name}");
                assert!((pick.score - score).abs() < 1e-6, "{name}: {} is not {score}", pick.score);
            }
        }
    }
}

/// With `beta = 0` a score is the noise alone, so that the difference to `beta = 1` is `ln s`.
fn logarithms<S: Weigh + Copy>(case: &Case, score: S) -> Vec<f64> {
    let by_row = |beta| {
        let picks = select(case, &Power { score, beta });
        picks.into_iter().map(|pick| (pick.row, pick.score)).collect::<BTreeMap<_, _>>()
    };
    by_row(1.0).values().zip(by_row(0.0).values()).map(|(r, noise)| r - noise).collect()
}

#[test]
fn power_variants_perturb_the_logarithms() {
    for case in cases() {
        let got = [
            ("power-least-confident", logarithms(&case, LeastConfident)),
            ("power-margin", logarithms(&case, Margin)),
            ("power-entropy", logarithms(&case, Entropy)),
            ("power-bald", logarithms(&case, Bald)),
        ];
        for (name, got) in got {
            let expected = &case.logarithms[name];
            assert_eq!(got.len(), expected.len());
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 1e-4, "{name}: {got} is not {expected}");
            }
        }
    }
}
