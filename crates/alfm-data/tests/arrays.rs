//! Array files, written here byte by byte or by their own libraries, and real ones where they are present.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::error::Error as _;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use alfm_core::{ClassId, Matrix, ScoreKind};
use alfm_data::arrays::{
    ArraySpec, FloatMatrix, Precision, matrix_from_safetensors, read_label_matrix, read_labels,
    read_matrix, write_safetensors,
};
use alfm_data::{Error, ErrorKind};
use alfm_fixtures::beside_hub;
use arrow::array::{ArrayRef, FixedSizeListArray, Float64Array, Int64Array, ListArray};
use arrow::datatypes::{Float32Type, Float64Type};
use arrow::record_batch::RecordBatch;
use npyz::WriterBuilder;
use parquet::arrow::ArrowWriter;

fn spec(path: &Path, key: Option<&str>) -> ArraySpec {
    let key = key.map_or(String::new(), |key| format!(":{key}"));
    format!("{}{key}", path.display()).parse().unwrap()
}

fn matrix(path: &Path, key: Option<&str>) -> Result<FloatMatrix, Error> {
    read_matrix(&spec(path, key))
}

/// A version 1 `.npy` file, padded to 64 bytes as its format asks.
fn npy(path: &Path, descr: &str, fortran: bool, shape: &str, data: &[u8]) {
    let order = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    std::fs::write(path, bytes).unwrap();
}

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn parquet(path: &Path, column: ArrayRef) {
    let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn f32_in_npy_is_used_where_it_lies_and_f64_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    npy(&path, "<f4", false, "(2, 3)", &f32s(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    let read = matrix(&path, None).unwrap();
    assert!(read.is_mapped());
    assert_eq!(read.view().unwrap().row(1), [4.0, 5.0, 6.0]);
    npy(&path, "<f8", false, "(1, 1)", &0.5_f64.to_le_bytes());
    let read = matrix(&path, None).unwrap();
    assert!(!read.is_mapped());
    assert_eq!(read.values(), [0.5]);
}

#[test]
fn bad_npy_files_are_typed_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let read = |descr, fortran, shape, data: &[u8]| {
        npy(&path, descr, fortran, shape, data);
        matrix(&path, None).unwrap_err()
    };
    let four = f32s(&[0.0; 4]);
    let fortran = read("<f4", true, "(2, 2)", &four);
    assert!(fortran.to_string().contains("x.npy: it is in Fortran order: write it in C order"));
    let short = read("<f4", false, "(2, 3)", &four);
    assert!(short.to_string().contains("x.npy: 16 bytes of data, its shape needs 24: "), "{short}");
    for descr in [">f4", "<c8", "<U3", "|b1"] {
        let error = read(descr, false, "(1, 1)", &four).to_string();
        assert!(
            error.contains("expected little-endian floats or whole numbers"),
            "{descr}: {error}"
        );
    }
    let integers = read("<i4", false, "(2, 2)", &four);
    assert!(integers.to_string().contains("element type i32, expected f16, bf16, f32 or f64"));
    let vector = read("<f4", false, "(4,)", &four);
    assert!(vector.to_string().ends_with("it has shape [4], expected a matrix, N x K"), "{vector}");
    let huge = read("<f4", false, "(4294967296, 4294967296)", &four);
    assert!(huge.to_string().contains("the file is truncated, write it again"), "{huge}");
    std::fs::write(&path, b"\x93NUMPY").unwrap();
    let cut = matrix(&path, None).unwrap_err();
    assert!(cut.to_string().ends_with("x.npy: not a readable NumPy file"), "{cut}");
    assert!(cut.source().is_some());
    std::fs::write(&path, b"").unwrap();
    assert!(matrix(&path, None).is_err());
    let nowhere = matrix(&folder.path().join("none.npy"), None).unwrap_err();
    assert_eq!((nowhere.kind(), nowhere.row()), (ErrorKind::NotFound, None), "{nowhere}");
    assert!(nowhere.to_string().ends_with("none.npy: it cannot be opened"), "{nowhere}");
}

#[test]
fn nan_is_found_when_a_view_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    npy(&path, "<f4", false, "(2, 2)", &f32s(&[0.0, 1.0, f32::NAN, 1.0]));
    let error = matrix(&path, None).unwrap().view().unwrap_err();
    assert_eq!((error.path(), error.row()), (Some(path.as_path()), Some(1)));
    assert!(error.to_string().contains("x.npy: row 1, column 0 is NaN"), "{error}");
}

