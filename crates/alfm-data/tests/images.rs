//! Images: what is decoded, from where, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Cursor;
use std::path::Path;

use alfm_core::{ClassId, SampleId, SeedTree};
use alfm_data::simulate::{Imbalance, Noise, NoiseInput};
use alfm_data::{ClassEntry, Columns, DataError, Dataset, Hub, Image, Items, RgbImage, Split};
use image::{DynamicImage, ImageFormat, Luma, LumaA, Rgb, Rgba};
use npyz::WriterBuilder;
use npyz::npz::NpzWriter;
use proptest::prelude::*;

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// 3 x 2 pixels, each of its own colour.
fn colours() -> RgbImage {
    RgbImage::from_fn(3, 2, |x, y| Rgb([80 * x as u8, 120 * y as u8, 10]))
}

fn decode(bytes: Vec<u8>) -> Result<RgbImage, DataError> {
    Image::encoded("a.bin", Some(7), bytes).decode()
}

#[test]
fn every_lossless_kind_keeps_its_pixels() {
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Gif] {
        let expected = if format == ImageFormat::Gif {
            // GIF has 256 colours, and 6 of them are enough here.
            DynamicImage::from(colours()).to_rgba8().into()
        } else {
            DynamicImage::from(colours())
        };
        assert_eq!(decode(encode(expected, format)).unwrap(), colours(), "{format:?}");
    }
    let jpeg = decode(encode(colours(), ImageFormat::Jpeg)).unwrap();
    assert_eq!(jpeg.dimensions(), (3, 2));
}

#[test]
fn grey_is_repeated_and_alpha_is_dropped() {
    let grey = image::GrayImage::from_pixel(1, 1, Luma([77]));
    let half = image::GrayAlphaImage::from_pixel(1, 1, LumaA([77, 10]));
    let clear = image::RgbaImage::from_pixel(1, 1, Rgba([1, 2, 3, 0]));
    let deep = image::ImageBuffer::from_pixel(1, 1, Luma([0x1234_u16]));
    let cases: [(DynamicImage, [u8; 3]); 4] = [
        (grey.into(), [77; 3]),
        (half.into(), [77; 3]),
        (clear.into(), [1, 2, 3]),
        // 4660 / 257 = 18.1
        (deep.into(), [18; 3]),
    ];
    for (image, expected) in cases {
        let kind = image.color();
        let decoded = decode(encode(image, ImageFormat::Png)).unwrap();
        assert_eq!(decoded.get_pixel(0, 0).0, expected, "{kind:?}");
    }
}

/// A JPEG whose EXIF block says that it must be turned by 90 degrees clockwise.
#[test]
fn the_exif_orientation_is_applied() {
    let jpeg = encode(RgbImage::from_pixel(16, 8, Rgb([9, 9, 9])), ImageFormat::Jpeg);
    let tiff = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut turned = vec![0xff, 0xd8, 0xff, 0xe1, 0, (tiff.len() + 2) as u8];
    turned.extend(tiff);
    turned.extend(&jpeg[2..]);
    assert_eq!(decode(jpeg).unwrap().dimensions(), (16, 8));
    assert_eq!(decode(turned).unwrap().dimensions(), (8, 16));
}

#[test]
fn a_truncated_image_is_an_error_that_names_it() {
    let noise = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * y) as u8, (x * 7) as u8, y as u8]));
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        let whole = encode(DynamicImage::from(noise.clone()).to_rgba8(), ImageFormat::Png);
        let whole = match format {
            ImageFormat::Jpeg => encode(noise.clone(), format),
            ImageFormat::Png => whole,
            _ => encode(DynamicImage::from(noise.clone()).to_rgba8(), format),
        };
        for keep in [0, 5, 40, whole.len() / 2, whole.len() * 3 / 4] {
            let error = decode(whole[..keep].to_vec()).expect_err(&format!("{format:?} {keep}"));
            assert!(matches!(error, DataError::Image { .. }), "{format:?} {keep}: {error}");
            assert!(error.to_string().starts_with("a.bin, row 7: not a readable"), "{error}");
        }
    }
}

/// A PNG header that promises 50,000 x 50,000 pixels, and 33 bytes in all.
#[test]
fn too_many_pixels_are_refused_before_they_are_allocated() {
    let mut png = encode(colours(), ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
    // CRC-32 of `IHDR` and what follows.
    let crc = png[12..29].iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    });
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    let error = decode(png).unwrap_err();
    let DataError::ImageSize { width: 50_000, height: 50_000, limit: 64_000_000, .. } = error
    else {
        panic!("{error}")
    };
    let small = Image::encoded("a.png", None, encode(colours(), ImageFormat::Png));
    assert!(small.decode_within(6).is_ok());
    let message = small.decode_within(5).unwrap_err().to_string();
    assert!(message.starts_with("a.png: 3 x 2 pixels, at most 5 are decoded"), "{message}");
}

