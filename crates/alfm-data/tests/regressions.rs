//! One test a report, named after it, with a sentence on what the person saw.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alfm_core::{ClassId, SampleId};
use alfm_data::arrays::{
    ArraySpec, Precision, Rows, ids_beside, read_ids, read_label_matrix, read_labels, read_matrix,
    write_rows, write_safetensors,
};
use alfm_data::{
    ClassEntry, Columns, Dataset, Error, Hub, Unreadable, UserTable, read_folder, read_items,
    read_table,
};
use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
    ListArray, NullArray, StringArray, UInt64Array,
};
use arrow::datatypes::{Float32Type, Int32Type};
use arrow::record_batch::RecordBatch;
use npyz::WriterBuilder;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Reads a table that holds this.
    fn table(&self, name: &str, content: impl AsRef<[u8]>) -> Result<UserTable, Error> {
        read_table(&self.write(name, content), &Columns::default(), None)
    }

    fn refused(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        self.table(name, content).unwrap_err().report()
    }
}

fn parquet(path: &Path, columns: Vec<(&str, ArrayRef)>, metadata: &[(&str, &str)]) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let pairs: Vec<KeyValue> = metadata
        .iter()
        .map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned()))
        .collect();
    let own_schema = pairs.iter().any(|pair| pair.key == "ARROW:schema");
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(own_schema);
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new_with_options(file, batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn texts(rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("text {row}"))))
}

fn names(table: &UserTable) -> Vec<&str> {
    table.classes.iter().map(|class| class.name.as_str()).collect()
}

fn labels(table: &UserTable) -> Vec<Option<usize>> {
    table.items.labels().iter().map(|label| label.map(ClassId::index)).collect()
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn spec(path: &Path, key: &str) -> ArraySpec {
    format!("{}{key}", path.display()).parse().unwrap()
}

/// 61 of 200 rows were read, and the program said nothing.
#[test]
fn csv_unclosed_quote() {
    let row = |row| match row {
        60 => format!("card,\"my card has not arrived yet ({row})\n"),
        _ => format!("card,my card has not arrived yet ({row})\n"),
    };
    let content = format!("label,text\n{}", (0..200).map(row).collect::<String>());
    let error = Folder::new().table("x.csv", content).unwrap_err();
    assert_eq!(error.row(), Some(60));
    assert!(error.to_string().contains("x.csv: line 62: a quote opens here"), "{error}");
}

/// A file saved by a spreadsheet as "Unicode text" gave "no column `text`".
#[test]
fn csv_utf16() {
    let bytes: Vec<u8> =
        "\u{feff}text,label\r\na,b\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for name in ["x.csv", "x.jsonl"] {
        let told = Folder::new().refused(name, &bytes);
        assert!(told.ends_with("it is UTF-16: save it as UTF-8"), "{told}");
    }
}

/// A file in Latin-1 was "not a readable CSV file", without a place.
#[test]
fn csv_latin1_and_zero_bytes() {
    let folder = Folder::new();
    let told = folder.refused("x.csv", b"text,label\nna\xefve,a\n");
    assert!(told.contains("line 2: byte 13 of the text is 0xEF"), "{told}");
    let told = folder.refused("x.csv", b"text,label\nplain enough,a\nwith \0 zero,b\n");
    assert!(told.contains("line 3: byte 31 of the file is zero"), "{told}");
}

/// The second of two keys won, and the first label was lost.
#[test]
fn jsonl_key_given_twice() {
    let told = Folder::new().refused(
        "x.jsonl",
        "{\"text\":\"a\",\"label\":1}\n\n{\"text\":\"b\",\"label\":0,\"label\":1}\n",
    );
    assert!(told.contains("line 3") && told.contains("`label` is given twice"), "{told}");
}

/// A download that broke off looked like bad JSON.
#[test]
fn jsonl_last_line_cut_off() {
    let told =
        Folder::new().refused("x.jsonl", "{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\",\"la");
    assert!(told.contains("line 2: the object is cut off"), "{told}");
}

