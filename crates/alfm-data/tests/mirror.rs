//! Known datasets as a hub cache holds them. Every test is skipped, and says so, where its files are absent.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use alfm_core::{ClassId, SampleId, SeedTree};
use alfm_data::{
    ClassEntry, Columns, Dataset, ErrorKind, Hub, Manifest, RepoId, Source, catalog, subset,
};

use alfm_fixtures::{beside_hub, skip};
use common::mirror;

fn manifest(name: &str) -> &'static Manifest {
    catalog().iter().find(|manifest| manifest.name == name).unwrap()
}

/// The dataset, if the mirror has its files.
fn load(name: &str) -> Option<Dataset> {
    let hub = mirror()?;
    match Dataset::load(name, &hub) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skip("data", error);
            None
        }
        loaded => Some(loaded.unwrap()),
    }
}

#[test]
fn splits_have_their_published_sizes_and_first_texts() {
    let cases = [
        ("trec", "train", 5452, "How did serfdom develop in and then leave Russia ?"),
        ("trec", "test", 500, "How far is it from Denver to Aspen ?"),
        ("trec-fine", "train", 5452, "How did serfdom develop in and then leave Russia ?"),
        ("ag-news", "test", 7600, "Fears for T N pension after talks"),
        ("sst2", "train", 67_349, "hide new secretions from the parental units "),
        ("banking77", "train", 10_003, "I am still waiting on my card?"),
        ("banking77", "test", 3080, "How do I locate my card?"),
    ];
    for (name, split, size, first) in cases {
        let Some(data) = load(name) else { continue };
        let read = data.split(split).unwrap();
        assert_eq!(read.len(), size, "{name} {split}");
        assert!(
            read.texts().unwrap()[0].starts_with(first),
            "{name}: {}",
            read.texts().unwrap()[0]
        );
        assert_eq!(read.ids()[17], SampleId::from(format!("{split}/17")));
        assert_eq!(data.schema().len(), data.manifest().classes.len());
    }
}

/// The class names against the labels of the original file, which spells them out.
#[test]
fn trec_classes_are_in_the_order_of_the_original_labels() {
    let (Some(coarse), Some(fine)) = (load("trec"), load("trec-fine")) else { return };
    let hub = mirror().unwrap();
    let repo = RepoId::dataset("CogComp/trec").unwrap();
    let Some(original) = hub.cached(&repo, "main", "train_5500.label") else {
        skip("data", "the original label file is not in the mirror");
        return;
    };
    let original = std::fs::read(original).unwrap();
    let original = original.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let name = |data: &Dataset, row: usize| {
        let label = data.split("train").unwrap().labels()[row].unwrap();
        data.schema().name(label).unwrap().to_owned()
    };
    let mut rows = 0;
    for (row, line) in original.enumerate() {
        let label = line.split(|&byte| byte == b' ').next().unwrap();
        let label = std::str::from_utf8(label).unwrap();
        assert_eq!(name(&fine, row), label, "row {row}");
        assert_eq!(name(&coarse, row), label.split(':').next().unwrap(), "row {row}");
        rows += 1;
    }
    assert_eq!(rows, 5452);
}

#[test]
fn labels_of_minus_one_mean_unlabelled() {
    let Some(data) = load("sst2") else { return };
    let test = data.split("test").unwrap();
    assert_eq!(test.labels(), vec![None; 1821]);
    let error = test.all_labels().unwrap_err();
    assert!(error.to_string().starts_with("item `test/0` has no label"), "{error}");
}

#[test]
fn counts_that_differ_from_the_manifest_are_an_error() {
    if load("trec").is_none() {
        return;
    }
    let mut wrong = manifest("trec").clone();
    wrong.splits.get_mut("test").unwrap().counts[3] = 66;
    let message = Dataset::from_manifest(&wrong, &mirror().unwrap()).unwrap_err().to_string();
    assert!(message.contains("split `test`: 65 items of class `HUM`, expected 66"), "{message}");
}

/// The same file under a revision that no manifest knows: the published counts hold, and 24,985 are not 120,000.
#[test]
fn an_unknown_revision_is_checked_against_the_published_counts() {
    if load("ag-news").is_none() {
        return;
    }
    let mut other = manifest("ag-news").clone();
    other.revisions.clear();
    let error = Dataset::from_manifest(&other, &mirror().unwrap()).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("6315 items of class ") && error.contains("expected 30000"), "{error}");
}

