//! What people saw with neighbouring tools, or with this one: a short test each, named after the report.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{run, succeed, write_floats, write_labels, write_npy};

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

/// Four messages without labels, one of two lines, with ids; a prior from rules of two of three classes.
fn inbox() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let table =
        "ticket,message\nT-7,\"my card\nis lost\"\nT-9,a refund\nT-10,log me in\nT-11,ünïcode\n";
    fs::write(at("pool.csv"), table).unwrap();
    fs::write(at("classes.json"), r#"["card", "refund", "login"]"#).unwrap();
    write_npy(&at("votes.npy"), "|i1", &[4, 2], &[0, 0, 1, 0xff, 2, 2, 0xff, 0xff]);
    folder
}

const POOL: &str = "--texts pool.csv --text message --id ticket";

fn first_line(text: &str) -> serde_json::Value {
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

/// Texts of several lines without labels were for `alfm run` only: elsewhere ids were rows, and picks had no text.
#[test]
fn unlabelled_tables_everywhere() {
    let folder = inbox();
    let prior = "prior --weak-labels votes.npy --classes classes.json --out prior.safetensors";
    succeed(folder.path(), &format!("{prior} {POOL}"));
    let select = "select --budget 4 --strategy random --prior prior.safetensors:prior";
    let picks = succeed(folder.path(), &format!("{select} {POOL} --classes classes.json"));
    let line = picks.lines().find(|line| line.contains("T-7")).unwrap();
    let pick = first_line(line);
    assert_eq!((&pick["text"], &pick["prior_class"]), (&"my card\nis lost".into(), &"card".into()));
    // The ids went along with the prior.
    assert!(succeed(folder.path(), select).contains("\"T-11\""));
    succeed(folder.path(), &format!("{select} {POOL} --out todo.csv"));
    let mut todo = csv::Reader::from_path(folder.path().join("todo.csv")).unwrap();
    let place = todo.headers().unwrap().iter().position(|name| name == "text").unwrap();
    let texts: BTreeSet<String> =
        todo.records().map(|record| record.unwrap()[place].to_owned()).collect();
    assert!(texts.contains("my card\nis lost") && texts.contains("ünïcode"), "{texts:?}");
    // Without a column of ids, items are called by their rows, and nothing is written of them.
    succeed(folder.path(), &format!("{prior} --texts pool.csv --text message"));
    let ids = asked(folder.path(), select).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(ids, (0..4).collect());
}

/// The labels so far lay in the table, by name, and had to be made numbers by hand.
#[test]
fn labels_of_the_table() {
    let folder = inbox();
    let table = "ticket,message,class\na,x,login\nb,y,\nc,z,card\nd,w,\n";
    fs::write(folder.path().join("pool.csv"), table).unwrap();
    let prior = "prior --weak-labels votes.npy --classes classes.json --out prior.safetensors";
    succeed(folder.path(), prior);
    let select = format!(
        "select --budget 4 --strategy random --prior prior.safetensors:prior {POOL} --label class"
    );
    let picks = succeed(folder.path(), &format!("{select} --classes classes.json"));
    let ids: BTreeSet<String> =
        picks.lines().map(|line| first_line(line)["id"].as_str().unwrap().into()).collect();
    assert_eq!(ids, ["b", "d"].map(String::from).into());
    let message = refused(folder.path(), &select);
    assert!(message.contains("the list of classes behind --label is needed"), "{message}");
}

/// Picks were of other items, since the table had been sorted since.
#[test]
fn ids_that_disagree() {
    let folder = inbox();
    let prior = "prior --weak-labels votes.npy --classes classes.json --out prior.safetensors";
    succeed(folder.path(), &format!("{prior} {POOL}"));
    let select = "select --budget 1 --strategy random --prior prior.safetensors:prior";
    fs::write(folder.path().join("ids.txt"), "T-7\nT-9\nT-11\nT-10\n").unwrap();
    let message = refused(folder.path(), &format!("{select} {POOL} --ids ids.txt"));
    let expected = "pool.csv: row 2 is item `T-10`, and that of ids.txt is item `T-11`";
    assert!(message.contains(expected), "{message}");
    let message = refused(folder.path(), &format!("{select} --ids ids.txt"));
    assert!(message.contains("prior.safetensors: row 2 is item `T-10`"), "{message}");
}

/// A table of another pool was taken for this one, or a message named one of the two files.
#[test]
fn a_table_of_another_length() {
    let folder = inbox();
    write_floats(&folder.path().join("uniform.npy"), 3, &[1.0 / 3.0; 15]);
    let select = "select --budget 1 --strategy random --prior uniform.npy";
    let message = refused(folder.path(), &format!("{select} {POOL}"));
    assert!(message.contains("pool.csv: it has 4 rows, and uniform.npy has 5 rows"), "{message}");
    fs::write(folder.path().join("ids.txt"), "a\nb\n").unwrap();
    let message = refused(folder.path(), &format!("{select} --ids ids.txt"));
    assert!(message.contains("ids.txt: it has 2 ids, and uniform.npy has 5 rows"), "{message}");
}

/// "`passes` has 5 rows" did not say which of several files that is.
#[test]
fn a_shape_that_is_wrong_names_its_file() {
    let folder = sorted_pool();
    let at = |name: &str| folder.path().join(name);
    write_labels(&at("labels.npy"), &[[0, 1].as_slice(), &[-1; 238]].concat());
    write_floats(&at("short.npy"), 4, &[0.25; 20]);
    write_floats(&at("narrow.npy"), 2, &[0.5; 480]);
    write_floats(&at("x.npy"), 3, &[0.5; 720]);
    write_floats(&at("head.npy"), 5, &[0.5; 20]);
    write_floats(&at("bias.npy"), 4, &[0.0; 4]);
    write_floats(&at("biases.npy"), 2, &[0.0; 2]);
    let select =
        "select --budget 1 --model-probs uniform.npy --prior uniform.npy --labels labels.npy";
    for (flags, expected) in [
        ("--strategy bald --pass uniform.npy --pass short.npy", "short.npy: `passes` has 5 rows"),
        ("--strategy bald --pass narrow.npy", "narrow.npy: `passes` has 2 columns"),
        ("--model-probs narrow.npy", "narrow.npy: `model` has 2 columns"),
        ("--out-of-fold short.npy", "short.npy: `out-of-fold predictions` has 5 rows, but 2 items"),
        (
            "--head head.npy --head-bias biases.npy",
            "biases.npy: `bias` is of 2 classes, but there are 4",
        ),
        (
            "--head head.npy --head-bias bias.npy --embeddings x.npy",
            "head.npy: `head` has 5 columns",
        ),
        (
            "--averaged-probs short.npy --averaged-hidden x.npy --hidden x.npy",
            "short.npy: `averaged model`",
        ),
    ] {
        let given = if flags.starts_with("--model") { "--model-probs uniform.npy" } else { "" };
        let message = refused(folder.path(), &format!("{} {flags}", select.replace(given, "")));
        assert!(message.contains(expected), "{message}");
    }
    fs::write(at("classes.json"), r#"["a", "b"]"#).unwrap();
    write_npy(&at("votes.npy"), "|i1", &[2, 2], &[0, 9, 1, 0]);
    let message = refused(
        folder.path(),
        "prior --weak-labels votes.npy --classes classes.json --out p.safetensors",
    );
    assert!(message.contains("votes.npy: class 9 is unknown"), "{message}");
}

/// A column of a plain text, or of nothing, was ignored.
#[test]
fn columns_without_a_table() {
    let folder = inbox();
    fs::write(folder.path().join("pool.txt"), "a\nb\nc\nd\n").unwrap();
    let prior = "prior --weak-labels votes.npy --classes classes.json --out prior.safetensors";
    let message = refused(folder.path(), &format!("{prior} --texts pool.txt --id ticket"));
    assert!(message.contains("pool.txt: it is plain text by its name, and --id"), "{message}");
    let message = refused(folder.path(), &format!("{prior} --id ticket"));
    assert!(message.contains("--id is about a table, and there is none"), "{message}");
    let message = refused(folder.path(), &format!("{prior} --texts pool.csv --text body"));
    assert!(message.contains("no column `body`: the columns are ticket, message"), "{message}");
    fs::write(folder.path().join("pool.txt"), "").unwrap();
    let message = refused(folder.path(), &format!("{prior} --texts pool.txt"));
    assert!(message.contains("pool.txt: there is no item in it"), "{message}");
}

/// `data show` needed labels and a column `text`, and a text of two lines took two.
#[test]
fn data_show_of_an_unlabelled_table() {
    let folder = inbox();
    let show = "data show pool.csv --text message --id ticket";
    let shown = succeed(folder.path(), show);
    assert!(shown.contains("T-7 [unlabelled] my card\\nis lost\n"), "{shown}");
    let facts = |more: &str| first_line(&succeed(folder.path(), &format!("{show} --json {more}")));
    let of_table = facts("");
    assert_eq!(of_table["splits"]["all"]["unlabelled"], 4);
    assert_eq!(of_table["classes"].as_array().unwrap().len(), 0);
    let of_classes = facts("--classes classes.json");
    assert_eq!(of_classes["splits"]["all"]["counts"], serde_json::json!([0, 0, 0]));
    fs::write(folder.path().join("pool.csv"), "ticket,message,label\na,x,spam\n\nb,y,Spam\n")
        .unwrap();
    let warnings = facts("")["warnings"].as_array().unwrap().clone();
    assert_eq!(warnings[0], "1 blank line(s) were skipped");
    assert!(warnings[1].as_str().unwrap().contains("differ only in case"), "{warnings:?}");
    // Labels 1, 2, 3 had a phantom class 0.
    fs::write(folder.path().join("pool.csv"), "ticket,message,label\na,x,2\nb,y,1\nc,z,3\n")
        .unwrap();
    assert_eq!(facts("")["classes"], serde_json::json!(["1", "2", "3"]));
    // Half of the rows were unlabelled.
    fs::write(folder.path().join("pool.csv"), "ticket,message,label\na,x,-1\nb,y,1\n").unwrap();
    assert!(refused(folder.path(), show).contains("is -1 a class, or does it mean unlabelled?"));
    assert_eq!(facts("--unlabelled -1")["splits"]["all"]["unlabelled"], 1);
    assert_eq!(facts("--unlabelled none")["classes"], serde_json::json!(["-1", "1"]));
}

/// A file in Latin-1 was the machine's fault, exit code 1.
#[test]
fn files_that_are_no_utf8() {
    let folder = inbox();
    write_floats(&folder.path().join("uniform.npy"), 3, &[1.0 / 3.0; 12]);
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    write("latin.txt", b"a\nna\xefve\n");
    write("latin.csv", b"ticket,message\na,b\nc,na\xefve\n");
    write("latin.json", b"[\"a\",\n\"na\xefve\"]");
    let select = "select --budget 1 --strategy random --prior uniform.npy";
    for (command, file, line) in [
        (format!("{select} --texts latin.txt"), "latin.txt", 2),
        (format!("{select} --texts latin.csv --text message"), "latin.csv", 3),
        (format!("{select} --ids latin.txt"), "latin.txt", 2),
        (format!("{select} --classes latin.json"), "latin.json", 2),
        ("data show latin.csv --text message".into(), "latin.csv", 3),
    ] {
        let message = refused(folder.path(), &command);
        assert!(message.contains(&format!("{file}: line {line}: byte ")), "{message}");
    }
    #[cfg(feature = "models")]
    for command in ["run latin.txt", "embed --texts latin.txt --out out.safetensors"] {
        let message = refused(folder.path(), command);
        assert!(message.contains("latin.txt: line 2: byte "), "{message}");
    }
}

/// The mark that a spreadsheet writes became a part of the first id, text or class.
#[test]
fn byte_order_marks_in_every_file_of_select() {
    let folder = inbox();
    write_floats(&folder.path().join("uniform.npy"), 3, &[1.0 / 3.0; 12]);
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("ids.txt", "\u{feff}doc0\r\ndoc1\r\ndoc2\r\ndoc3\r\n");
    write("texts.txt", "\u{feff}a\r\nb\r\nc\r\nd\r\n");
    write("classes.json", "\u{feff}[\"x\", \"y\", \"z\"]\r\n");
    let picks = succeed(
        folder.path(),
        "select --budget 4 --strategy random --prior uniform.npy --ids ids.txt --texts texts.txt --classes classes.json",
    );
    let first = picks.lines().find(|line| line.contains("\"doc0\"")).unwrap();
    let first = first_line(first);
    assert_eq!((&first["text"], &first["prior_class"]), (&"a".into(), &"x".into()));
}

/// A pipe in the place of a file hung the program.
#[cfg(unix)]
#[test]
fn pipes_in_the_place_of_files() {
    let folder = inbox();
    write_floats(&folder.path().join("uniform.npy"), 3, &[1.0 / 3.0; 12]);
    for name in ["p.csv", "p.txt", "p.npy", "p.safetensors", "p.json"] {
        assert!(Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap().success());
    }
    let select = "select --budget 1 --strategy random --prior";
    for command in [
        format!("{select} p.npy"),
        format!("{select} p.safetensors:prior"),
        format!("{select} uniform.npy --ids p.txt"),
        format!("{select} uniform.npy --texts p.txt"),
        format!("{select} uniform.npy --texts p.csv --text message"),
        format!("{select} uniform.npy --classes p.json"),
        "data show p.csv".into(),
        "prior --weak-labels p.npy --classes classes.json --out out.safetensors".into(),
    ] {
        let message = refused(folder.path(), &command);
        assert!(message.contains("it is a pipe or a device: only regular files"), "{message}");
    }
    #[cfg(feature = "models")]
    assert!(refused(folder.path(), "run p.txt").contains("only regular files are read"));
}

/// One photo of thousands that could not be read stopped everything.
#[cfg(feature = "images")]
#[test]
fn images_that_cannot_be_read_are_left_out_if_that_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("photos")).unwrap();
    for name in ["a.png", "d.png"] {
        alfm_data::RgbImage::new(3, 2).save(at("photos").join(name)).unwrap();
    }
    fs::write(at("photos/b.png"), "no image").unwrap();
    let facts = |command: &str| first_line(&succeed(folder.path(), command));
    let shown = facts("data show photos --json --skip-unreadable");
    assert_eq!(
        (&shown["splits"]["all"]["items"], &shown["left_out"][0]["id"]),
        (&2.into(), &"b.png".into())
    );
    fs::write(at("photos/c.heic"), "of another kind").unwrap();
    let message = refused(folder.path(), "data show photos");
    assert!(message.contains("photos/c.heic: images of this kind are not read"), "{message}");
    let shown = facts("data show photos --json --skip-unreadable");
    let ids: Vec<_> =
        shown["left_out"].as_array().unwrap().iter().map(|left| &left["id"]).collect();
    assert_eq!(ids, ["c.heic", "b.png"]);
    // A table of paths: rows that are left keep their ids.
    fs::write(at("photos.csv"), "file\nphotos/a.png\nphotos/b.png\nphotos/d.png\n").unwrap();
    let shown = succeed(folder.path(), "data show photos.csv --image file --skip-unreadable");
    assert!(shown.contains("all/2 [unlabelled] 3 x 2 pixels"), "{shown}");
    write_floats(&at("uniform.npy"), 2, &[0.5; 4]);
    let select =
        "select --budget 2 --strategy random --prior uniform.npy --texts photos.csv --image file";
    let pick = succeed(folder.path(), &format!("{select} --skip-unreadable"));
    assert!(pick.contains("\"image\":\"photos/d.png\""), "{pick}");
    assert!(
        refused(folder.path(), select).contains("photos.csv: it has 3 rows, and uniform.npy has 2")
    );
}

