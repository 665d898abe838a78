//! Facility location, SIMILAR and BAIT against a naive reference, see `reference/designs.py`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_acquire::{
    Acquisition, Bait, FacilityLocation, MutualInformation, Pool, Similar, Similarity,
};
use alfm_core::{ClassId, MatrixView, Predictions, SeedTree};
use alfm_testing::golden::{count, doubles, singles};
use serde_json::Value;

fn strategies(width: f64) -> Vec<(&'static str, Box<dyn Acquisition>)> {
    let dense = FacilityLocation::default();
    let similarity = Similarity::Gaussian { width };
    // All rows as neighbours: the sparse kernel is the dense one.
    let sparse = FacilityLocation { similarity, dense: 0, neighbours: 100, ..dense };
    let objective = MutualInformation::GraphCut { lambda: 0.5 };
    vec![
        ("facility-location", Box::new(dense)),
        ("facility-location-gaussian", Box::new(sparse)),
        ("facility-location-uncertain", Box::new(FacilityLocation { uncertain: true, ..dense })),
        ("similar", Box::new(Similar::default())),
        ("similar-graph-cut", Box::new(Similar { objective, ..Similar::default() })),
        ("bait", Box::new(Bait::default())),
    ]
}

#[test]
fn picks_and_scores_are_those_of_the_naive_rules() {
    let document: Value = serde_json::from_str(include_str!("reference/designs.json")).unwrap();
    let budget = count(&document["budget"]);
    for case in document["cases"].as_array().unwrap() {
        let label = |label: &Value| label.as_u64().map(|class| ClassId::from_index(class as usize));
        let observed: Vec<Option<ClassId>> =
            case["labels"].as_array().unwrap().iter().map(label).collect();
        let (rows, classes) = (observed.len(), count(&case["classes"]));
        let probabilities = singles(&case["probabilities"]);
        let embeddings = singles(&case["embeddings"]);
        let model = Predictions::probabilities(&probabilities, rows, classes).unwrap();
        let embeddings = MatrixView::new(&embeddings, rows, embeddings.len() / rows).unwrap();
        let pool = Pool::new(&observed)
            .and_then(|pool| pool.with_model(model))
            .and_then(|pool| pool.with_embeddings(embeddings))
            .unwrap();
        for (name, strategy) in strategies(document["width"].as_f64().unwrap()) {
            let picks = strategy.select(&pool, budget, &SeedTree::new(0)).unwrap();
            let expected = doubles(&case[name]["rows"]);
            let got: Vec<f64> = picks.iter().map(|pick| pick.row as f64).collect();
            assert_eq!(got, expected, "{name}, {classes} classes");
            for (pick, expected) in picks.iter().zip(doubles(&case[name]["scores"])) {
                assert!((pick.score - expected).abs() < 1e-5, "{name}: {pick:?} {expected}");
            }
        }
    }
}
