//! What people get wrong: exit code 2, and a message that names the file, row, value and remedy.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;

use common::{golden, golden_model, run, run_on_models, write_floats, write_labels};

/// A folder with good inputs: four items, two classes, the first labelled.
fn inputs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_floats(&at("model.npy"), 2, &[0.9, 0.1, 0.6, 0.4, 0.5, 0.5, 0.2, 0.8]);
    write_floats(&at("prior.npy"), 2, &[0.7, 0.3, 0.5, 0.5, 0.4, 0.6, 0.1, 0.9]);
    write_labels(&at("labels.npy"), &[0, -1, -1, -1]);
    folder
}

const SELECT: &str = "select --strategy prioral --budget 2 --model-probs model.npy --prior prior.npy --labels labels.npy";

fn refused(folder: &Path, arguments: &str, expected: &[&str]) {
    let output = run(folder, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments}: {message}");
    assert!(output.stdout.is_empty(), "{arguments} printed a result");
    for part in expected {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn the_good_inputs_are_good() {
    let folder = inputs();
    let output = common::succeed(folder.path(), SELECT);
    assert_eq!(output.lines().count(), 2, "{output}");
}

#[test]
fn faults_in_a_matrix_are_named_by_row_and_value() {
    let cases: [(&[f32], usize, &str); 4] = [
        (&[0.9, 0.1, f32::NAN, 0.4, 0.5, 0.5, 0.2, 0.8], 2, "model.npy: row 1, column 0 is NaN"),
        (&[0.9, 0.1, 0.6, 0.4, 0.5, 0.7, 0.2, 0.8], 2, "model.npy: row 2 sums to 1.2"),
        (
            &[0.9, 0.1, 0.6, 0.4, 0.5, 0.5],
            2,
            "model.npy: `model` has 3 rows, but the pool has 4 items",
        ),
        (&[1.0, 1.0, 1.0, 1.0], 1, "model.npy: `model` has 1 columns, but there are 2 classes"),
    ];
    for (values, columns, expected) in cases {
        let folder = inputs();
        write_floats(&folder.path().join("model.npy"), columns, values);
        refused(folder.path(), SELECT, &[expected]);
    }
}

#[test]
fn a_pool_without_items_is_refused() {
    let folder = inputs();
    for name in ["model.npy", "prior.npy"] {
        write_floats(&folder.path().join(name), 2, &[]);
    }
    write_labels(&folder.path().join("labels.npy"), &[]);
    refused(folder.path(), SELECT, &["has shape [0, 2] and holds nothing"]);
}

#[test]
fn a_budget_above_the_pool_asks_what_there_is() {
    let folder = inputs();
    let output =
        common::succeed(folder.path(), &SELECT.replace("--budget 2", "--budget 2000000000000"));
    assert_eq!(output.lines().count(), 3, "three items are unlabelled: {output}");
}

#[test]
fn a_label_outside_the_classes_is_named() {
    let folder = inputs();
    write_labels(&folder.path().join("labels.npy"), &[0, -1, 7, -1]);
    refused(folder.path(), SELECT, &["labels.npy: class 7 is unknown", "2 classes"]);
    write_labels(&folder.path().join("labels.npy"), &[0, -1, -5, -1]);
    refused(folder.path(), SELECT, &["labels.npy", "row 2", "-5"]);
}

#[test]
fn damaged_files_are_named() {
    let folder = inputs();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("prior.safetensors"), b"\x10\0\0\0\0\0\0\0{\"prior\": oops}}").unwrap();
    let select = SELECT.replace("prior.npy", "prior.safetensors:prior");
    refused(folder.path(), &select, &["prior.safetensors"]);
    fs::write(at("prior.parquet"), b"PAR1, or so it says").unwrap();
    let select = SELECT.replace("prior.npy", "prior.parquet:prior");
    refused(folder.path(), &select, &["prior.parquet"]);
    let whole = fs::read(at("prior.npy")).unwrap();
    fs::write(at("prior.npy"), &whole[..whole.len() - 5]).unwrap();
    refused(folder.path(), SELECT, &["prior.npy"]);
    refused(folder.path(), &SELECT.replace("prior.npy", "absent.npy"), &["absent.npy"]);
    refused(folder.path(), "run absent.toml", &["absent.toml: it cannot be opened: "]);
}

#[test]
fn a_model_that_is_not_there_says_which_command_fetches_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("texts.txt"), "a\nb\n").unwrap();
    let arguments = "embed --texts texts.txt --out out.safetensors --offline";
    let output = common::alfm(folder.path())
        .env("ALFM_HUB_DIR", folder.path())
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("sentence-transformers/all-MiniLM-L6-v2"), "{message}");
    assert!(!folder.path().join("out.safetensors").exists());
}

