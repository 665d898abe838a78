//! Every family against transformers and sentence-transformers, on tiny random models
//! (`reference/make_encoders.py`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alfm_embed::{BertEncoder, TextEncoder};
use common::{TOLERANCE, difference, expected, golden, texts};

#[test]
fn every_family_agrees_with_its_reference() {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for family in ["bert", "distilbert", "mpnet", "roberta"] {
        let encoder = BertEncoder::load(&golden(family)).unwrap();
        assert_eq!(encoder.dimension(), 24);
        let got = encoder.encode(&texts, &mut |_, _| {}).unwrap();
        let (worst, row) = difference(got.view(), expected(family, "embeddings").view());
        eprintln!("{family}: largest difference {worst:e}, at text {row}");
        assert!(worst < TOLERANCE, "{family}: text {row} is off by {worst}");
    }
}

#[test]
fn progress_counts_texts_up_to_all_of_them() {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut seen = Vec::new();
    let encoder = BertEncoder::load(&golden("bert")).unwrap();
    encoder.encode(&texts, &mut |done, all| seen.push((done, all))).unwrap();
    assert_eq!(seen.first(), Some(&(0, texts.len())));
    assert_eq!(seen.last(), Some(&(texts.len(), texts.len())));
    assert!(seen.is_sorted());
}

#[test]
fn no_texts_give_no_rows() {
    let encoder = BertEncoder::load(&golden("bert")).unwrap();
    let matrix = encoder.encode(&[], &mut |_, _| {}).unwrap();
    assert_eq!((matrix.rows(), matrix.columns()), (0, 24));
}
