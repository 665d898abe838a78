//! A build without a format says which feature reads it: `cargo test -p alfm-data --no-default-features`.

#![cfg(not(any(feature = "images", feature = "npz", feature = "parquet")))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use alfm_data::arrays::{ArraySpec, read_label_matrix, read_labels, read_matrix};
use alfm_data::{Columns, Dataset, Error, ErrorKind, Split};

fn refused<T: std::fmt::Debug>(read: Result<T, Error>, file: &str, feature: &str) {
    let error = read.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Missing, Some(Path::new(file))));
    let remedy = format!("build with `--features {feature}`");
    assert!(error.to_string().ends_with(&remedy), "{error}");
}

#[test]
fn arrays_name_the_feature_that_reads_them() {
    for (file, key, feature) in [("a.npz", ":k", "npz"), ("a.parquet", ":c", "parquet")] {
        let spec: ArraySpec = format!("{file}{key}").parse().unwrap();
        refused(read_matrix(&spec), file, feature);
        refused(read_labels(&spec), file, feature);
        refused(read_label_matrix(&spec), file, feature);
    }
}

#[test]
fn tables_and_images_name_the_feature_that_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    std::fs::write(&path, "").unwrap();
    let name = path.to_str().unwrap();
    let texts = Columns::default();
    refused(Dataset::from_file(&path, &texts, None), name, "parquet");
    refused(Dataset::from_file(&path, &texts.with_image("image"), None), name, "images");
    let name = folder.path().to_str().unwrap();
    refused(Split::from_image_folder(folder.path()), name, "images");
    refused(Dataset::from_folder(folder.path(), None), name, "images");
}
