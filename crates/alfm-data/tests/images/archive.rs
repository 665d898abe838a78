//! Images as arrays of pixels, in a `.npz` archive.

use std::path::Path;

use alfm_data::{Columns, Dataset};
use npyz::WriterBuilder;
use npyz::npz::NpzWriter;
use proptest::prelude::*;

fn npz(path: &Path, shape: &[u64], labels: &[i64]) {
    let mut archive = NpzWriter::create(path).unwrap();
    let size: u64 = shape.iter().product();
    let mut images = archive
        .array("train_images", Default::default())
        .unwrap()
        .default_dtype()
        .shape(shape)
        .begin_nd()
        .unwrap();
    images.extend((0..size).map(|value| value as u8)).unwrap();
    images.finish().unwrap();
    let mut array = archive
        .array("labels", Default::default())
        .unwrap()
        .default_dtype()
        .shape(&[labels.len() as u64, 1])
        .begin_nd()
        .unwrap();
    array.extend(labels.iter().copied()).unwrap();
    array.finish().unwrap();
}

#[test]
fn an_archive_of_pixels_is_a_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let columns = Columns::default().with_image("train_images").with_label("labels");
    let load = |shape: &[u64], labels: &[i64]| {
        npz(&path, shape, labels);
        Dataset::from_file(&path, &columns, None)
    };
    let grey = load(&[2, 1, 3], &[0, 1]).unwrap();
    let images = grey.split("all").unwrap().images().unwrap().to_vec();
    assert_eq!(images[1].decode().unwrap().into_raw(), [3, 3, 3, 4, 4, 4, 5, 5, 5]);
    assert_eq!(images[1].to_string(), format!("{}, row 1", path.display()));
    let rgb = load(&[2, 1, 1, 3], &[0, 1]).unwrap();
    let second = rgb.split("all").unwrap().images().unwrap()[1].decode().unwrap();
    assert_eq!(second.into_raw(), [3, 4, 5]);
    assert!(load(&[2, 0, 3], &[0, 1]).unwrap_err().to_string().contains("it has shape [2, 0, 3]"));
    for shape in [&[2, 3][..], &[2, 2, 2, 2]] {
        let error = load(shape, &[0, 1]).unwrap_err();
        let expected =
            format!("it has shape {shape:?}, expected images, N x H x W or N x H x W x 3");
        assert!(error.to_string().ends_with(&expected), "{error}");
    }
    let error = load(&[2, 1, 3], &[0, 1, 1]).unwrap_err();
    let expected = "a.npz: `labels` has 3 rows, but the pool has 2 items";
    assert!(error.to_string().contains(expected), "{error}");
    let other = Columns::default().with_image("pixels").with_label("labels");
    let error = Dataset::from_file(&path, &other, None).unwrap_err().to_string();
    assert!(
        error.contains("no array `all_pixels or pixels`: it holds labels, train_images"),
        "{error}"
    );
    let whole = std::fs::read(&path).unwrap();
    for keep in 0..whole.len() {
        std::fs::write(&path, &whole[..keep]).unwrap();
        let error = Dataset::from_file(&path, &columns, None).unwrap_err();
        assert!(error.to_string().contains("a.npz"), "{keep}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A whole archive with some bytes changed.
    #[test]
    fn damaged_archives_never_panic(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        npz(&path, &[2, 2, 2], &[0, 1]);
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        std::fs::write(&path, bytes).unwrap();
        let columns = Columns::default().with_image("train_images").with_label("labels");
        if let Ok(data) = Dataset::from_file(&path, &columns, None) {
            prop_assert!(data.split("all").unwrap().unreadable().is_empty());
        }
    }
}