/// Labels from 1 on had a phantom class 0, and labels 101, 205, 1203 over a thousand of them.
#[test]
fn phantom_classes() {
    let folder = Folder::new();
    let table = folder.table("x.csv", "text,label\na,2\nb,1\nc,3\nd,1\n").unwrap();
    assert_eq!(
        (names(&table), labels(&table)),
        (vec!["1", "2", "3"], [1, 0, 2, 0].map(Some).into())
    );
    let table = folder.table("x.csv", "text,label\na,1203\nb,101\nc,205\nd,\n").unwrap();
    assert_eq!(names(&table), ["101", "205", "1203"]);
    assert_eq!(labels(&table), [Some(2), Some(0), Some(1), None]);
    let table =
        folder.table("x.jsonl", "{\"text\":\"a\",\"label\":7}\n{\"text\":\"b\",\"label\":5}\n");
    assert_eq!(labels(&table.unwrap()), [Some(1), Some(0)]);
    // As a table with gaps is written, whose column became one of floats.
    let table = folder.table("x.csv", "text,label\na,2.0\nb,\nc,1.0\n").unwrap();
    assert_eq!((names(&table), labels(&table)), (vec!["1", "2"], vec![Some(1), None, Some(0)]));
}

/// Labels -1 and 1: half of the rows were "unlabelled".
#[test]
fn minus_one_and_one() {
    let folder = Folder::new();
    let path = folder.write("x.csv", "text,label\na,-1\nb,1\nc,-1\n");
    let read = |columns: Columns| read_table(&path, &columns, None);
    let told = read(Columns::default()).unwrap_err().to_string();
    assert!(told.contains("holds -1 (2 items) and 1 (1 items): is -1 a class"), "{told}");
    let table = read(Columns::default().with_unlabelled("none")).unwrap();
    assert_eq!((names(&table), labels(&table)), (vec!["-1", "1"], [0, 1, 0].map(Some).into()));
    let table = read(Columns::default().with_unlabelled("-1")).unwrap();
    assert_eq!((names(&table), labels(&table)), (vec!["1"], vec![None, Some(0), None]));
    let classes = ["negative", "positive"].map(ClassEntry::named);
    assert!(read_table(&path, &Columns::default(), Some(&classes)).is_err());
    // Beside several others, -1 means unlabelled, and is counted.
    let table = folder.table("y.csv", "text,label\na,-1\nb,1\nc,0\n").unwrap();
    assert_eq!(labels(&table), [None, Some(1), Some(0)]);
    assert!(table.warnings[0].contains("taken for unlabelled (1 items)"), "{:?}", table.warnings);
    let table = folder.table("z.csv", "text,label\na,-1\nb,spam\nc,ham\n").unwrap();
    assert_eq!((names(&table), labels(&table)[0]), (vec!["ham", "spam"], None));
}

/// A label of one's own for "not known yet" became a class.
#[test]
fn own_value_for_unlabelled() {
    let path = Folder::new();
    let path = path.write("x.csv", "text,label\na,?\nb,spam\nc,ham\n");
    let table = read_table(&path, &Columns::default().with_unlabelled("?"), None).unwrap();
    assert_eq!(
        (names(&table), labels(&table)),
        (vec!["ham", "spam"], vec![None, Some(1), Some(0)])
    );
}

/// `spam` and `Spam ` were two classes, and nobody said so.
#[test]
fn labels_that_differ_in_case_or_white_space() {
    let table =
        Folder::new().table("x.csv", "text,label\na,spam\nb,Spam \nc,ham\nd,spam\n").unwrap();
    assert_eq!(table.classes.len(), 3);
    let expected =
        "labels that differ only in case or white space: \"Spam \" (1 items), \"spam\" (2 items)";
    assert_eq!(table.warnings, [expected]);
}

