//! `alfm embed --surprisal` with the tiny language model of alfm-embed's golden data.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use alfm_data::arrays::{ArraySpec, FloatMatrix, read_matrix};
use common::alfm;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../alfm-embed/tests/golden").join(name)
}

/// Lays a golden model out in `folder` as a hub cache has it, under the name `local/tiny`.
fn hub(folder: &Path, model: &str) {
    let repository = folder.join("models--local--tiny");
    let snapshot = repository.join("snapshots/1a2b");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), "1a2b").unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(golden(model).join(file), snapshot.join(file)).unwrap();
    }
}

fn embed(folder: &Path, texts: &[String]) -> Output {
    // One text a line.
    fs::write(folder.join("texts.txt"), texts.join("\n") + "\n").unwrap();
    let arguments =
        "embed --surprisal --texts texts.txt --model local/tiny --out surprisal.safetensors";
    let mut command = alfm(folder);
    command.env("ALFM_HUB_DIR", folder).args(arguments.split_whitespace()).output().unwrap()
}

fn read(path: &Path, key: &str) -> FloatMatrix {
    let spec: ArraySpec = format!("{}:{key}", path.display()).parse().unwrap();
    read_matrix(&spec).unwrap()
}

#[test]
fn the_surprisal_is_that_of_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    hub(folder.path(), "masked/bert");
    let texts: Vec<String> =
        serde_json::from_slice(&fs::read(golden("texts.json")).unwrap()).unwrap();
    let output = embed(folder.path(), &texts);
    let messages = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{messages}");
    assert!(messages.contains("9 rows of surprisal in surprisal.safetensors"), "{messages}");
    let made = read(&folder.path().join("surprisal.safetensors"), "texts");
    let expected = read(&golden("masked/bert/expected.safetensors"), "surprisal");
    assert_eq!((made.rows(), made.columns()), (9, 128));
    let pairs = made.values().iter().zip(expected.values().iter());
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "{worst}");
}

#[test]
fn a_sentence_encoder_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    hub(folder.path(), "bert");
    let output = embed(folder.path(), &["help".to_owned()]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    for part in ["model.safetensors", "cls.predictions.bias", "trained as a masked language model"]
    {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    assert!(!folder.path().join("surprisal.safetensors").exists());
}