#[test]
fn labels_are_whole_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("y.npy");
    let labels = [Some(2), None, Some(0)].map(|label| label.map(ClassId::new));
    for (descr, data) in [
        ("|i1", vec![2, 0xff, 0]),
        ("<i4", [2_i32, -1, 0].iter().flat_map(|x| x.to_le_bytes()).collect()),
        ("<i8", [2_i64, -1, 0].iter().flat_map(|x| x.to_le_bytes()).collect()),
    ] {
        for shape in ["(3,)", "(3, 1)"] {
            npy(&path, descr, false, shape, &data);
            assert_eq!(read_labels(&spec(&path, None)).unwrap(), labels, "{descr} {shape}");
        }
    }
    npy(&path, "|i1", false, "(2,)", &[0, 0xfe]);
    let message = read_labels(&spec(&path, None)).unwrap_err().to_string();
    assert!(message.contains("row 1 is -2"), "{message}");
    npy(&path, "<f4", false, "(1,)", &f32s(&[1.0]));
    let floats = read_labels(&spec(&path, None)).unwrap_err().to_string();
    assert!(floats.contains("y.npy: element type f32, expected whole numbers"), "{floats}");
}

#[test]
fn npz_holds_several_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let mut writer = npyz::npz::NpzWriter::create(&path).unwrap();
    let array = writer.array("a", Default::default()).unwrap();
    let mut array = array.default_dtype().shape(&[1, 2]).begin_nd().unwrap();
    array.extend([1.5_f32, 2.5]).unwrap();
    array.finish().unwrap();
    drop(writer);
    assert_eq!(matrix(&path, Some("a")).unwrap().values(), [1.5, 2.5]);
    let error = matrix(&path, Some("b")).unwrap_err();
    assert!(error.to_string().contains("holds no array `b`: it holds a"), "{error}");
    std::fs::write(&path, b"PK nonsense").unwrap();
    let error = matrix(&path, Some("a")).unwrap_err().to_string();
    assert!(error.ends_with("x.npz: not a readable NumPy file"), "{error}");
}

#[test]
fn safetensors_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let values = vec![0.1, -2.5, 1e-3, 65_504.0, 0.0, 7.0];
    let given = Matrix::new(values.clone(), 3, 2).unwrap();
    let write = |precision| {
        let arrays = [("p", given.view()), ("q", given.view())];
        write_safetensors(&path, &arrays, precision, Some("a/model")).unwrap();
        std::fs::read(&path).unwrap()
    };
    let bytes = write(Precision::F32);
    assert_eq!(bytes, write(Precision::F32), "the same input gives the same bytes");
    let read = matrix(&path, Some("q")).unwrap();
    assert_eq!((read.values(), read.is_mapped()), (&values[..], true));
    assert_eq!(matrix_from_safetensors("x", &bytes, "p").unwrap(), given);
    write(Precision::F16);
    let read = matrix(&path, Some("p")).unwrap();
    assert!(read.is_mapped());
    for (got, value) in read.values().iter().zip(&values) {
        // Half precision has 11 significant bits.
        assert!((got - value).abs() <= value.abs() / 2048.0, "{got} for {value}");
    }
    let error = matrix(&path, Some("r")).unwrap_err();
    assert!(error.to_string().contains("it holds p, q"), "{error}");
}

#[test]
fn corrupt_safetensors_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let given = Matrix::new(vec![1.0; 4], 2, 2).unwrap();
    write_safetensors(&path, &[("p", given.view())], Precision::F32, None).unwrap();
    let good = std::fs::read(&path).unwrap();
    for keep in [0, 7, 8, 20, good.len() - 1] {
        std::fs::write(&path, &good[..keep]).unwrap();
        assert!(matrix(&path, Some("p")).is_err(), "{keep} bytes");
    }
    let mut long = good.clone();
    long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    std::fs::write(&path, long).unwrap();
    let error = matrix(&path, Some("p")).unwrap_err().to_string();
    assert!(error.ends_with("x.safetensors: not a readable safetensors file"), "{error}");
}

#[test]
fn parquet_lists_become_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let rows = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]].map(|row| Some(row.map(Some)));
    parquet(&path, Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 2)));
    let read = matrix(&path, Some("x")).unwrap();
    assert_eq!((read.rows(), read.columns(), read.values()[3]), (3, 2, 4.0));
    let rows = [Some(vec![Some(1.0)]), Some(vec![Some(2.0)])];
    parquet(&path, Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(rows)));
    assert_eq!(matrix(&path, Some("x")).unwrap().values(), [1.0, 2.0]);
    let message = matrix(&path, Some("y")).unwrap_err().to_string();
    assert!(message.contains("holds no array `y`: it holds x"), "{message}");
}