/// A parquet file written by `datasets` says its classes; they were numbered, and the rare one was missing.
#[test]
fn class_names_in_parquet_metadata() {
    let folder = Folder::new();
    let path = folder.path("x.parquet");
    let about = r#"{"info": {"features": {"text": {"dtype": "string", "_type": "Value"},
        "label": {"names": ["neg", "pos", "rare"], "_type": "ClassLabel"}}}}"#;
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1, -1, 0]));
    parquet(&path, vec![("text", texts(3)), ("label", column)], &[("huggingface", about)]);
    let table = read_table(&path, &Columns::default(), None).unwrap();
    assert_eq!(names(&table), ["neg", "pos", "rare"]);
    assert_eq!(labels(&table), [Some(1), None, Some(0)]);
}

/// Categories, floats with gaps and truths are how data frames come out; all were refused.
#[test]
fn parquet_columns_people_have() {
    let folder = Folder::new();
    let path = folder.path("x.parquet");
    let read = |column: ArrayRef| {
        parquet(&path, vec![("text", texts(3)), ("label", column)], &[]);
        read_table(&path, &Columns::default(), None)
    };
    let categories: DictionaryArray<Int32Type> =
        vec![Some("b"), None, Some("a")].into_iter().collect();
    let numbers = DictionaryArray::new(
        Int32Array::from(vec![Some(0), None, Some(1)]),
        Arc::new(Int64Array::from(vec![7, 5])),
    );
    let cases: [(ArrayRef, [&str; 2]); 5] = [
        (Arc::new(categories), ["a", "b"]),
        (Arc::new(numbers), ["5", "7"]),
        (Arc::new(Float64Array::from(vec![Some(2.0), None, Some(1.0)])), ["1", "2"]),
        (Arc::new(Float32Array::from(vec![2.0, f32::NAN, 1.0])), ["1", "2"]),
        (Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])), ["false", "true"]),
    ];
    for (column, expected) in cases {
        let kind = column.data_type().clone();
        let table = read(column).unwrap();
        assert_eq!(names(&table), expected, "{kind}");
        assert_eq!(labels(&table), [Some(1), None, Some(0)], "{kind}");
    }
    let table = read(Arc::new(NullArray::new(3))).unwrap();
    assert_eq!((table.classes.len(), labels(&table)), (0, vec![None; 3]));
    let error = read(Arc::new(Float64Array::from(vec![1.0, 1.5, 2.0]))).unwrap_err();
    assert_eq!(error.row(), Some(1), "{error}");
    // Beyond the whole numbers that are read: once a null, and so unlabelled.
    assert!(read(Arc::new(UInt64Array::from(vec![u64::MAX, 0, 1]))).is_err());
}

/// Texts of several lines without labels could not be read at all.
#[test]
fn unlabelled_table() {
    let folder = Folder::new();
    let columns = Columns::default().with_id("ticket").with_text("message");
    let csv = folder.write("x.csv", "ticket,message\nT0,\"not arrived\nline 2\"\nT1,refund\n");
    let jsonl = "{\"ticket\":\"T0\",\"message\":\"not arrived\\nline 2\"}\n{\"ticket\":\"T1\",\"message\":\"refund\"}\n";
    let jsonl = folder.write("x.jsonl", jsonl);
    let column = |values: [&str; 2]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let messages = column(["not arrived\nline 2", "refund"]);
    let file = folder.path("x.parquet");
    parquet(&file, vec![("ticket", column(["T0", "T1"])), ("message", messages)], &[]);
    for path in [csv, jsonl, file] {
        let table = read_table(&path, &columns, None).unwrap();
        assert_eq!(table.items.ids(), ["T0", "T1"].map(SampleId::from));
        assert_eq!(table.items.texts().unwrap(), ["not arrived\nline 2", "refund"]);
        assert_eq!((table.classes.len(), labels(&table)), (0, vec![None, None]));
        // A column that somebody names must be there.
        assert!(read_table(&path, &columns.clone().with_label("class"), None).is_err());
    }
}

