//! CORESET and BADGE against `reference/centres.py`, which does everything the long way.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_acquire::{Acquisition, Badge, KCenterGreedy, Pick, Pool};
use alfm_core::{ClassId, MatrixView, Predictions, SeedTree};
use alfm_kernels::Metric;
use alfm_testing::golden::{count, counts, doubles, singles};
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("reference/centres.json")).unwrap()
}

fn select(reference: &Value, strategy: &dyn Acquisition, budget: usize, seed: u64) -> Vec<Pick> {
    let (width, classes) = (count(&reference["width"]), count(&reference["classes"]));
    let embeddings = singles(&reference["embeddings"]);
    let probabilities = singles(&reference["probabilities"]);
    let rows = embeddings.len() / width;
    let mut observed = vec![None; rows];
    for row in counts(&reference["labelled"]) {
        observed[row] = Some(ClassId::new(0));
    }
    let pool = Pool::new(&observed)
        .unwrap()
        .with_model(Predictions::probabilities(&probabilities, rows, classes).unwrap())
        .unwrap()
        .with_embeddings(MatrixView::new(&embeddings, rows, width).unwrap())
        .unwrap();
    strategy.select(&pool, budget, &SeedTree::new(seed)).unwrap()
}

fn assert_close(got: f64, expected: f64) {
    assert!((got - expected).abs() < 1e-6 * (1.0 + expected), "{got} {expected}");
}

#[test]
fn k_center_greedy() {
    let reference = reference();
    for (metric, name) in [(Metric::L2, "l2"), (Metric::Cosine, "cosine")] {
        let rows = counts(&reference[name]["rows"]);
        let scores = doubles(&reference[name]["scores"]);
        for lazy in [true, false] {
            let picks = select(&reference, &KCenterGreedy { metric, lazy }, rows.len(), 0);
            assert_eq!(picks.iter().map(|pick| pick.row).collect::<Vec<_>>(), rows, "{name}");
            for (pick, score) in picks.iter().zip(&scores) {
                assert_close(pick.score, *score);
            }
        }
    }
}

#[test]
fn badge_measures_gradients_that_it_never_builds() {
    let reference = reference();
    let distances = doubles(&reference["gradient_distances"]);
    let rows = distances.len().isqrt();
    for seed in 0..20 {
        for lazy in [true, false] {
            let picks = select(&reference, &Badge { lazy, ..Badge::default() }, 12, seed);
            assert_eq!(picks[0].row, count(&reference["longest"]));
            for (number, pick) in picks.iter().enumerate().skip(1) {
                let before = picks[..number].iter().map(|c| distances[pick.row * rows + c.row]);
                assert_close(pick.score, before.fold(f64::INFINITY, f64::min));
            }
        }
    }
}
