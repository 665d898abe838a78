//! GALAXY and the second phase of DIRECT against `reference/graph.py`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_acquire::{Direct, Galaxy, Interactive, PhaseSplit, Pool, select_with_oracle};
use alfm_core::{ClassId, Predictions, SeedTree};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    classes: usize,
    probabilities: Vec<f32>,
    labelled: Vec<usize>,
    answers: Vec<usize>,
    galaxy: Vec<usize>,
    /// The picks for each order of the classes.
    direct: Vec<Vec<usize>>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("reference/graph.json")).unwrap()
}

/// One row at a time, every answer told at once.
fn select(case: &Case, strategy: &dyn Interactive, seed: u64) -> Vec<usize> {
    let rows = case.answers.len();
    let answer = |row: usize| ClassId::from_index(case.answers[row]);
    let mut observed = vec![None; rows];
    case.labelled.iter().for_each(|row| observed[*row] = Some(answer(*row)));
    let model = Predictions::probabilities(&case.probabilities, rows, case.classes).unwrap();
    let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
    let oracle = &mut |rows: &[usize]| Some(rows.iter().map(|row| answer(*row)).collect());
    let (budget, seed) = (case.galaxy.len(), &SeedTree::new(seed));
    let picks = select_with_oracle(strategy, &pool, budget, 1, seed, oracle).unwrap();
    picks.iter().map(|pick| pick.row).collect()
}

#[test]
fn galaxy_agrees() {
    for case in cases() {
        assert_eq!(select(&case, &Galaxy::default(), 0), case.galaxy);
    }
}

#[test]
fn the_second_phase_of_direct_agrees() {
    // A cap of 0 leaves the whole batch to phase 2.
    let split = PhaseSplit::Reference;
    let direct = Direct { split, minimum_per_class: 0, ..Direct::default() };
    for case in cases() {
        let mut seen = vec![false; case.direct.len()];
        for seed in 0..200 {
            let picks = select(&case, &direct, seed);
            let order = case.direct.iter().position(|expected| *expected == picks);
            seen[order.unwrap()] = true;
        }
        assert!(seen.iter().all(|seen| *seen), "every order of the classes comes up");
    }
}