/// The mark that a spreadsheet writes became part of the first id, class or text.
#[test]
fn byte_order_marks_and_line_ends() {
    let folder = Folder::new();
    let ids = folder.write("ids.txt", "\u{feff}doc0\r\ndoc1\r\n");
    assert_eq!(read_ids(&ids).unwrap(), ["doc0", "doc1"].map(SampleId::from));
    let ids = folder.write("ids.txt", "doc0\rdoc1\r");
    assert_eq!(read_ids(&ids).unwrap(), ["doc0", "doc1"].map(SampleId::from));
    let classes = folder.write("classes.json", "\u{feff}[\"a\", \"b\"]\r\n");
    assert_eq!(alfm_data::read_classes(&classes).unwrap()[0].name, "a");
    let table =
        folder.table("x.jsonl", "\u{feff}{\"text\":\"a\"}\r\n\r\n{\"text\":\"b\"}\r\n").unwrap();
    assert_eq!(table.items.texts().unwrap(), ["a", "b"]);
    assert_eq!(table.warnings, ["1 blank line(s) were skipped"]);
    let table = folder.table("x.csv", "\u{feff}text,label\ra,x\rb,y\r").unwrap();
    assert_eq!(names(&table), ["x", "y"]);
}

/// Terabytes were asked for by files of 128 bytes.
#[test]
fn extents_that_no_data_backs() {
    let folder = Folder::new();
    for (at, shape) in ["(1099511627776, 0)", "(0, 1099511627776)", "(0, 4)"].iter().enumerate() {
        let path = folder.write(&format!("{at}.npy"), npy("<f4", shape, &[]));
        let told = read_matrix(&spec(&path, "")).unwrap_err().to_string();
        assert!(told.contains("and holds nothing"), "{told}");
        let path = folder.write(&format!("{at}.npy"), npy("<i8", shape, &[]));
        assert!(read_label_matrix(&spec(&path, "")).is_err());
    }
    let header = br#"{"p":{"dtype":"F32","shape":[1099511627776,0],"data_offsets":[0,0]}}"#;
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header].concat();
    let path = folder.write("x.safetensors", bytes);
    assert!(read_matrix(&spec(&path, ":p")).unwrap_err().to_string().contains("holds nothing"));
}

/// A label of 4294967295 among four was taken for the number of classes.
#[test]
fn the_largest_label_is_no_number_of_classes() {
    let data: Vec<u8> = [0_u32, 1, u32::MAX].iter().flat_map(|label| label.to_le_bytes()).collect();
    let path = Folder::new();
    let path = path.write("y.npy", npy("<u4", "(3,)", &data));
    let error = read_labels(&spec(&path, "")).unwrap_err();
    assert_eq!(error.row(), Some(2));
    assert!(error.to_string().contains("row 2 is 4294967295"), "{error}");
}

/// An embedded schema that is none made the parser panic.
#[test]
fn parquet_embedded_schema() {
    let folder = Folder::new();
    let path = folder.path("x.parquet");
    let lists = ListArray::from_iter_primitive::<Float32Type, _, _>([Some([Some(1.0), Some(2.0)])]);
    let lists: ArrayRef = Arc::new(lists);
    for schema in ["", "nonsense", "/////wAAAAA=", "/////3gAAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAM"] {
        parquet(&path, vec![("x", lists.clone())], &[("ARROW:schema", schema)]);
        assert_eq!(read_matrix(&spec(&path, ":x")).unwrap().values(), [1.0, 2.0]);
    }
}

/// 2e8 rows of one label, in a file of a few kilobytes, took gigabytes.
#[test]
fn parquet_of_few_bytes_and_many_rows() {
    let folder = Folder::new();
    let path = folder.path("x.parquet");
    let rows = 18 << 20;
    let labels: ArrayRef = Arc::new(Int64Array::from(vec![1; rows]));
    parquet(&path, vec![("label", labels)], &[]);
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size < 100_000, "{size}");
    let told = read_labels(&spec(&path, ":label")).unwrap_err().to_string();
    assert!(told.contains("it unfolds to 18874368 values"), "{told}");
    let columns = Columns::default().with_text("label");
    assert!(read_table(&path, &columns, None).is_err());
}