/// `train` and `val` became the classes, and a folder without any could not be shown.
#[cfg(feature = "images")]
#[test]
fn data_show_of_folders() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "of/train/cat/0.png",
        "of/train/dog/0.png",
        "of/val/cat/0.png",
        "flat/0.png",
        "flat/notes.txt",
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    let facts =
        |name: &str| first_line(&succeed(folder.path(), &format!("data show {name} --json")));
    let splits = facts("of");
    assert_eq!(splits["classes"], serde_json::json!(["cat", "dog"]));
    assert_eq!(splits["splits"]["val"]["counts"], serde_json::json!([1, 0]));
    let flat = facts("flat");
    assert_eq!(flat["splits"]["all"]["unlabelled"], 1);
    let warning = flat["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("1 file(s) are no images") && warning.contains("notes.txt"),
        "{warning}"
    );
}

/// The ids of a table did not come as far as the picks.
#[cfg(feature = "models")]
#[test]
fn ids_go_along_with_embeddings() {
    let folder = inbox();
    common::golden_model(folder.path(), "bert", "tiny--bert");
    let run = |arguments: &str| {
        let output = common::run_on_models(folder.path(), arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    let embed = "--model tiny/bert --out pool.safetensors";
    let about = first_line(&run(&format!("embed {POOL} {embed} --json")));
    assert_eq!(about["arrays"][0]["ids"], true);
    let prior = "--classes classes.json --model tiny/bert --out prior.safetensors";
    run(&format!("prior --embeddings pool.safetensors:texts {prior}"));
    let select = "select --budget 1 --strategy random --prior prior.safetensors:prior";
    assert!(first_line(&run(select))["id"].as_str().unwrap().starts_with("T-"));
    run(&format!("embed --texts pool.csv --text message {embed}"));
    let about = fs::read(folder.path().join("pool.safetensors")).unwrap();
    assert!(!String::from_utf8_lossy(&about).contains("texts.ids"));
}

/// Columns of a file in an experiment were those with the usual names only.
#[cfg(feature = "models")]
#[test]
fn columns_and_classes_of_an_experiment() {
    let folder = tempfile::tempdir().unwrap();
    common::golden_model(folder.path(), "bert", "tiny--bert");
    let row = |row: usize| format!("T{row},message {row},{}\n", ["spam", "ham"][row % 2]);
    let table = format!("ticket,message,kind\n{}", (0..40).map(row).collect::<String>());
    fs::write(folder.path().join("pool.csv"), table).unwrap();
    let classes = r#"["spam", {"name": "ham", "prompts": ["what one wants", "lunch"]}]"#;
    fs::write(folder.path().join("classes.json"), classes).unwrap();
    let config = "seeds = 0\ninitial = 4\nbatch = 4\nrounds = 2\nstrategies = [\"margin\"]\n[encoder]\n\
                  model = \"tiny/bert\"\n[[dataset]]\nname = \"pool.csv\"\ntext = \"message\"\nid = \"ticket\"\n\
                  label = \"kind\"\nclasses = \"classes.json\"\npool = { split = \"all\", limit = 30 }\n\
                  test = { split = \"all\", rest = true }\n";
    fs::write(folder.path().join("config.toml"), config).unwrap();
    let output = common::run_on_models(folder.path(), "run config.toml --out out --json");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let kept = fs::read_to_string(folder.path().join("out/config.toml")).unwrap();
    assert!(kept.contains("classes = \"classes.json\""), "{kept}");
}
