//! `alfm demo` as a newcomer runs it, with fewer seeds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;

use common::succeed;

#[test]
fn the_demo_needs_nothing_and_leaves_everything() {
    let folder = tempfile::tempdir().unwrap();
    let printed = succeed(folder.path(), "demo --seeds 2 --out out --json");
    let result: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let savings = result["savings"].as_array().unwrap();
    assert!(savings.iter().any(|row| row["strategy"] == "prioral" && row["against"] == "badge"));

    let out = folder.path().join("out");
    let read = |name: &str| fs::read(out.join(name)).unwrap();
    for name in ["config.toml", "runs.jsonl", "test.svg", "pool.svg", "summary.md"] {
        assert!(!read(name).is_empty(), "{name}");
    }
    let header = "dataset,imbalance,noise,prior,learner,strategy,seed,round,labels,\
                  balanced_pool_accuracy,balanced_test_accuracy,pool_accuracy,macro_f1,minority_labels,\
                  clean_fraction,clean_error,acquisition_seconds,training_seconds";
    let curves = String::from_utf8(read("curves.csv")).unwrap();
    let columns: Vec<&str> = curves.lines().next().unwrap().split(',').collect();
    for column in header.split(',') {
        assert!(columns.contains(&column), "curves.csv has no column {column}");
    }
    let page = String::from_utf8(read("report.html")).unwrap();
    for fetched in ["src=\"http", "href=\"http", "<script", "@import", "url(http"] {
        assert!(!page.contains(fetched), "the report reaches out: {fetched}");
    }
}

#[test]
fn the_list_of_strategies_tells_what_each_needs() {
    let folder = tempfile::tempdir().unwrap();
    let printed = succeed(folder.path(), "select --list --json");
    let all: Vec<serde_json::Value> = serde_json::from_str(&printed).unwrap();
    let names: Vec<&str> = all.iter().filter_map(|entry| entry["name"].as_str()).collect();
    for name in ["random", "margin", "coreset", "badge", "prioral", "prioral-guarded"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
}
