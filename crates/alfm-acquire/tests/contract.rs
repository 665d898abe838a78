//! What every strategy of the registry keeps, whatever its rule.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_acquire::{Acquisition, Entry, find, registry};
use alfm_testing::contract;

fn every(check: fn(&dyn Acquisition)) {
    registry().map(Entry::sample).for_each(|strategy| check(&*strategy));
}

#[test]
fn the_batch_is_exact_distinct_and_unlabelled() {
    every(contract::fills_the_batch);
}

#[test]
fn the_seed_decides_alone() {
    every(contract::seed_decides_alone);
}

#[test]
fn asking_within_the_batch_keeps_the_contract() {
    every(contract::asks_only_what_it_returns);
}

#[test]
fn a_missing_input_is_named() {
    every(contract::names_its_needs);
}

#[test]
fn edges_hold() {
    every(contract::holds_at_the_edges);
}

#[test]
fn permuted_rows_give_permuted_picks() {
    for name in [
        "least-confident",
        "margin",
        "entropy",
        "gini",
        "bald",
        "mlp",
        "balanced-margin",
        "mase",
        "dfal",
        "base",
        "coreset",
        "ff-active",
    ] {
        contract::follows_permutations(&*find(name).unwrap());
    }
}

#[test]
fn permuted_rows_give_the_same_first_score() {
    for name in ["facility-location", "similar", "bait"] {
        contract::first_follows_permutations(&*find(name).unwrap());
    }
}

#[test]
fn names_are_distinct() {
    let mut names: Vec<String> = registry().map(|entry| entry.sample().name().into()).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}