/// A pipe in the place of a file hung the program.
#[cfg(unix)]
#[test]
fn pipes_and_devices() {
    let folder = Folder::new();
    for name in ["x.csv", "x.jsonl", "x.parquet", "x.npy", "ids.txt", "cat/x.png"] {
        let path = folder.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
    }
    let told = |error: Error| assert!(error.to_string().contains("only regular files"), "{error}");
    for name in ["x.csv", "x.jsonl", "x.parquet"] {
        told(read_table(&folder.path(name), &Columns::default(), None).unwrap_err());
    }
    told(read_matrix(&spec(&folder.path("x.npy"), "")).unwrap_err());
    told(read_matrix(&spec(&folder.path("x.parquet"), ":x")).unwrap_err());
    told(read_ids(&folder.path("ids.txt")).unwrap_err());
    told(read_ids(Path::new("/dev/zero")).unwrap_err());
    told(alfm_data::read_images(folder.0.path(), Unreadable::Refuse).unwrap_err());
}

/// `train` and `val` became the classes.
#[test]
fn folders_of_splits() {
    let folder = Folder::new();
    for name in ["train/cat/0.png", "train/dog/0.png", "val/cat/0.png", "val/dog/1.png"] {
        folder.write(name, name);
    }
    let hub = Hub::new("unused").with_offline(true);
    let data = Dataset::load(folder.0.path().to_str().unwrap(), &hub).unwrap();
    assert_eq!(data.schema().names(), ["cat", "dog"]);
    assert_eq!(data.split("train").unwrap().class_counts(2), [1, 1]);
    assert_eq!(data.split("val").unwrap().ids()[1].as_str(), "val/dog/1.png");
    folder.write("ship/0.png", "");
    let told = Dataset::from_folder(folder.0.path(), None).unwrap_err().to_string();
    assert!(told.contains("`train/cat/0.png` lies in a split"), "{told}");

    // Vehicles: a train is one.
    let vehicles = Folder::new();
    vehicles.write("train/0.png", "a");
    vehicles.write("car/0.png", "b");
    let data = Dataset::from_folder(vehicles.0.path(), None).unwrap();
    assert_eq!(data.schema().names(), ["car", "train"]);
}

/// A folder that was linked was missing, and so were its images.
#[cfg(unix)]
#[test]
fn links_are_counted_and_named() {
    use std::os::unix::fs::symlink;
    let (folder, other) = (Folder::new(), Folder::new());
    folder.write("cat/0.png", "a");
    folder.write("dog/0.png", "b");
    folder.write("dog/notes.txt", "");
    let elsewhere = other.write("more/1.png", "c");
    symlink(other.path("more"), folder.path("more")).unwrap();
    symlink(other.path("nothing"), folder.path("cat/gone.png")).unwrap();
    symlink(elsewhere, folder.path("cat/1.png")).unwrap();
    let data = Dataset::from_folder(folder.0.path(), None).unwrap();
    assert_eq!(data.split("all").unwrap().class_counts(2), [2, 1]);
    let expected = [
        "2 link(s) to folders, or to nothing, were not followed: cat/gone.png, more",
        "1 file(s) are no images by their ending and were skipped: dog/notes.txt",
    ];
    assert_eq!(data.warnings(), expected);
    assert_eq!(
        alfm_data::read_images(folder.0.path(), Unreadable::Refuse).unwrap().warnings,
        expected
    );
}

/// Labels that nobody asked for stood in the way of embedding the texts beside them.
#[test]
fn items_without_a_look_at_labels() {
    let folder = Folder::new();
    let path = folder.write("x.csv", "id,text,label\nT-1,a,-1\nT-2,b,1\n");
    assert!(read_table(&path, &Columns::default(), None).is_err());
    let table = read_items(&path, &Columns::default().with_id("id")).unwrap();
    assert_eq!(table.items.own_ids("all").unwrap(), ["T-1", "T-2"].map(SampleId::from));
    assert_eq!((labels(&table), table.classes.len()), (vec![None, None], 0));
    let table = read_items(&path, &Columns::default()).unwrap();
    assert_eq!(table.items.own_ids("all"), None);
    assert!(table.items.subset(&[1]).unwrap().own_ids("all").is_some());
}