#[test]
fn a_truncated_parquet_file_is_an_error_that_names_it() {
    let Some(hub) = mirror() else { return };
    let manifest = manifest("trec");
    let Source::Hub { repo, revision } = &manifest.source else { panic!("trec is on the hub") };
    let repo = RepoId::dataset(repo).unwrap();
    let Some(good) = hub.cached(&repo, revision, &manifest.splits["test"].file) else {
        skip("data", "TREC is not in the mirror");
        return;
    };
    let content = std::fs::read(good).unwrap();
    for keep in [0, 3, content.len() / 2, content.len() - 1] {
        let cache = tempfile::tempdir().unwrap();
        let hub = Hub::new(cache.path()).with_offline(true);
        let folder = cache.path().join(repo.folder()).join("snapshots").join(revision);
        for split in manifest.splits.values() {
            let path = folder.join(&split.file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &content[..keep]).unwrap();
        }
        let error = Dataset::load("trec", &hub).unwrap_err();
        let expected =
            "0000.parquet: not a readable parquet file: it may be truncated, fetch it again";
        assert!(error.to_string().ends_with(expected), "{keep} bytes: {error}");
    }
}

#[test]
fn the_encoder_is_found() {
    let Some(hub) = mirror() else { return };
    match hub.model("sentence-transformers/all-MiniLM-L6-v2") {
        Err(error) if error.kind() == ErrorKind::NotFound => skip("data", error),
        model => {
            let model = model.unwrap();
            assert_eq!(model.revision, "c9745ed1d9f207416be6d2e6f8de32d1f16199bf");
            for file in ["config.json", "1_Pooling/config.json", "sentence_bert_config.json"] {
                assert!(model.folder.join(file).is_file(), "{file}");
            }
        }
    }
    let message = hub.model("nobody/nothing").unwrap_err().to_string();
    assert!(message.contains("model nobody/nothing has no `config.json`"), "{message}");
    assert!(message.contains("alfm embed --model nobody/nothing"), "{message}");
}

/// 20 Newsgroups has no texts in the mirror: here its files have made-up texts, real counts and empty ones.
#[test]
fn newsgroups_in_their_published_form() {
    let manifest = manifest("20-newsgroups");
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("datasets--SetFit--20_newsgroups");
    std::fs::create_dir_all(folder.join("snapshots/r1")).unwrap();
    std::fs::create_dir_all(folder.join("refs")).unwrap();
    std::fs::write(folder.join("refs/main"), "r1\n").unwrap();
    for split in manifest.splits.values() {
        let mut lines = String::new();
        for (label, &count) in split.counts.iter().enumerate() {
            for row in 0..count {
                let text = if row % 50 == 0 { String::new() } else { format!("post {row}") };
                let name = &manifest.classes[label].name;
                lines += &format!(
                    "{{\"text\":\"{text}\",\"label\":{label},\"label_text\":\"{name}\"}}\n"
                );
            }
        }
        std::fs::write(folder.join("snapshots/r1").join(&split.file), lines).unwrap();
    }
    let hub = Hub::new(cache.path()).with_offline(true);
    let data = Dataset::load("20-newsgroups", &hub).unwrap();
    assert_eq!(data.revision(), "r1");
    let train = data.split("train").unwrap();
    assert_eq!(train.len(), 11_314);
    assert_eq!(
        (train.texts().unwrap()[0].as_str(), train.texts().unwrap()[1].as_str()),
        ("", "post 1")
    );
    assert_eq!(train.labels()[11_313], Some(ClassId::new(19)));
    assert!(Path::new(hub.cache()).is_dir());
}

#[test]
fn an_absent_dataset_says_how_to_get_it() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(cache.path()).with_offline(true);
    let message = Dataset::load("20-newsgroups", &hub).unwrap_err().to_string();
    for part in ["dataset SetFit/20_newsgroups", "`alfm data get 20-newsgroups`", "offline"] {
        assert!(message.contains(part), "{part} is missing in: {message}");
    }
    let message = Dataset::load("trecc", &hub).unwrap_err().to_string();
    assert!(message.contains("known are 20-newsgroups, ag-news"), "{message}");
}

/// First images and labels by Pillow and pandas from the same files: size, mode there, label.
#[test]
fn images_of_the_hub_have_their_published_sizes() {
    let cases = [
        ("cifar10", "train", 50_000, 32, [6, 9, 9]),
        ("cifar10", "test", 10_000, 32, [3, 8, 8]),
        ("tiny-imagenet", "train", 20_000, 64, [191, 49, 166]),
        ("tiny-imagenet", "valid", 10_000, 64, [107, 139, 140]),
    ];
    for (name, split, size, side, labels) in cases {
        let Some(data) = load(name) else { continue };
        let read = data.split(split).unwrap();
        assert_eq!(read.len(), size, "{name} {split}");
        let first: Vec<usize> =
            read.labels()[..3].iter().map(|label| label.unwrap().index()).collect();
        assert_eq!(first, labels, "{name} {split}");
        for image in &read.images().unwrap()[..50] {
            assert_eq!(image.decode().unwrap().dimensions(), (side, side), "{image}");
        }
        assert_eq!(data.manifest().classes[0].prompts.len(), 1);
        assert!(data.manifest().classes[0].prompts[0].starts_with("a photo of a "));
    }
}

