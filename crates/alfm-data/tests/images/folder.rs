//! Images as files: in a folder for each class, or named by a table.

use alfm_core::{ClassId, SampleId};
use alfm_data::{ClassEntry, Columns, Dataset, ErrorKind, Hub, Split};
use image::ImageFormat;

use super::{colours, encode};

/// cat: 2 images, dog: 1, and one beside them; hidden and other files.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    let png = encode(colours(), ImageFormat::Png);
    write("dog/1.PNG", &png);
    write("cat/b.png", &png);
    write("cat/more/a.jpg", &encode(colours(), ImageFormat::Jpeg));
    write("loose.png", &png);
    write("cat/.hidden.png", b"");
    write(".git/x.png", b"");
    write("README.txt", b"");
    folder
}

#[test]
fn a_folder_of_images_has_a_class_for_each_subfolder() {
    let folder = folder();
    let path = folder.path().to_str().unwrap();
    let data = Dataset::load(path, &Hub::new("unused").with_offline(true)).unwrap();
    assert_eq!(data.schema().names(), ["cat", "dog"]);
    let all = data.split("all").unwrap();
    let ids = ["cat/b.png", "cat/more/a.jpg", "dog/1.PNG", "loose.png"].map(SampleId::from);
    assert_eq!(all.ids(), ids);
    let classes: Vec<Option<usize>> =
        all.labels().iter().map(|label| label.map(ClassId::index)).collect();
    assert_eq!(classes, [Some(0), Some(0), Some(1), None]);
    assert_eq!(all.images().unwrap()[0].decode().unwrap(), colours());
    assert_eq!(data.manifest().task, "image-classification");
    assert_eq!(data.manifest().classes[1].prompts, ["a photo of a dog."]);
    let error = all.texts().unwrap_err();
    assert!(error.to_string().starts_with("the items are images, not texts"), "{error}");

    let classes = ["dog", "bird"].map(ClassEntry::named);
    let data = Dataset::from_folder(folder.path(), Some(&classes)).unwrap();
    assert_eq!(data.split("all").unwrap().class_counts(2), [1, 0]);
}

#[test]
fn a_folder_without_subfolders_is_unlabelled() {
    let folder = folder();
    let split = Split::from_image_folder(&folder.path().join("dog")).unwrap();
    assert_eq!((split.ids()[0].as_str(), split.labels()), ("1.PNG", &[None][..]));
    let error = Dataset::from_folder(&folder.path().join("dog"), None).unwrap_err();
    assert!(error.to_string().contains("its labels show 0 class(es), at least 2"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = Split::from_image_folder(empty.path()).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Missing, Some(empty.path())));
    assert!(error.to_string().contains("no image is in it: expected CLASS/NAME.jpg"), "{error}");
    std::fs::write(folder.path().join("dog/x.tiff"), b"").unwrap();
    let error = Split::from_image_folder(folder.path()).unwrap_err();
    assert!(error.to_string().contains("x.tiff: images of this kind are not read"), "{error}");
}

#[test]
fn corrupt_images_are_listed_and_left_out() {
    let folder = folder();
    std::fs::write(folder.path().join("cat/c.png"), b"\x89PNG").unwrap();
    let split = Split::from_image_folder(folder.path()).unwrap();
    // Changed after it was loaded.
    std::fs::write(folder.path().join("loose.png"), encode(colours(), ImageFormat::Bmp)).unwrap();
    let bad = split.unreadable();
    let ids: Vec<SampleId> = bad.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, ["cat/c.png", "loose.png"].map(SampleId::from));
    let said = [&bad[0].1, &bad[1].1].map(ToString::to_string);
    assert!(said[0].contains("cat/c.png: not a readable image"), "{}", said[0]);
    assert!(said[1].contains("loose.png: SHA-256 is "), "{}", said[1]);
    let good = split.without(&ids).unwrap();
    assert_eq!((good.len(), good.unreadable().len()), (3, 0));
    let error = split.without(&["nobody".into()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with("there is no item `nobody`"), "{error}");
}

#[test]
fn a_table_names_images_by_path_or_name() {
    let folder = folder();
    let table = folder.path().join("table.csv");
    let columns = Columns::default().with_image("file").with_id("file").with_group("who");
    let load = |rows: &str| {
        std::fs::write(&table, format!("file,label,who\n{rows}")).unwrap();
        Dataset::from_file(&table, &columns, None)
    };
    let data = load("cat/b.png,x,p\na,y,q\nloose.png,x,p\n").unwrap();
    let all = data.split("all").unwrap();
    let names: Vec<_> = all.images().unwrap().iter().map(|i| i.origin().file_name()).collect();
    assert_eq!(names, ["b.png", "a.jpg", "loose.png"].map(|name| Some(name.as_ref())));
    assert_eq!(all.groups().unwrap(), ["p", "q", "p"]);
    assert_eq!(all.subset(&[1]).unwrap().groups().unwrap(), ["q"]);
    let error = load("cat/b.png,x,p\nnone.png,y,q\n").unwrap_err();
    assert_eq!((error.path(), error.row()), (Some(table.as_path()), Some(1)));
    assert!(error.to_string().contains("column `file`: `none.png` cannot be used"), "{error}");
    std::fs::write(folder.path().join("dog/b.png"), b"").unwrap();
    let error = load("b,x,p\na,y,q\n").unwrap_err();
    assert!(error.to_string().contains("several files have this name"), "{error}");
}

/// HAM10000 as its authors publish it: a table, and two folders. One lesion has two images.
#[test]
fn a_dataset_in_a_folder_says_where_to_download_it() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new("unused").with_offline(true).with_data_folder(folder.path());
    let message = Dataset::load("ham10000", &hub).unwrap_err().to_string();
    for part in ["HAM10000_metadata.csv", "https://doi.org/10.7910/DVN/DBW86T", "ALFM_DATA_DIR"] {
        assert!(message.contains(part), "{part} is missing in: {message}");
    }
    let ham = folder.path().join("ham10000");
    let mut table = "lesion_id,image_id,dx,dx_type,age,sex,localization\n".to_owned();
    for (row, dx) in ["nv", "nv", "mel"].iter().enumerate() {
        let part = ham.join(format!("HAM10000_images_part_{}", 1 + row % 2));
        std::fs::create_dir_all(&part).unwrap();
        std::fs::write(part.join(format!("ISIC_{row}.jpg")), [row as u8]).unwrap();
        table += &format!("HAM_{},ISIC_{row},{dx},histo,80.0,male,scalp\n", row / 2);
    }
    std::fs::write(ham.join("HAM10000_metadata.csv"), table).unwrap();
    let error = Dataset::load("ham10000", &hub).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("0 items of class ") && error.contains("expected 327"), "{error}");
    let mut small = alfm_data::catalog().iter().find(|m| m.name == "ham10000").unwrap().clone();
    small.splits.get_mut("all").unwrap().counts = vec![0, 0, 0, 0, 1, 2, 0];
    let data = Dataset::from_manifest(&small, &hub).unwrap();
    let all = data.split("all").unwrap();
    assert_eq!(all.groups().unwrap(), ["HAM_0", "HAM_0", "HAM_1"]);
    assert_eq!(all.ids()[1].as_str(), "ISIC_1");
    assert_eq!(small.fetch(&hub).unwrap().len(), 1);
}
