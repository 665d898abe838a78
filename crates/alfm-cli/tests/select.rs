//! `alfm select` with strategies that ask within the batch.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use common::{run, succeed, write_floats, write_labels};

const ITEMS: usize = 40;

/// Two classes that the model tells apart but for the middle; the ends are labelled.
fn inputs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let first = |item: usize| 1.0 - (item as f32 + 0.5) / ITEMS as f32;
    let model: Vec<f32> = (0..ITEMS).flat_map(|item| [first(item), 1.0 - first(item)]).collect();
    write_floats(&at("model.npy"), 2, &model);
    let truth: Vec<i64> = (0..ITEMS).map(|item| i64::from(item >= 13)).collect();
    write_labels(&at("truth.npy"), &truth);
    let known = |item: usize| if [0, ITEMS - 1].contains(&item) { truth[item] } else { -1 };
    write_labels(&at("labels.npy"), &(0..ITEMS).map(known).collect::<Vec<_>>());
    folder
}

const GALAXY: &str =
    "select --strategy galaxy --budget 6 --model-probs model.npy --labels labels.npy";

fn asked(folder: &Path, arguments: &str) -> Vec<usize> {
    let lines = succeed(folder, arguments);
    let id = |line: &str| {
        let query: serde_json::Value = serde_json::from_str(line).unwrap();
        query["id"].as_str().unwrap().parse().unwrap()
    };
    lines.lines().map(id).collect()
}

#[test]
fn an_oracle_steers_the_search() {
    let folder = inputs();
    let rows = asked(folder.path(), &format!("{GALAXY} --oracle truth.npy"));
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[0], 19, "the middle of the line first: {rows:?}");
    assert!(rows.contains(&12) && rows.contains(&13), "the boundary is found: {rows:?}");
    assert_eq!(asked(folder.path(), &format!("{GALAXY} --parallel-annotators 1")), [19]);
    assert_eq!(asked(folder.path(), GALAXY).len(), 6);
}

#[test]
fn an_item_that_the_oracle_does_not_know_is_named() {
    let folder = inputs();
    write_labels(&folder.path().join("truth.npy"), &[-1; ITEMS]);
    let output = run(folder.path(), &format!("{GALAXY} --oracle truth.npy"));
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("item `19` was asked"), "{message}");
}

#[test]
fn every_input_has_its_flag() {
    let folder = inputs();
    let at = |name: &str| folder.path().join(name);
    let values: Vec<f32> = (0..ITEMS * 3).map(|i| (i * 7 % 11) as f32 / 11.0).collect();
    write_floats(&at("x.npy"), 3, &values);
    write_floats(&at("w.npy"), 3, &[1.0, 0.0, 0.5, -1.0, 0.5, 0.0]);
    write_floats(&at("c.npy"), 2, &[0.1, -0.1]);
    let base = "--budget 5 --labels labels.npy --model-probs model.npy --embeddings x.npy";
    let cases = [
        ("base", "--head w.npy --head-bias c.npy"),
        ("alfamix", "--head w.npy --head-bias c.npy"),
        ("bald", "--pass model.npy --pass model.npy"),
        ("lhd", "--averaged-probs model.npy --averaged-hidden x.npy --hidden x.npy"),
        ("alps", "--surprisal x.npy"),
    ];
    for (strategy, flags) in cases {
        let rows = asked(folder.path(), &format!("select --strategy {strategy} {base} {flags}"));
        assert_eq!(rows.len(), 5, "{strategy}");
        let output = run(folder.path(), &format!("select --strategy {strategy} {base}"));
        assert_eq!(output.status.code(), Some(2), "{strategy} without {flags}");
    }
}