/// Before the experiment is read, and in the words of `select`.
#[test]
fn a_device_that_is_not_there_is_refused() {
    let folder = inputs();
    let offered = "no device is called `abacus`: this machine and this build offer cpu";
    refused(folder.path(), "run run.toml --device abacus", &[offered]);
    refused(folder.path(), &format!("{SELECT} --device abacus"), &[offered]);
    refused(folder.path(), "embed --images . --out out.safetensors --device abacus", &[offered]);
}

#[test]
fn a_model_of_the_wrong_kind_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    golden_model(folder.path(), "bert", "tiny--bert");
    golden_model(folder.path(), "images/vit", "tiny--vit");
    fs::create_dir(folder.path().join("images")).unwrap();
    fs::copy(golden("images/wide.png"), folder.path().join("images/wide.png")).unwrap();
    fs::write(folder.path().join("texts.txt"), "a\nb\n").unwrap();
    let cases = [
        (
            "--images images --surprisal --model tiny/no",
            "the items are images, and --surprisal is of",
        ),
        ("--texts texts.txt --image-size 64 --model tiny/bert", "--image-size is of images"),
        ("--images images --model tiny/bert", "`tiny/bert` encodes texts only: give texts without"),
        ("--texts texts.txt --model tiny/vit", "`tiny/vit` encodes images only: give images"),
    ];
    for (arguments, expected) in cases {
        let output =
            run_on_models(folder.path(), &format!("embed {arguments} --out out.safetensors"));
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn images_that_cannot_be_read_are_named_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    golden_model(folder.path(), "images/vit", "tiny--vit");
    let image = |name: &str| folder.path().join("images").join(name);
    fs::create_dir(folder.path().join("images")).unwrap();
    fs::copy(golden("images/wide.png"), image("a.png")).unwrap();
    fs::write(image("b.png"), b"").unwrap();
    let whole = fs::read(golden("images/tall.png")).unwrap();
    fs::write(image("c.png"), &whole[..whole.len() / 2]).unwrap();
    let output = run_on_models(
        folder.path(),
        "embed --images images --model tiny/vit --out out.safetensors",
    );
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    for part in ["2 of 3 images cannot be used: mend them", "images/b.png: ", "images/c.png: "] {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    assert!(!folder.path().join("out.safetensors").exists());
}

#[test]
fn an_image_that_does_not_suit_the_model_is_named() {
    let folder = tempfile::tempdir().unwrap();
    golden_model(folder.path(), "images/clip", "tiny--clip");
    fs::create_dir(folder.path().join("images")).unwrap();
    alfm_data::RgbImage::new(2_000_000, 1).save(folder.path().join("images/line.png")).unwrap();
    let embed = "embed --images images --model tiny/clip --out out.safetensors";
    let output = run_on_models(folder.path(), embed);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    let expected = "images/line.png: image 0 is 1 x 2000000, and would be 32 x 64000000";
    assert!(message.contains(expected), "{message}");
}

/// `support-inbox` has no split `training`, which shows when the data are read.
#[test]
fn an_experiment_that_cannot_be_run_costs_no_earlier_result() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("out/runs")).unwrap();
    let kept = at("out/runs/0123456789abcdef.json");
    fs::write(&kept, "{}").unwrap();
    let config = "seeds = [0]\ninitial = 2\nbatch = 2\nrounds = 1\nstrategies = [\"random\"]\n[[dataset]]\n\
                  name = \"support-inbox\"\npool = { split = \"training\" }\ntest = { split = \"test\" }\n";
    fs::write(at("run.toml"), config).unwrap();
    refused(folder.path(), "run run.toml --out out", &["no split `training`"]);
    assert!(kept.exists());
}

#[test]
fn unknown_names_and_keys_suggest_the_known_ones() {
    let folder = inputs();
    refused(folder.path(), &SELECT.replace("prioral", "prioal"), &["`prioal`", "prioral"]);
    refused(folder.path(), "data show trek --offline", &["trek", "trec"]);
    let config = "seeds = 1\ninitial = 2\nbach = 2\nrounds = 1\nstrategies = \"random\"\n";
    fs::write(folder.path().join("run.toml"), config).unwrap();
    refused(folder.path(), "run run.toml", &["did you mean `batch`?"]);
}
