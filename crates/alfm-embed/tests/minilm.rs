//! The published MiniLM against reference embeddings of real texts; skipped without the hub's files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alfm_core::Matrix;
use alfm_embed::{BertEncoder, TextEncoder};
use alfm_fixtures::beside_hub;
use common::{TOLERANCE, difference, minilm};

/// `minilm_reference` beside the hub's folder: the texts and their embeddings.
fn reference() -> Option<(Vec<String>, Matrix)> {
    let folder = beside_hub("extra/minilm_reference")?;
    let json = std::fs::read_to_string(folder.join("texts.json")).unwrap();
    let parts: serde_json::Value = serde_json::from_str(&json).unwrap();
    let mut arrays = npyz::npz::NpzArchive::open(folder.join("embeddings.npz")).unwrap();
    let (mut all, mut rows) = (Vec::new(), Vec::new());
    for (part, name) in [
        ("trec_test_first128", "trec_test_first128"),
        ("ag_news_test_first64", "ag_news_test_first64"),
        ("20_newsgroups_test", "newsgroups"),
    ] {
        let texts: Vec<String> = serde_json::from_value(parts[part].clone()).unwrap();
        let array = arrays.by_name(name).unwrap().unwrap();
        assert_eq!(array.shape(), [texts.len() as u64, 384]);
        rows.extend(array.into_vec::<f32>().unwrap());
        all.extend(texts);
    }
    let count = all.len();
    Some((all, Matrix::new(rows, count, 384).unwrap()))
}

#[test]
fn agrees_with_the_reference() {
    let (Some(folder), Some((texts, expected))) = (minilm(), reference()) else { return };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(texts.len(), 200);
    let got = BertEncoder::load(&folder).unwrap().encode(&texts, &mut |_, _| {}).unwrap();
    let (worst, row) = difference(got.view(), expected.view());
    eprintln!("largest difference from the reference: {worst:e}");
    assert!(worst < TOLERANCE, "text {row} is off by {worst}");
}

/// Neither the neighbours in a batch nor the number of threads changes a bit of an embedding.
#[test]
fn a_text_has_one_embedding() {
    let (Some(folder), Some((texts, _))) = (minilm(), reference()) else { return };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let encoder = BertEncoder::load(&folder).unwrap();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| encoder.encode(&texts, &mut |_, _| {}).unwrap())
    };
    let together = on(1);
    assert_eq!(together, on(3));
    for (row, text) in texts.iter().enumerate().step_by(7) {
        let alone = encoder.encode(&[text], &mut |_, _| {}).unwrap();
        assert_eq!(alone.view().row(0), together.view().row(row), "text {row}");
    }
}
