//! BASE, MASE and DFAL against `reference/boundary.py`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use alfm_acquire::{Acquisition, LinearHead, Pick, Pool, deep_fool_step, find};
use alfm_core::{ClassId, MatrixView, SeedTree};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    classes: usize,
    /// The first rows are labelled.
    labelled: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
    embeddings: Vec<f32>,
    nearest_first: Vec<usize>,
    distances: Vec<f64>,
    base: BTreeMap<usize, Vec<usize>>,
}

impl Case {
    fn width(&self) -> usize {
        self.weights.len() / self.classes
    }

    fn head(&self) -> LinearHead<'_> {
        let weights = MatrixView::new(&self.weights, self.classes, self.width()).unwrap();
        LinearHead::new(weights, &self.bias).unwrap()
    }

    fn select(&self, strategy: &str, budget: usize) -> Vec<Pick> {
        let rows = self.embeddings.len() / self.width();
        let label = |row| (row < self.labelled).then_some(ClassId::new(0));
        let observed: Vec<_> = (0..rows).map(label).collect();
        let embeddings = MatrixView::new(&self.embeddings, rows, self.width()).unwrap();
        let pool = Pool::new(&observed)
            .and_then(|pool| pool.with_embeddings(embeddings))
            .and_then(|pool| pool.with_head(self.head()))
            .unwrap();
        find(strategy).unwrap().select(&pool, budget, &SeedTree::new(0)).unwrap()
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("reference/boundary.json")).unwrap()
}

#[test]
fn distances_agree() {
    for case in cases() {
        for strategy in ["mase", "dfal"] {
            let picks = case.select(strategy, 99);
            let rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
            assert_eq!(rows, case.nearest_first, "{strategy}");
            for (pick, distance) in picks.iter().zip(&case.distances) {
                assert!((pick.score + distance).abs() < 1e-6, "{strategy}: {distance}");
            }
        }
    }
}

#[test]
fn base_agrees() {
    for case in cases() {
        for (budget, expected) in &case.base {
            let rows: Vec<usize> =
                case.select("base", *budget).iter().map(|pick| pick.row).collect();
            assert_eq!(rows, *expected, "b = {budget}");
        }
    }
}

#[test]
fn a_deep_fool_step_covers_the_distance() {
    for case in cases() {
        for (row, distance) in case.nearest_first.iter().zip(&case.distances) {
            let embedding = &case.embeddings[row * case.width()..][..case.width()];
            let step = deep_fool_step(&case.head(), embedding, 1.02).unwrap().unwrap();
            assert!((step.distance - distance).abs() < 1e-6);
            let length: f64 = step.perturbation.iter().map(|r| r * r).sum();
            assert!((length.sqrt() - distance).abs() < 1e-6);
        }
    }
}
