//! Picks and scores of the strategies that cluster, against a direct form of them in numpy.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_acquire::{
    Acquisition, AlfaMix, Alps, Averaged, ClusterMargin, DropQuery, Lhd, LinearHead, Margin,
    MemberOrder, Oversampled, Pick, Pool, ProbCover, TypiClust,
};
use alfm_core::{ClassId, MatrixView, Predictions, SeedTree};
use alfm_testing::golden::{count, doubles, singles};
use serde_json::Value;

fn strategy(label: &str) -> Box<dyn Acquisition> {
    match label {
        "oversampled" => Box::new(Oversampled { inner: Margin, factor: 3 }),
        "cluster-margin" => Box::new(ClusterMargin::default()),
        "cluster-margin, subset" => Box::new(ClusterMargin {
            subset: 25,
            order: MemberOrder::Random,
            epsilon: Some(1.5),
            ..ClusterMargin::default()
        }),
        "typiclust" => Box::new(TypiClust::default()),
        "typiclust, few clusters" => {
            Box::new(TypiClust { max_clusters: 3, ..TypiClust::default() })
        }
        "probcover" => Box::new(ProbCover::default()),
        "probcover, delta" => Box::new(ProbCover { delta: Some(0.6), ..ProbCover::default() }),
        "dropquery" => Box::new(DropQuery { factor: 2 }),
        "alfamix" => Box::new(AlfaMix::default()),
        "alps" => Box::new(Alps::default()),
        "lhd" => Box::new(Lhd),
        other => panic!("no strategy for {other}"),
    }
}

/// The picks of every expected call, beside what is expected.
fn run(case: &Value) -> Vec<(Vec<Pick>, &Value)> {
    let (rows, classes) = (count(&case["rows"]), count(&case["classes"]));
    let width = count(&case["width"]);
    let given = |name: &str| singles(&case[name]);
    let (embeddings, surprisal) = (given("embeddings"), given("surprisal"));
    let (hidden, online) = (given("hidden"), given("online_hidden"));
    let (model, averaged) = (given("model"), given("averaged"));
    let (weights, bias) = (given("weights"), given("bias"));
    let drops: Vec<Vec<f32>> = case["passes"].as_array().unwrap().iter().map(singles).collect();
    let logits = |values| Predictions::logits(values, rows, classes).unwrap();
    let passes: Vec<Predictions<'_>> = drops.iter().map(|drop| logits(drop)).collect();
    let view = |values, columns| MatrixView::new(values, rows, columns).unwrap();
    let mut observed = vec![None; rows];
    for label in case["labels"].as_array().unwrap() {
        observed[count(&label[0])] = Some(ClassId::from_index(count(&label[1])));
    }
    let head = MatrixView::new(&weights, classes, width).unwrap();
    let pool = Pool::new(&observed)
        .and_then(|pool| pool.with_model(logits(&model)))
        .and_then(|pool| pool.with_embeddings(view(&embeddings, width)))
        .and_then(|pool| pool.with_head(LinearHead::new(head, &bias)?))
        .and_then(|pool| pool.with_passes(&passes))
        .and_then(|pool| {
            pool.with_averaged(Averaged {
                model: logits(&averaged),
                hidden: view(&hidden, 4),
                online_hidden: view(&online, 4),
            })
        })
        .and_then(|pool| pool.with_surprisal(view(&surprisal, surprisal.len() / rows)))
        .unwrap();
    let picks = |expected: &Value| {
        let strategy = strategy(expected["strategy"].as_str().unwrap());
        let seed = SeedTree::new(expected["seed"].as_u64().unwrap());
        strategy.select(&pool, count(&expected["budget"]), &seed).unwrap()
    };
    let expected = case["expected"].as_array().unwrap().iter();
    expected.map(|expected| (picks(expected), expected)).collect()
}

#[test]
fn agrees_with_the_direct_form() {
    let reference: Value = serde_json::from_str(include_str!("reference/cluster.json")).unwrap();
    for (at, case) in reference["cases"].as_array().unwrap().iter().enumerate() {
        for (picks, expected) in run(case) {
            let call = format!("case {at}: {} of {}", expected["strategy"], expected["budget"]);
            let rows: Vec<f64> = picks.iter().map(|pick| pick.row as f64).collect();
            assert_eq!(rows, doubles(&expected["rows"]), "{call}");
            for (pick, score) in picks.iter().zip(doubles(&expected["scores"])) {
                let close = (pick.score - score).abs() <= 1e-5 * score.abs() + 1e-6;
                assert!(close, "{call}: row {} scores {}, not {score}", pick.row, pick.score);
            }
        }
    }
}