#[test]
fn digests_tell_images_apart_by_content() {
    let digest = |width, height, values: Vec<u8>| {
        Image::pixels("x", None, (width, height), values).unwrap().digest()
    };
    assert_eq!(digest(2, 1, vec![1, 2]), digest(2, 1, vec![1, 2]));
    assert_ne!(digest(2, 1, vec![1, 2]), digest(1, 2, vec![1, 2]));
    let image = |bytes: &[u8]| Image::encoded("x", Some(1), bytes);
    let split = |bytes: &[u8]| {
        Split::new(vec!["a".into()], Items::Images(vec![image(bytes)]), vec![None]).unwrap()
    };
    assert_eq!(split(b"1").digest(), split(b"1").digest());
    assert_ne!(split(b"1").digest(), split(b"2").digest());
    let error = Image::pixels("x.npz", Some(2), (2, 2), vec![0; 5]).unwrap_err();
    assert!(error.to_string().starts_with("x.npz, row 2: 5 bytes"), "{error}");
}

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
    assert!(matches!(error, DataError::NoClasses { found: 0, .. }), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = Split::from_image_folder(empty.path()).unwrap_err();
    assert!(matches!(error, DataError::NoImages { .. }), "{error}");
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
    assert!(matches!(bad[0].1, DataError::Image { .. }), "{}", bad[0].1);
    assert!(matches!(bad[1].1, DataError::ContentHash { .. }), "{}", bad[1].1);
    let good = split.without(&ids).unwrap();
    assert_eq!((good.len(), good.unreadable().len()), (3, 0));
    let error = split.without(&["nobody".into()]).unwrap_err();
    assert!(matches!(error, DataError::UnknownItem { .. }), "{error}");
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
    assert!(matches!(error, DataError::Cell { row: 1, .. }), "{error}");
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
    assert!(matches!(error, DataError::ClassCount { expected: 327, got: 0, .. }), "{error}");
    let mut small = alfm_data::catalog().iter().find(|m| m.name == "ham10000").unwrap().clone();
    small.splits.get_mut("all").unwrap().counts = vec![0, 0, 0, 0, 1, 2, 0];
    let data = Dataset::from_manifest(&small, &hub).unwrap();
    let all = data.split("all").unwrap();
    assert_eq!(all.groups().unwrap(), ["HAM_0", "HAM_0", "HAM_1"]);
    assert_eq!(all.ids()[1].as_str(), "ISIC_1");
    assert_eq!(small.fetch(&hub).unwrap().len(), 1);
}

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
    for shape in [&[2, 3][..], &[2, 2, 2, 2], &[2, 0, 3]] {
        let error = load(shape, &[0, 1]).unwrap_err();
        assert!(matches!(error, DataError::ArrayShape { .. }), "{shape:?}: {error}");
    }
    let error = load(&[2, 1, 3], &[0, 1, 1]).unwrap_err();
    assert!(matches!(error, DataError::Content { .. }), "{error}");
    let whole = std::fs::read(&path).unwrap();
    for keep in 0..whole.len() {
        std::fs::write(&path, &whole[..keep]).unwrap();
        let error = Dataset::from_file(&path, &columns, None).unwrap_err();
        assert!(error.to_string().contains("a.npz"), "{keep}: {error}");
    }
}

/// Merging, tails and noise look at labels only; people's labels are found by id.
#[test]
fn simulation_works_on_images() {
    let image = |row: usize| Image::pixels("x", Some(row), (1, 1), vec![row as u8]).unwrap();
    let ids: Vec<SampleId> = (0..60).map(|row| format!("i{row}").into()).collect();
    let labels = (0..60).map(|row| Some(ClassId::from_index(row % 3))).collect();
    let split = Split::new(ids, Items::Images((0..60).map(image).collect()), labels).unwrap();
    let schema = alfm_core::ClassSchema::numbered(3).unwrap();
    let labels = split.all_labels().unwrap();
    let merged = Imbalance::merge(2).apply(&labels, &schema, &SeedTree::new(1)).unwrap();
    assert_eq!(merged.counts, [20, 40]);
    let tail = Imbalance::LongTailed { factor: 10.0 };
    let tail = tail.apply(&labels, &schema, &SeedTree::new(1)).unwrap();
    let pool = split.subset(&tail.kept).unwrap();
    assert_eq!(pool.class_counts(3), [20, 6, 2]);
    for (row, image) in tail.kept.iter().zip(pool.images().unwrap()) {
        assert_eq!(image.row(), Some(*row));
    }
    let file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    let rows: String = pool.ids().iter().map(|id| format!("{id},0\n")).collect();
    std::fs::write(file.path(), format!("id,noisy_label\n{rows}")).unwrap();
    let noise: Noise = serde_json::from_value(
        serde_json::json!({ "kind": "human", "file": file.path(), "missing": "error" }),
    )
    .unwrap();
    let input = NoiseInput::new(&tail.labels, &schema).with_items(pool.ids(), &[]);
    assert!(noise.apply(&input).unwrap().iter().all(|class| class.index() == 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Random content behind the first bytes of each kind.
    #[test]
    fn random_bytes_never_panic(kind in 0_usize..6, mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let starts: [&[u8]; 6] =
            [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM", b"GIF89a", b"RIFF\x40\0\0\0WEBPVP8 "];
        bytes.splice(..0, starts[kind].iter().copied());
        let image = Image::encoded("x", Some(0), bytes);
        if let Err(error) = image.decode() {
            let typed = matches!(error, DataError::Image { .. } | DataError::ImageSize { .. });
            prop_assert!(typed, "{}", error);
        }
    }

    /// A whole file with some bytes changed, or cut short.
    #[test]
    fn damaged_files_never_panic(
        kind in 0_usize..5,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        keep in any::<proptest::sample::Index>(),
    ) {
        let formats =
            [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::WebP];
        let picture = RgbImage::from_fn(16, 16, |x, y| Rgb([(x * y) as u8, x as u8 * 9, y as u8]));
        let picture = match formats[kind] {
            ImageFormat::Gif => DynamicImage::from(picture).to_rgba8().into(),
            _ => DynamicImage::from(picture),
        };
        let mut bytes = encode(picture, formats[kind]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(keep.index(bytes.len()) + 1);
        let image = Image::encoded("x", Some(0), bytes);
        if let Err(error) = image.decode() {
            let typed = matches!(error, DataError::Image { .. } | DataError::ImageSize { .. });
            prop_assert!(typed, "{}", error);
        }
    }

    /// The same for an archive.
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
