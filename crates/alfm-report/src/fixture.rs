//! Made-up records for tests. None of these numbers was measured.

use std::collections::BTreeMap;

use alfm_core::{Digest, SeedTree};
use alfm_lab::metrics::Scores;
use alfm_lab::record::{
    DataFacts, FinishedRun, FreeLabels, RoundRecord, RunRecord, Seconds, Setting,
};
use rand::RngExt;

const POOL: [usize; 5] = [80, 50, 36, 24, 10];

pub(crate) fn setting(noise: &str) -> Setting {
    Setting {
        dataset: "made-up".into(),
        imbalance: "natural".into(),
        noise: noise.into(),
        prior: "zero-shot(20)".into(),
        learner: "linear".into(),
    }
}

/// Six rounds of 20 labels; made-up strategies learn at made-up speeds.
pub(crate) fn record(strategy: &str, seed: u64) -> RunRecord {
    let speed = match strategy {
        "prioral" => 0.90,
        "prioral-guarded" => 0.84,
        "random" => 0.16,
        other => 0.2 + 0.05 * (other.len() % 7) as f64,
    };
    let mut rng = SeedTree::new(seed).child(strategy).rng();
    let start = 0.40 + 0.01 * (seed % 5) as f64;
    let rounds = (1..=6).map(|round| {
        let learnt = 1.0 - (-speed * (round - 1) as f64).exp();
        let quality = start + 0.4 * learnt + rng.random_range(-0.01..0.01);
        self::round(round, quality, strategy.starts_with("prioral"))
    });
    RunRecord {
        setting: setting("none"),
        strategy: strategy.into(),
        seed,
        config: serde_json::json!({"made-up": true, "seed": seed, "strategy": strategy}),
        versions: BTreeMap::from([("alfm-lab".into(), "0.0.0-made-up".into())]),
        rounds: rounds.collect(),
        data: DataFacts {
            classes: ["alpha", "beta", "gamma", "delta", "epsilon"].map(String::from).to_vec(),
            digests: BTreeMap::from([("pool".into(), Digest::of("made-up pool"))]),
            pool: POOL.to_vec(),
            observed: vec![78, 51, 37, 24, 10],
            test: vec![20; 5],
            gamma: 0.125,
            epsilon: 1.5,
            wrong_answers: 20,
            target: None,
            prior: scores(0.65),
        },
    }
}

pub(crate) fn finished(strategy: &str, seed: u64) -> FinishedRun {
    let seconds = Seconds { acquisition: 0.01, training: 0.2 };
    FinishedRun { record: record(strategy, seed), seconds: vec![seconds; 6] }
}

fn scores(quality: f64) -> Scores {
    let recall: Vec<Option<f64>> =
        [0.12, 0.05, 0.0, -0.05, -0.12].iter().map(|extra| Some(quality + extra)).collect();
    Scores {
        balanced_accuracy: quality,
        balanced_accuracy_all: quality,
        galaxy_accuracy: quality,
        accuracy: quality + 0.05,
        macro_f1: quality - 0.01,
        recall,
        lowest_recall: quality - 0.12,
        recall_deviation: 0.082,
        absent_classes: 0,
        nll: 1.0 - quality / 2.0,
        ece: 0.1,
    }
}

fn round(round: usize, quality: f64, with_free_labels: bool) -> RoundRecord {
    let free = match (with_free_labels, round) {
        (false, _) => FreeLabels::default(),
        (true, 1) => FreeLabels {
            given: vec![0; 5],
            wrong: vec![0; 5],
            covered: vec![0; 5],
            ..FreeLabels::default()
        },
        (true, _) => FreeLabels {
            given: vec![26, 16, 10, 6, 2],
            wrong: vec![2, 1, 1, 2, 0],
            covered: vec![27, 15, 11, 5, 2],
            ..FreeLabels::default()
        },
    };
    let labelled = vec![6 * round, 5 * round, 4 * round, 3 * round, 2 * round];
    RoundRecord {
        round,
        labels: 20 * round,
        pool: scores(quality + 0.02),
        test: scores(quality),
        answered: labelled.clone(),
        minority_labels: 14 * round,
        labelled,
        queries_by_prior: vec![7, 5, 4, 2, 2],
        free,
        trust: None,
        advice: None,
        labels_only: None,
        diverged: false,
    }
}

/// What a guard found, with a bound of its own.
pub(crate) fn trust(bound: f64) -> alfm_select::Trust {
    let found = serde_json::json!({
        "prior_exponent": 0.75, "model_exponent": 2.0, "gain": 0.2, "noise_rate": 0.0,
        "prior_right": 0.6, "joint_right": 0.7, "model_right": 0.5, "weight": 0.4,
        "stated": { "labels": 20, "contradicted": 2, "bound": bound }, "certified": 0,
    });
    serde_json::from_value(found).unwrap()
}
