//! A user's own CSV, JSONL and parquet files, and the bundled dataset.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alfm_core::{ClassId, SampleId};
use alfm_data::{ClassEntry, Columns, Dataset, Error, Hub};
use arrow::array::{ArrayRef, Float64Array, Int32Array, LargeStringArray};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn load(path: &Path, columns: &Columns) -> Result<Dataset, Error> {
    Dataset::from_file(path, columns, None)
}

fn classes(data: &Dataset) -> Vec<Option<usize>> {
    data.split("all").unwrap().labels().iter().map(|label| label.map(ClassId::index)).collect()
}

#[test]
fn names_numbers_and_gaps_are_labels() {
    let folder = Folder::new();
    let cases = [
        (
            "names.csv",
            "text,label\na,spam\nb,ham\nc,\n",
            vec!["ham", "spam"],
            vec![Some(1), Some(0), None],
        ),
        (
            "numbers.csv",
            "text,label\na,2\nb,-1\nc,0\n",
            vec!["0", "2"],
            vec![Some(1), None, Some(0)],
        ),
        (
            "mixed.jsonl",
            "{\"text\":\"a\",\"label\":1}\n{\"text\":\"\",\"label\":null}\n{\"text\":\"c\",\"label\":0}\n",
            vec!["0", "1"],
            vec![Some(1), None, Some(0)],
        ),
    ];
    for (file, content, names, labels) in cases {
        let data = load(&folder.write(file, content), &Columns::default()).unwrap();
        assert_eq!(data.schema().names(), names, "{file}");
        assert_eq!(classes(&data), labels, "{file}");
        let split = data.split("all").unwrap();
        assert_eq!(split.ids()[2], SampleId::from("all/2"));
        assert_eq!(data.manifest().splits["all"].unlabelled, 1, "{file}");
    }
}

#[test]
fn columns_are_named_and_classes_given() {
    let folder = Folder::new();
    let path = folder.write("x.csv", "ticket,message\nT-1,hello\nT-2,bye\n");
    let columns = Columns::default().with_id("ticket").with_text("message");
    let given = [ClassEntry::named("a"), ClassEntry::named("b")];
    let data = Dataset::from_file(&path, &columns, Some(&given)).unwrap();
    let split = data.split("all").unwrap();
    assert_eq!(split.ids(), ["T-1", "T-2"].map(SampleId::from));
    assert_eq!(split.texts().unwrap(), ["hello", "bye"]);
    assert_eq!(classes(&data), [None, None]);
    assert_eq!(data.manifest().classes[1].prompts, ["b"]);
    let error = load(&path, &columns).unwrap_err();
    assert!(error.to_string().contains("its labels show 0 class(es), at least 2"), "{error}");
}

#[test]
fn bad_files_are_typed_errors_that_name_the_place() {
    let folder = Folder::new();
    let cases = [
        ("a.csv", "txt,label\na,0\n", "no column `text`: the columns are txt, label"),
        ("b.jsonl", "{\"text\":\"a\",\"label\":0}\nnonsense\n", "b.jsonl: line 2"),
        ("c.jsonl", "{\"text\":null,\"label\":1}\n", "row 0, column `text`"),
        ("d.csv", "text,label\na,0\nb,-7\nc,1\n", "row 1, column `label`: `-7` cannot be used"),
        ("e.csv", "text,label\na,0\n", "its labels show 1 class(es)"),
        ("f.parquet", "PAR1", "not a readable parquet file"),
        ("g.xlsx", "", "unknown format"),
        ("h.csv", "", "no column `text`: there is none at all"),
    ];
    for (file, content, expected) in cases {
        let message =
            load(&folder.write(file, content), &Columns::default()).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(file), "{message}");
    }
    let path = folder.write("twice.csv", "id,text,label\nx,a,0\nx,b,1\n");
    let message = load(&path, &Columns::default().with_id("id")).unwrap_err().to_string();
    assert!(message.contains("twice.csv: item `x` is given twice"), "{message}");
}

#[test]
fn parquet_columns_of_any_width_are_read() {
    let folder = Folder::new();
    let path = folder.0.path().join("x.parquet");
    let columns: [(&str, ArrayRef); 3] = [
        ("score", Arc::new(Float64Array::from(vec![0.5, 0.25, 1.0]))),
        ("label", Arc::new(Int32Array::from(vec![Some(1), None, Some(0)]))),
        ("text", Arc::new(LargeStringArray::from(vec!["a", "", "c"]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let data = load(&path, &Columns::default()).unwrap();
    assert_eq!(data.split("all").unwrap().texts().unwrap(), ["a", "", "c"]);
    assert_eq!(classes(&data), [Some(1), None, Some(0)]);
    let error = load(&path, &Columns::default().with_label("score")).unwrap_err();
    let expected = "row 0, column `score`: `0.5` cannot be used, expected a text or a whole number";
    assert!(error.to_string().contains(expected), "{error}");
    let message = load(&path, &Columns::default().with_text("body")).unwrap_err().to_string();
    assert!(message.contains("the columns are score, label, text"), "{message}");
}

#[test]
fn the_bundled_dataset_needs_nothing() {
    let hub = Hub::new("does-not-exist").with_offline(true);
    let data = Dataset::load("support-inbox", &hub).unwrap();
    let pool = data.split("pool").unwrap();
    assert_eq!(pool.ids()[0].as_str(), "p0001");
    assert_eq!(pool.labels()[0], Some(data.schema().id("returns_refunds").unwrap()));
    assert_eq!(pool.class_counts(12), [380, 290, 240, 190, 140, 110, 85, 65, 50, 38, 20, 18]);
    let rare = &data.manifest().classes[10];
    assert_eq!(rare.prompts[0], "safety hazard");
    assert_eq!(rare.prompts[2], "a report that a product injured someone or is dangerous");
    assert!(rare.description.as_deref().unwrap().starts_with("Injury, fire"));
    assert_eq!(data.split("test").unwrap().class_counts(12), [40; 12]);
    let message = data.split("train").unwrap_err().to_string();
    assert_eq!(message, "dataset `support-inbox` has no split `train`: it has pool, test");
}

#[test]
fn the_digest_names_ids_texts_and_labels() {
    let folder = Folder::new();
    let digest = |content: &str| {
        let data = load(&folder.write("x.csv", content), &Columns::default()).unwrap();
        data.split("all").unwrap().digest()
    };
    let base = digest("text,label\na,0\nb,1\n");
    assert_eq!(base, digest("text,label\na,0\nb,1\n"));
    for other in ["text,label\nb,1\na,0\n", "text,label\na,0\nc,1\n", "text,label\na,1\nb,0\n"] {
        assert_ne!(base, digest(other), "{other}");
    }
}

#[test]
fn a_subset_keeps_ids_with_their_texts() {
    let hub = Hub::new("does-not-exist").with_offline(true);
    let data = Dataset::load("support-inbox", &hub).unwrap();
    let pool = data.split("pool").unwrap();
    let some = pool.subset(&[5, 2]).unwrap();
    assert_eq!(some.ids(), [pool.ids()[5].clone(), pool.ids()[2].clone()]);
    assert_eq!(some.texts().unwrap()[0], pool.texts().unwrap()[5]);
    assert!(pool.subset(&[1, 1]).is_err());
}
