//! Records and curves as files. `golden/runs.jsonl` is a made-up file of the first version, without what was added later.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use alfm_core::ErrorKind;
use alfm_lab::record::{
    FinishedRun, LabelsOnlyAccuracy, RunRecord, Seconds, curve_rows, read_curves, read_runs,
    write_curves, write_runs,
};
use alfm_select::{AccuracyEstimate, Advice};

const COLUMNS: &str = "dataset,imbalance,noise,prior,learner,strategy,seed,round,labels,\
    balanced_pool_accuracy,balanced_test_accuracy,pool_accuracy,macro_f1,minority_labels,\
    clean_fraction,clean_error,acquisition_seconds,training_seconds";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/runs.jsonl")
}

/// PriorAL, which got 60 free labels in its second round, and random, which gets none.
fn records() -> [RunRecord; 2] {
    read_runs(&golden()).unwrap().try_into().unwrap()
}

/// Not in the order of the output.
fn finished() -> Vec<FinishedRun> {
    let seconds = vec![Seconds { acquisition: 0.01, training: 0.2 }; 2];
    let run = |record| FinishedRun { record, seconds: seconds.clone() };
    records().into_iter().rev().map(run).collect()
}

#[test]
fn records_come_back_sorted_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.jsonl");
    let [prioral, random] = records();
    write_runs(&path, [&random, &prioral]).unwrap();
    assert_eq!(read_runs(&path).unwrap(), [prioral, random]);
}

#[test]
fn records_without_advice_read_and_those_with_it_come_back() {
    let text = std::fs::read_to_string(golden()).unwrap();
    assert!(!text.contains("advice") && !text.contains("labels_only"), "{text}");
    let [mut record, _] = records();
    let accuracy = AccuracyEstimate::new(7, 9, 0.1, 5);
    record.rounds[0].advice = Some(Advice::default().with_accuracy(accuracy));
    record.rounds[0].labels_only = Some(LabelsOnlyAccuracy { seen: 0.8, unseen: 0.7 });
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record);
}

#[test]
fn a_broken_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.jsonl");
    let mut text = std::fs::read_to_string(golden()).unwrap();
    text.push_str("\n{\"setting\": 1}\n");
    std::fs::write(&path, text).unwrap();
    let error = read_runs(&path).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Input, Some(&*path)));
    assert!(error.to_string().contains("line 4: not a run record"), "{error}");
    let error = read_runs(&folder.path().join("none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::System);
}

#[test]
fn the_columns_are_those_that_scripts_rely_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curves.csv");
    let rows = curve_rows(&finished());
    write_curves(&path, &rows).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().next(), Some(COLUMNS));
    assert_eq!(read_curves(&path).unwrap(), rows);
}

#[test]
fn rows_are_sorted_and_free_labels_counted() {
    let rows = curve_rows(&finished());
    assert_eq!((rows[0].strategy.as_str(), rows[0].round), ("prioral", 1));
    let random = rows.iter().find(|row| row.strategy == "random").unwrap();
    assert_eq!((random.clean_fraction, random.clean_error), (0.0, None));
    // 60 free labels of 200 items, 6 of them wrong.
    assert_eq!((rows[1].clean_fraction, rows[1].clean_error), (0.3, Some(0.1)));
}

#[test]
fn a_table_without_a_column_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curves.csv");
    std::fs::write(&path, "dataset,seed\na,1\n").unwrap();
    let error = read_curves(&path).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Input, Some(&*path)));
    assert!(error.report().contains("missing field"), "{}", error.report());
}
