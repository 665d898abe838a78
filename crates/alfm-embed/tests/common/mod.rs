#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod model;

use std::path::PathBuf;

use alfm_core::{Matrix, MatrixView};
use alfm_fixtures::{beside_hub, snapshot};
use safetensors::SafeTensors;

/// What parity with another implementation means here.
pub(crate) const TOLERANCE: f32 = 1e-4;

/// Largest absolute difference, and its row.
pub(crate) fn difference(left: MatrixView<'_>, right: MatrixView<'_>) -> (f32, usize) {
    assert_eq!((left.rows(), left.columns()), (right.rows(), right.columns()));
    left.iter()
        .zip(right.iter())
        .enumerate()
        .map(|(row, (a, b))| (a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max), row))
        .fold((0.0, 0), |worst, this| if this.0 > worst.0 { this } else { worst })
}

/// A folder of golden data, such as `bert` or `masked/bert`.
pub(crate) fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The texts of all golden models.
pub(crate) fn texts() -> Vec<String> {
    let json = std::fs::read_to_string(golden("texts.json")).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// What a golden model's reference returned for the texts.
pub(crate) fn expected(name: &str, array: &str) -> Matrix {
    let bytes = std::fs::read(golden(name).join("expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(array).unwrap();
    let values =
        view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Matrix::new(values, view.shape()[0], view.shape()[1]).unwrap()
}

/// The snapshot of MiniLM, or `None` and a printed reason.
pub(crate) fn minilm() -> Option<PathBuf> {
    snapshot("models--sentence-transformers--all-MiniLM-L6-v2")
}

/// The shortest of the first 128 questions of TREC's test set, beside the hub's folder; `None` and a printed reason
/// without them.
pub(crate) fn questions(count: usize) -> Option<Vec<String>> {
    let json = std::fs::read_to_string(beside_hub("extra/minilm_reference/texts.json")?).unwrap();
    let parts: serde_json::Value = serde_json::from_str(&json).unwrap();
    let mut texts: Vec<String> =
        serde_json::from_value(parts["trec_test_first128"].clone()).unwrap();
    texts.sort_by_key(String::len);
    texts.truncate(count);
    Some(texts)
}

/// The folder of SqueezeNet 1.1 with its real weights; why not, where it is not there.
pub(crate) fn squeezenet() -> Option<PathBuf> {
    snapshot("models--local--squeezenet1_1-imagenet-features")
}