/// Spreadsheets save tables with tabs, and names in capitals.
#[test]
fn tabs_and_capitals() {
    let folder = Folder::new();
    let path = folder.write("x.tsv", "text\tlabel\na, \"b\"\t1\n\"c\td\"\t2\n");
    let table = read_table(&path, &Columns::default(), None).unwrap();
    assert_eq!(table.items.texts().unwrap(), ["a, \"b\"", "c\td"]);
    let told = folder.refused("y.tsv", "text\tlabel\na\n");
    assert!(told.contains("line 2: 1 field(s), the header has 2"), "{told}");
    assert_eq!(
        labels(&folder.table("X.CSV", "text,label\na,1\nb,0\n").unwrap()),
        [Some(1), Some(0)]
    );
}

/// Photos of a kind that is not read, and pipes among photos, stopped everything.
#[test]
fn images_that_cannot_be_opened() {
    let folder = Folder::new();
    for name in ["cat/0.png", "cat/1.heic", "dog/0.png"] {
        folder.write(name, name);
    }
    let read = |unreadable| read_folder(folder.0.path(), None, unreadable);
    let told = read(Unreadable::Refuse).unwrap_err().to_string();
    assert!(told.contains("cat/1.heic: images of this kind are not read"), "{told}");
    let found = read(Unreadable::LeaveOut).unwrap();
    assert_eq!(found.splits["all"].class_counts(2), [1, 1]);
    assert_eq!(found.left_out[0].0.as_str(), "cat/1.heic");
    let images = alfm_data::read_images(folder.0.path(), Unreadable::LeaveOut).unwrap();
    assert_eq!((images.items.len(), images.left_out.len()), (2, 1));
    assert!(Dataset::from_folder(folder.0.path(), None).is_err());
}

/// The ids of a pool had to be kept in a file of their own, which was of another pool one day.
#[test]
fn ids_beside_their_rows() {
    let folder = Folder::new();
    let path = folder.path("x.safetensors");
    let matrix = alfm_core::Matrix::new(vec![0.5; 6], 3, 2).unwrap();
    let ids = ["a\nb", "\"c\", d", "ü"].map(SampleId::from);
    let (x, y) = (matrix.view(), matrix.view());
    let write = |ids: &[SampleId]| {
        let (x, y) =
            (Rows { key: "x", matrix: x, ids: Some(ids) }, Rows { key: "y", matrix: y, ids: None });
        write_rows(&path, &[x, y], Precision::F16, None)
    };
    write(&ids).unwrap();
    assert_eq!(ids_beside(&spec(&path, ":x")).unwrap().unwrap(), ids);
    assert_eq!(ids_beside(&spec(&path, ":y")).unwrap(), None);
    assert_eq!(read_matrix(&spec(&path, ":x")).unwrap().rows(), 3);
    assert!(write(&ids[..2]).is_err());
    // Ids that are none, and a matrix of that name.
    write_safetensors(&path, &[("x", x), ("x.ids", y)], Precision::F32, None).unwrap();
    let told = ids_beside(&spec(&path, ":x")).unwrap_err().to_string();
    assert!(told.contains("x.safetensors: `x.ids`: element type f32, expected u8"), "{told}");
    let npy = folder.write("x.npy", npy("<f4", "(1, 1)", &[0; 4]));
    assert_eq!(ids_beside(&spec(&npy, "")).unwrap(), None);
}

