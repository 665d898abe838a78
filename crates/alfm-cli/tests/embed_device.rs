//! `alfm embed --device` on texts, with the tiny encoder of alfm-embed's golden data.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;

use alfm_data::arrays::{ArraySpec, FloatMatrix, read_matrix};
use alfm_fixtures::skip;
use common::{golden_model, run_on_models};

fn texts_in(file: &Path) -> FloatMatrix {
    let spec: ArraySpec = format!("{}:texts", file.display()).parse().unwrap();
    read_matrix(&spec).unwrap()
}

/// Cards that are built in and there give the processor's numbers but for the last digits; others say why not.
#[test]
fn texts_are_embedded_on_a_card_and_surprisal_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    golden_model(folder, "bert", "tiny--bert");
    fs::write(folder.join("texts.txt"), "a\nwhere is my parcel\nb c\n").unwrap();
    let embed = |more: &str| {
        let command = "embed --texts texts.txt --model tiny/bert --out";
        let output = run_on_models(folder, &format!("{command} {more}"));
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(embed("cpu.safetensors").0, Some(0));
    let expected = texts_in(&folder.join("cpu.safetensors"));
    for device in ["wgpu", "cuda"] {
        let (code, message) = embed(&format!("{device}.safetensors --device {device}"));
        if code != Some(0) {
            assert!(message.contains("this machine and this build offer cpu"), "{message}");
            skip(device, message);
            continue;
        }
        let found = texts_in(&folder.join(format!("{device}.safetensors")));
        assert_eq!((found.rows(), found.columns()), (3, expected.columns()));
        let pairs = found.values().iter().zip(expected.values().iter());
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{device}: {worst}");
        let (code, message) = embed(&format!("s.safetensors --surprisal --device {device}"));
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains(&format!("leave --device {device} out")), "{message}");
    }
}
