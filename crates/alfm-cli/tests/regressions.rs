//! What people saw with neighbouring tools, or with this one: a short test each, named after the report.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{run, succeed, write_floats, write_labels};

/// The ids of a batch.
fn asked(folder: &Path, arguments: &str) -> Vec<usize> {
    let id = |line: &str| {
        let query: serde_json::Value = serde_json::from_str(line).unwrap();
        query["id"].as_str().unwrap().parse().unwrap()
    };
    succeed(folder, arguments).lines().map(id).collect()
}

/// The message of a refusal, which is bad input.
fn refused(folder: &Path, arguments: &str) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments}");
    String::from_utf8(output.stderr).unwrap()
}

/// 240 items of four classes, one class after the other, all with the same prediction and prior.
fn sorted_pool() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_floats(&folder.path().join("uniform.npy"), 4, &[0.25; 4 * 240]);
    folder
}

/// A pool in the order of its classes, in which everything ties, gave a batch of one class, with any seed.
#[test]
fn modal_130_ties() {
    let folder = sorted_pool();
    for strategy in ["margin", "entropy", "least-confident", "gini", "balanced-margin", "prioral"] {
        let batch = |seed: usize| -> BTreeSet<usize> {
            let arrays = "--model-probs uniform.npy --prior uniform.npy";
            let command =
                format!("select --strategy {strategy} --budget 40 {arrays} --seed {seed}");
            asked(folder.path(), &command).into_iter().collect()
        };
        let (first, again, other) = (batch(0), batch(0), batch(1));
        assert_eq!((first.len(), &first), (40, &again), "{strategy}");
        assert_ne!(first, other, "{strategy}");
        for class in 0..4 {
            let of_class = first.iter().filter(|row| **row / 60 == class).count();
            assert!((3..=17).contains(&of_class), "{strategy}: {of_class} of 40 of class {class}");
        }
    }
}

/// The bound on the error became 1 without a word, since none of the ids was found.
#[test]
fn random_ids_that_are_of_another_pool() {
    let folder = sorted_pool();
    write_labels(&folder.path().join("labels.npy"), &[[0, 1].as_slice(), &[-1; 238]].concat());
    write_floats(&folder.path().join("held.npy"), 4, &[0.25; 8]);
    fs::write(folder.path().join("random.txt"), "0\nitem-1\n").unwrap();
    let command = "select --strategy prioral-guarded --budget 5 --model-probs uniform.npy --prior uniform.npy \
                   --labels labels.npy --out-of-fold held.npy --random-ids random.txt";
    let message = refused(folder.path(), command);
    assert!(message.contains("random.txt: `item-1` is no item of the pool"), "{message}");
}

/// The queries were overwritten by the free labels, and the model by the queries, with exit code 0.
#[test]
fn outputs_over_each_other_and_over_inputs() {
    let folder = sorted_pool();
    let select = "select --budget 5 --model-probs uniform.npy --prior uniform.npy";
    let message = refused(folder.path(), &format!("{select} --out a.jsonl --clean-out ./a.jsonl"));
    assert!(message.contains("--out and --clean-out are the same file"), "{message}");
    let before = fs::read(folder.path().join("uniform.npy")).unwrap();
    let message = refused(folder.path(), &format!("{select} --out uniform.npy"));
    assert!(message.contains("--out would overwrite what is read"), "{message}");
    assert_eq!(fs::read(folder.path().join("uniform.npy")).unwrap(), before);
}

/// A link was replaced by a file, and so would a device have been.
#[cfg(unix)]
#[test]
fn an_output_that_is_a_link_or_a_device() {
    let folder = sorted_pool();
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    let link = folder.path().join("picks.jsonl");
    std::os::unix::fs::symlink("elsewhere/picks.jsonl", &link).unwrap();
    let select = "select --budget 5 --model-probs uniform.npy --prior uniform.npy";
    succeed(folder.path(), &format!("{select} --out picks.jsonl --clean-out /dev/null"));
    assert!(link.is_symlink());
    let written = fs::read_to_string(folder.path().join("elsewhere/picks.jsonl")).unwrap();
    assert_eq!(written.lines().count(), 5);
    assert_eq!(succeed(folder.path(), &format!("{select} --out /dev/stdout")), written);
    // The disk is full: that is no fault of the request.
    #[cfg(target_os = "linux")]
    assert_eq!(run(folder.path(), &format!("{select} --out /dev/full")).status.code(), Some(1));
}

/// A killed run left its unfinished file for ever.
#[test]
fn what_a_killed_run_left() {
    let folder = sorted_pool();
    fs::write(folder.path().join(".picks.jsonl.a1B2c3.part"), "half").unwrap();
    let select = "select --budget 5 --model-probs uniform.npy --prior uniform.npy";
    succeed(folder.path(), &format!("{select} --out picks.jsonl"));
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{names:?}");
}

/// Ctrl-C was heard between two runs only, half a minute later.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_within_a_second_and_what_is_finished_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("alfm"))
        .args(["demo", "--seeds", "50", "--out", "out"])
        .current_dir(folder.path())
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let runs = folder.path().join("out/runs");
    let begun = || fs::read_dir(&runs).is_ok_and(|entries| entries.count() > 0);
    let started = Instant::now();
    while !begun() && started.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    // A second, and as much again for a machine that is busy with other tests.
    let told = Instant::now();
    let code = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status.code(),
            None if told.elapsed() > Duration::from_secs(20) => panic!("it goes on"),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert_eq!(code, Some(1));
    let kept = fs::read_dir(&runs).unwrap().count();
    assert!((1..400).contains(&kept), "{kept} of 400 runs");
}

/// A million threads were asked for, and hundreds of them given.
#[cfg(feature = "models")]
#[test]
fn a_million_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let config = "seeds = 1\ninitial = 4\nbatch = 4\nrounds = 1\nstrategies = [\"random\"]\n[[dataset]]\n\
                  name = \"support-inbox\"\npool = { split = \"pool\" }\ntest = { split = \"test\" }\n";
    fs::write(folder.path().join("config.toml"), config).unwrap();
    let message = refused(folder.path(), "run config.toml --jobs 1000000");
    assert!(message.contains("`jobs` is 1000000"), "{message}");
}

/// The runs of a setting that stood there twice counted as twice as many seeds.
#[cfg(feature = "models")]
#[test]
fn a_prior_that_is_named_twice() {
    let folder = tempfile::tempdir().unwrap();
    let config = "seeds = [0, 1]\ninitial = 24\nbatch = 24\nrounds = 3\nstrategies = [\"margin\"]\n[[dataset]]\n\
                  name = \"support-inbox\"\npool = { split = \"pool\" }\ntest = { split = \"test\" }\n\
                  [[prior]]\nkind = \"uniform\"\n[[prior]]\nkind = \"uniform\"\n";
    fs::write(folder.path().join("config.toml"), config).unwrap();
    let message = refused(folder.path(), "run config.toml");
    assert!(message.contains("`prior` is number 2"), "{message}");
}
