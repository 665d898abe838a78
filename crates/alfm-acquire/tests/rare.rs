//! MLP, balanced margin, WL-AC and Balancing against `reference/rare.py`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use alfm_acquire::{
    Acquisition, BalancedMargin, Balancing, MajorityDistance, MostLikelyPositive, Pick, Pool,
    WeakLabeler, select_with_oracle,
};
use alfm_core::{ClassId, MatrixView, Predictions, SeedTree};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    classes: usize,
    truth: Vec<ClassId>,
    observed: Vec<Option<ClassId>>,
    model: Vec<f32>,
    embeddings: Vec<f32>,
    mlp: Ranking,
    balanced: Ranking,
    /// `q` of the candidates, ascending, by budget.
    inclusion: BTreeMap<usize, Vec<f64>>,
    budget: usize,
    nearest: Ranking,
    farthest: Ranking,
}

#[derive(Deserialize)]
struct Ranking {
    rows: Vec<usize>,
    scores: Vec<f64>,
}

impl Case {
    fn pool(&self) -> Pool<'_> {
        let rows = self.observed.len();
        let model = Predictions::probabilities(&self.model, rows, self.classes).unwrap();
        let width = self.embeddings.len() / rows;
        let embeddings = MatrixView::new(&self.embeddings, rows, width).unwrap();
        Pool::new(&self.observed)
            .and_then(|pool| pool.with_model(model))
            .and_then(|pool| pool.with_embeddings(embeddings))
            .unwrap()
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("reference/rare.json")).unwrap()
}

fn assert_same(picks: &[Pick], expected: &Ranking, sign: f64) {
    let rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
    assert_eq!(rows, expected.rows);
    for (pick, score) in picks.iter().zip(&expected.scores) {
        assert!((sign * pick.score - score).abs() < 1e-6, "{} is not {score}", pick.score);
    }
}

#[test]
fn most_likely_positive_agrees() {
    for case in cases() {
        let picks = MostLikelyPositive::default().select(&case.pool(), 99, &SeedTree::new(0));
        assert_same(&picks.unwrap(), &case.mlp, 1.0);
    }
}

#[test]
fn balanced_margin_agrees() {
    for case in cases() {
        let picks = BalancedMargin::default().select(&case.pool(), 12, &SeedTree::new(0));
        assert_same(&picks.unwrap(), &case.balanced, 1.0);
    }
}

#[test]
fn chances_of_inclusion_agree() {
    for case in cases() {
        let pool = case.pool();
        for (budget, expected) in &case.inclusion {
            for pick in WeakLabeler.select(&pool, *budget, &SeedTree::new(7)).unwrap() {
                let at = pool.candidates().binary_search(&pick.row).unwrap();
                assert!((pick.score - expected[at]).abs() < 1e-6, "b = {budget}, row {}", pick.row);
            }
        }
    }
}

/// Centres that move with every answer give what centres computed afresh do.
#[test]
fn balancing_with_answers_agrees() {
    for case in cases() {
        for (majority_distance, expected) in [
            (MajorityDistance::Nearest, &case.nearest),
            (MajorityDistance::Farthest, &case.farthest),
        ] {
            let mut oracle =
                |rows: &[usize]| Some(rows.iter().map(|row| case.truth[*row]).collect::<Vec<_>>());
            let strategy = Balancing { majority_distance };
            let seed = SeedTree::new(0);
            let picks =
                select_with_oracle(&strategy, &case.pool(), case.budget, 1, &seed, &mut oracle);
            assert_same(&picks.unwrap(), expected, -1.0);
        }
    }
}