/// A known name with somebody's columns, or a folder with columns, was read as if they were not there.
#[test]
fn columns_of_what_has_none() {
    let folder = Folder::new();
    folder.write("cat/0.png", "a");
    folder.write("dog/0.png", "b");
    let hub = Hub::new("unused").with_offline(true);
    let columns = Columns::default().with_text("message");
    let load = |name: &str, columns: &Columns| Dataset::load_with(name, &hub, columns, None);
    let told = load("support-inbox", &columns).unwrap_err().to_string();
    assert!(
        told.contains("`support-inbox` is a known dataset, which has its own columns"),
        "{told}"
    );
    let name = folder.0.path().to_str().unwrap();
    assert!(
        load(name, &columns).unwrap_err().to_string().contains("a folder, which has no columns")
    );
    let classes = ["dog", "cat"].map(ClassEntry::named);
    let data = Dataset::load_with(name, &hub, &Columns::default(), Some(&classes)).unwrap();
    assert_eq!(data.schema().names(), ["dog", "cat"]);
}

/// A small file of each kind, as it should be.
fn whole(folder: &Folder) -> Vec<(PathBuf, Vec<u8>)> {
    let values: Vec<u8> = (0..6_u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
    let header = br#"{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]}}"#;
    let tensors = [&(header.len() as u64).to_le_bytes()[..], header, &values].concat();
    folder.write("x.csv", "text,label\n\"a, \"\"b\"\"\",1\nc,2\n,1\n");
    folder.write("x.jsonl", "{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\",\"label\":2}\n");
    folder.write("x.npy", npy("<f4", "(3, 2)", &values));
    folder.write("x.safetensors", tensors);
    let lists = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]].map(|row| Some(row.map(Some)));
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(lists));
    let labels: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 0]));
    let columns = vec![("x", lists), ("text", texts(3)), ("label", labels)];
    parquet(&folder.path("x.parquet"), columns, &[]);
    let mut archive = npyz::npz::NpzWriter::create(folder.path("x.npz")).unwrap();
    let array = archive.array("x", Default::default()).unwrap();
    let mut array = array.default_dtype().shape(&[3, 2]).begin_nd().unwrap();
    array.extend((0..6_u8).map(f32::from)).unwrap();
    array.finish().unwrap();
    drop(archive);
    ["csv", "jsonl", "npy", "safetensors", "parquet", "npz"]
        .map(|ending| {
            let path = folder.path(&format!("x.{ending}"));
            let bytes = std::fs::read(&path).unwrap();
            (path, bytes)
        })
        .into()
}

/// Reads it in every way that its ending allows; what is read must agree with itself.
fn read_every_way(path: &Path) -> usize {
    let mut read = 0;
    if !matches!(
        path.extension().and_then(|ending| ending.to_str()),
        Some("npy" | "npz" | "safetensors")
    ) && let Ok(table) = read_table(path, &Columns::default(), None)
    {
        assert_eq!(table.items.labels().len(), table.items.texts().unwrap().len());
        assert!(labels(&table).into_iter().flatten().all(|class| class < table.classes.len()));
        read += 1;
    }
    let Ok(array) = format!("{}:x", path.display()).replace(".npy:x", ".npy").parse::<ArraySpec>()
    else {
        return read;
    };
    if let Ok(matrix) = read_matrix(&array) {
        assert_eq!(matrix.values().len(), matrix.rows() * matrix.columns());
        read += 1;
    }
    _ = read_labels(&array);
    _ = read_label_matrix(&array);
    _ = ids_beside(&array);
    read
}

#[test]
fn what_is_cut_off_is_no_array() {
    let folder = Folder::new();
    for (path, bytes) in whole(&folder) {
        assert!(read_every_way(&path) > 0, "{}", path.display());
        if path.extension().is_some_and(|ending| ending == "csv" || ending == "jsonl") {
            continue;
        }
        for keep in (0..bytes.len()).step_by(3) {
            std::fs::write(&path, &bytes[..keep]).unwrap();
            assert_eq!(read_every_way(&path), 0, "{}: {keep} bytes", path.display());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_mutated_file_is_read_or_refused(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let folder = Folder::new();
        for (path, mut bytes) in whole(&folder) {
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            std::fs::write(&path, &bytes).unwrap();
            read_every_way(&path);
        }
    }
}