#[test]
fn bad_parquet_columns_name_the_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let ragged = [Some(vec![Some(1.0), Some(2.0)]), Some(vec![Some(3.0)])];
    let nulls = [Some(vec![Some(1.0)]), Some(vec![None])];
    let absent = [Some(vec![Some(1.0)]), None];
    for (rows, value) in
        [(ragged, "a list of 1"), (nulls, "a list with a null"), (absent, "`null`")]
    {
        parquet(&path, Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(rows)));
        let message = matrix(&path, Some("x")).unwrap_err().to_string();
        assert!(message.contains("row 1") && message.contains(value), "{message}");
    }
    parquet(&path, Arc::new(Float64Array::from(vec![1.0])));
    let error = matrix(&path, Some("x")).unwrap_err().to_string();
    assert!(error.contains("column `x` holds Float64, expected lists of floats"), "{error}");
    parquet(&path, Arc::new(Int64Array::from(vec![Some(3), None])));
    let message = read_labels(&spec(&path, Some("x"))).unwrap_err().to_string();
    assert!(message.contains("row 1"), "{message}");
}

#[test]
fn real_arrays() {
    let cases: [(&str, Option<&str>, usize, usize, bool); 4] = [
        ("priors/cifar10/clip_vit_b32_test_first500_image_embeddings.npy", None, 500, 512, true),
        ("priors/cifar10/cifar10_train_resnet50_cv_fz00_na00_pyx.npy", None, 50_000, 10, true),
        ("priors/cifar10/cifar10_test_set_pyx.npy", None, 10_000, 10, false),
        ("extra/minilm_reference/embeddings.npz", Some("trec_test_first128"), 128, 384, false),
    ];
    for (file, key, rows, columns, mapped) in cases {
        let Some(path) = beside_hub(file) else { continue };
        let read = matrix(&path, key).unwrap();
        assert_eq!(
            (read.rows(), read.columns(), read.is_mapped()),
            (rows, columns, mapped),
            "{file}"
        );
        read.view().unwrap();
    }
    if let Some(path) = beside_hub("priors/cifar10/clip_vit_b32_test_first500_labels.npy") {
        assert_eq!(read_labels(&spec(&path, None)).unwrap().len(), 500);
    }
}

/// Class probabilities in half precision are not widened as a whole: a pool may be larger than memory.
#[test]
fn half_precision_predictions_are_read_where_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prior.safetensors");
    let prior = Matrix::from_rows(&[[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]]).unwrap();
    write_safetensors(&path, &[("prior", prior.view())], Precision::F16, None).unwrap();
    let read = matrix(&path, Some("prior")).unwrap();
    assert!(read.is_mapped());
    let predictions = read.predictions(ScoreKind::Probabilities).unwrap();
    assert!(predictions.in_place().is_none(), "f16 is converted block by block");
    assert_eq!(predictions.row(2, &mut Vec::new()), [0.125, 0.875]);
    assert_eq!(read.values(), prior.view().values());

    npy(&folder.path().join("bad.npy"), "<f2", false, "(1, 2)", &[0x00, 0x3c, 0x00, 0x3c]);
    let bad = matrix(&folder.path().join("bad.npy"), None).unwrap();
    let error = bad.predictions(ScoreKind::Probabilities).unwrap_err().to_string();
    assert!(error.contains("bad.npy: row 0 sums to 2"), "{error}");
}

#[test]
fn labels_of_several_annotators_are_a_matrix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("votes.npy");
    npy(&path, "|i1", false, "(2, 3)", &[0, 0xff, 2, 0xff, 0xff, 1]);
    let read = read_label_matrix(&spec(&path, None)).unwrap();
    let classes = [Some(0), None, Some(2), None, None, Some(1)].map(|c| c.map(ClassId::new));
    assert_eq!((read.rows, read.columns, read.labels), (2, 3, classes.to_vec()));

    npy(&path, "|i1", false, "(2, 3)", &[0, 0, 0, 0, 0xfe, 0]);
    let error = read_label_matrix(&spec(&path, None)).unwrap_err().to_string();
    assert!(error.contains("votes.npy: row 1 is -2"), "{error}");
    npy(&path, "|i1", false, "(2,)", &[0, 0]);
    let error = read_label_matrix(&spec(&path, None)).unwrap_err().to_string();
    assert!(error.contains("a matrix, N x K"), "{error}");
}
