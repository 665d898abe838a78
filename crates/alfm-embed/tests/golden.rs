//! Every family against transformers and sentence-transformers, on tiny random models
//! (`reference/make_encoders.py`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;

use alfm_core::Matrix;
use alfm_embed::{BertEncoder, TextEncoder};
use common::{TOLERANCE, difference};
use safetensors::SafeTensors;

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn texts() -> Vec<String> {
    let json = std::fs::read_to_string(golden().join("texts.json")).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn expected(family: &str) -> Matrix {
    let bytes = std::fs::read(golden().join(family).join("expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor("embeddings").unwrap();
    let values =
        view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Matrix::new(values, view.shape()[0], view.shape()[1]).unwrap()
}

#[test]
fn every_family_agrees_with_its_reference() {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for family in ["bert", "distilbert", "mpnet", "roberta"] {
        let encoder = BertEncoder::load(&golden().join(family)).unwrap();
        assert_eq!(encoder.dimension(), 24);
        let got = encoder.encode(&texts, &mut |_, _| {}).unwrap();
        let (worst, row) = difference(got.view(), expected(family).view());
        eprintln!("{family}: largest difference {worst:e}, at text {row}");
        assert!(worst < TOLERANCE, "{family}: text {row} is off by {worst}");
    }
}

#[test]
fn progress_counts_texts_up_to_all_of_them() {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut seen = Vec::new();
    let encoder = BertEncoder::load(&golden().join("bert")).unwrap();
    encoder.encode(&texts, &mut |done, all| seen.push((done, all))).unwrap();
    assert_eq!(seen.first(), Some(&(0, texts.len())));
    assert_eq!(seen.last(), Some(&(texts.len(), texts.len())));
    assert!(seen.is_sorted());
}

#[test]
fn no_texts_give_no_rows() {
    let encoder = BertEncoder::load(&golden().join("bert")).unwrap();
    let matrix = encoder.encode(&[], &mut |_, _| {}).unwrap();
    assert_eq!((matrix.rows(), matrix.columns()), (0, 24));
}