/// Every image of the validation split can be read. Of the first 1000, 18 are stored grey and 2 more look it: rows by
/// Pillow.
#[test]
fn grey_images_of_tiny_imagenet_become_rgb() {
    let Some(data) = load("tiny-imagenet") else { return };
    let valid = data.split("valid").unwrap();
    assert!(valid.unreadable().is_empty());
    let grey = |image: &alfm_data::Image| {
        image.decode().unwrap().pixels().all(|pixel| pixel.0 == [pixel.0[0]; 3])
    };
    let images = valid.images().unwrap();
    let found: Vec<usize> = (0..1000).filter(|row| grey(&images[*row])).collect();
    assert_eq!(
        found,
        [
            10, 95, 116, 157, 197, 227, 246, 303, 319, 326, 333, 365, 396, 455, 532, 643, 646, 652,
            805, 904
        ]
    );
}

/// Lossless copies of the first test images, pixel by pixel: sums of R, G and B over the first two by Pillow.
#[test]
fn lossless_pixels_are_those_of_pillow() {
    let Some(file) = beside_hub("extra/cifar10_lossless/test-first-500.parquet") else { return };
    let columns = Columns::default().with_image("img");
    let data = Dataset::from_file(&file, &columns, None).unwrap();
    let all = data.split("all").unwrap();
    assert_eq!(all.class_counts(10), [57, 41, 51, 49, 40, 48, 54, 47, 57, 56]);
    let sums = |row: usize| {
        let image = all.images().unwrap()[row].decode().unwrap();
        image.pixels().fold([0_u64; 3], |sums, pixel| {
            std::array::from_fn(|channel| sums[channel] + u64::from(pixel.0[channel]))
        })
    };
    assert_eq!([sums(0), sums(1)], [[112665, 113426, 106871], [154250, 157831, 164418]]);
}

/// The one member of MedMNIST that is at hand, where a hub cache would have it.
#[test]
fn pneumonia_images_of_medmnist() {
    let Some(file) = beside_hub("medmnist/pneumoniamnist.npz") else {
        return;
    };
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("datasets--albertvillanova--medmnist-v2/snapshots/main/data");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(file, folder.join("pneumoniamnist.npz")).unwrap();
    let hub = Hub::new(cache.path()).with_offline(true);
    let data = Dataset::load("pneumoniamnist", &hub).unwrap();
    let val = data.split("val").unwrap();
    assert_eq!(val.class_counts(2), [135, 389]);
    let image = val.images().unwrap()[0].decode().unwrap();
    assert_eq!(image.dimensions(), (28, 28));
    let sum: u64 = image.pixels().map(|pixel| u64::from(pixel.0[0])).sum();
    assert_eq!(sum, 100_369);
    assert_eq!(data.manifest().fetch(&hub).unwrap().len(), 1);
}

/// HAM10000 at 8 x 8: 10,015 images of 7,470 lesions, divided by lesion.
#[test]
fn lesions_are_not_divided() {
    let Some(file) = beside_hub("extra/ham10000_8x8/hmnist_8_8_L.npz") else { return };
    let classes = ["akiec", "bcc", "bkl", "df", "nv", "vasc", "mel"].map(ClassEntry::named);
    let columns = Columns::default().with_image("images").with_label("labels");
    let data = Dataset::from_file(&file, &columns, Some(&classes)).unwrap();
    let all = data.split("all").unwrap();
    assert_eq!(all.class_counts(7), [327, 514, 1099, 115, 6705, 142, 1113]);
    assert!(all.unreadable().is_empty());

    let mut archive = npyz::npz::NpzArchive::open(&file).unwrap();
    let lesions = archive.by_name("lesion_id").unwrap().unwrap();
    let lesions: Vec<String> = lesions.into_vec().unwrap();
    let labels = all.all_labels().unwrap();
    let pool = subset::grouped(&labels, &lesions, 7, 8000, &SeedTree::new(0));
    let test = subset::rest(all.len(), &pool);
    assert!((7990..=8000).contains(&pool.len()), "{}", pool.len());
    let of = |rows: &[usize]| rows.iter().map(|row| &lesions[*row]).collect::<BTreeSet<_>>();
    assert!(of(&pool).is_disjoint(&of(&test)));
    assert_eq!(of(&pool).len() + of(&test).len(), 7470);
    let pool = all.subset(&pool).unwrap().class_counts(7);
    for (kept, count) in pool.iter().zip(all.class_counts(7)) {
        let share = count as f64 * 8000.0 / 10_015.0;
        assert!((*kept as f64 - share).abs() < 4.0, "{kept} of {count}, not {share}");
    }
}