/// A prior that is right, twenty labels of which the first ten were random, and held-out predictions for these.
#[test]
fn the_guarded_form_weighs_held_out_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let expert = |sure: f32, items: &mut dyn Iterator<Item = usize>| -> Vec<f32> {
        items
            .flat_map(|item| {
                let sure = sure - 0.001 * (item % 9) as f32;
                if item % 2 == 0 { [sure, 1.0 - sure] } else { [1.0 - sure, sure] }
            })
            .collect()
    };
    write_floats(&at("prior.npy"), 2, &expert(0.95, &mut (0..100)));
    write_floats(&at("model.npy"), 2, &expert(0.6, &mut (0..100)));
    write_floats(&at("held-out.npy"), 2, &expert(0.55, &mut (0..20)));
    let known = |item: i64| if item < 20 { item % 2 } else { -1 };
    write_labels(&at("labels.npy"), &(0..100).map(known).collect::<Vec<_>>());
    let random: Vec<String> = (0..10).map(|item| item.to_string()).collect();
    std::fs::write(at("random.txt"), random.join("\n")).unwrap();

    let base = "select --strategy prioral-guarded --budget 10 --prior prior.npy --model-probs \
                model.npy --labels labels.npy";
    let flags = "--out-of-fold held-out.npy --random-ids random.txt --clean-out clean.jsonl --json \
                 --out picks.jsonl";
    let printed = succeed(folder.path(), &format!("{base} {flags}"));
    let result: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!(result["trust"]["prior_exponent"].as_f64().unwrap() >= 0.75, "{result}");
    assert!(result["trust"]["stated"]["labels"].as_u64().unwrap() <= 10, "{result}");
    assert_eq!(result["suspects"].as_array().unwrap().len(), 0);
    let clean = std::fs::read_to_string(at("clean.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(clean.lines().next().unwrap()).unwrap();
    assert_eq!(first["certified"], false);
    let picks = std::fs::read_to_string(at("picks.jsonl")).unwrap();
    assert_eq!(picks.lines().count(), 10);
    assert_eq!(picks.matches("\"at_random\":true").count(), 1);

    let output = run(folder.path(), base);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("out-of-fold"), "{message}");

    write_floats(&at("prior.npy"), 2, &expert(0.05, &mut (0..100)));
    let output = run(folder.path(), &format!("{base} {flags}"));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("columns mixed up? 0 is 1, 1 is 0"), "{message}");
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["trust"]["renamed"], serde_json::json!([1, 0]));
}

/// Cards that are built in and there choose what the processor does; any other name is refused with those that are.
#[test]
fn a_device_is_used_or_refused() {
    let folder = inputs();
    let select = "select --strategy prioral --budget 5 --model-probs model.npy --prior model.npy \
                  --labels labels.npy --device";
    let expected = asked(folder.path(), &format!("{select} cpu"));
    for device in ["wgpu", "cuda", "abacus"] {
        let output = run(folder.path(), &format!("{select} {device}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            assert_eq!(asked(folder.path(), &format!("{select} {device}")), expected);
        } else {
            assert_eq!(output.status.code(), Some(2), "{errors}");
            assert!(errors.contains(&format!("`{device}`")), "{errors}");
            assert!(errors.contains("this machine and this build offer cpu"), "{errors}");
        }
    }
}

/// Names of classes beside their numbers, a table where the name says so, and what a learner needs of free labels.
#[test]
fn what_is_written_can_be_trained_on() {
    let folder = inputs();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("classes.json"), r#"["left, or so", "right"]"#).unwrap();
    let labels: Vec<i64> =
        (0..ITEMS as i64).map(|item| if item < 4 { item % 2 } else { -1 }).collect();
    write_labels(&at("few.npy"), &labels);
    write_floats(&at("held.npy"), 2, &[0.5; 8]);
    let command = "select --strategy prioral-guarded --budget 5 --model-probs model.npy --prior model.npy --labels \
                   few.npy --out-of-fold held.npy --classes classes.json --out picks.csv";
    succeed(folder.path(), &format!("{command} --clean-out free.csv --weights-out weights.jsonl"));
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    let mut picks = csv::Reader::from_path(at("picks.csv")).unwrap();
    let head: Vec<String> = picks.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(head[0], "id");
    assert_eq!(picks.records().count(), 5);
    for column in ["rank", "prior_class", "model_class", "at_random", "strategy"] {
        assert!(head.iter().any(|name| name == column), "{column} in {head:?}");
    }
    let mut free = csv::Reader::from_path(at("free.csv")).unwrap();
    let place =
        |name: &str, head: &csv::StringRecord| head.iter().position(|column| column == name);
    let head = free.headers().unwrap().clone();
    let (left, right) = (place("p_left, or so", &head).unwrap(), place("p_right", &head).unwrap());
    let class = place("pseudo_class", &head).unwrap();
    for record in free.records().map(Result::unwrap) {
        let p = |at: usize| record[at].parse::<f64>().unwrap();
        assert!((p(left) + p(right) - 1.0).abs() < 1e-5);
        assert_eq!(&record[class], if p(left) > p(right) { "left, or so" } else { "right" });
    }
    assert_eq!(read("weights.jsonl").lines().count(), 4);
    succeed(folder.path(), &format!("{command} --clean-out free.jsonl"));
    let line: serde_json::Value =
        serde_json::from_str(read("free.jsonl").lines().next().unwrap()).unwrap();
    assert_eq!(line["probabilities"].as_array().unwrap().len(), 2);
    assert!(line["weight"].as_f64().unwrap() > 0.0);
    std::fs::write(at("classes.json"), r#"["one", "two", "three"]"#).unwrap();
    let output = run(folder.path(), command);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("classes.json: it has 3 classes, the inputs have 2"), "{message}");
}
