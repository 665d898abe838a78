//! Labels that people gave, from real files, and simulations on images.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use alfm_core::{ClassId, ClassSchema, ErrorKind, SampleId, SeedTree};
use alfm_data::arrays::{ArraySpec, read_labels};
use alfm_data::{ClassEntry, Columns, Dataset, Hub, Image, Items, Split};
use alfm_fixtures::skip;
use alfm_lab::simulate::{Imbalance, LabelColumns, Missing, Noise, NoiseInput};

/// The hub cache that the environment names, offline; `None`, said aloud, if it names none.
fn mirror() -> Option<Hub> {
    let named = ["ALFM_HUB_DIR", "HF_HOME"].iter().any(|name| std::env::var_os(name).is_some());
    if !named {
        skip("data", "neither ALFM_HUB_DIR nor HF_HOME names a hub cache");
        return None;
    }
    Some(Hub::from_env().unwrap().with_offline(true))
}

/// A file beside the hub cache; `None`, said aloud, if it is not there.
fn beside(hub: &Hub, file: &str) -> Option<PathBuf> {
    let path = hub.cache().parent().unwrap().join(file);
    if path.is_file() {
        return Some(path);
    }
    skip("data", format!("{file} is not beside the hub cache"));
    None
}

/// The dataset, if the mirror has its files.
fn load(name: &str) -> Option<Dataset> {
    match Dataset::load(name, &mirror()?) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skip("data", error);
            None
        }
        loaded => Some(loaded.unwrap()),
    }
}

/// 19.8 % of the human labels of NoisyAG-News are wrong; the pool is what the file covers.
#[test]
fn human_labels_of_news_texts() {
    let Some(data) = load("ag-news") else { return };
    let Some(file) =
        beside(&mirror().unwrap(), "noise/ag_news/noisyag_news_human_mid_10000.parquet")
    else {
        return;
    };
    let train = data.split("train").unwrap();
    let texts: Vec<&str> = train.texts().unwrap().iter().map(String::as_str).collect();
    let clean = train.all_labels().unwrap();
    let labels = |missing| {
        let noise = Noise::Human {
            file: file.clone(),
            key: None,
            label: LabelColumns::default(),
            clean: Some("label".to_owned()),
            missing,
        };
        noise.apply(&NoiseInput::new(&clean, data.schema()).with_items(train.ids(), &texts))
    };
    let error = labels(Missing::Error).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("of 24985 items"), "{message}");
    let missing = message.split(' ').find_map(|word| word.parse::<usize>().ok()).unwrap();
    let noisy = labels(Missing::Clean).unwrap();
    let covered = 24_985 - missing;
    let wrong = clean.iter().zip(&noisy).filter(|(a, b)| a != b).count();
    assert!((9_900..=10_000).contains(&covered), "{covered}");
    let rate = wrong as f64 / covered as f64;
    assert!((rate - 0.198).abs() < 0.003, "{rate}");
}

/// Three people on 4000 news texts, 1216 of them with a known class: counts by pandas from the same file.
#[test]
fn three_annotators_and_their_majority() {
    let Some(hub) = mirror() else { return };
    let Some(file) = beside(&hub, "noise/ag_news/noisyag_news_3annotators_4000.parquet") else {
        return;
    };
    let classes = ["World", "Sports", "Business", "Sci/Tech"].map(ClassEntry::named);
    let columns = Columns::default().with_id("sample_index");
    let data = Dataset::from_file(&file, &columns, Some(&classes)).unwrap();
    let all = data.split("all").unwrap();
    let known: Vec<usize> = (0..4000).filter(|row| all.labels()[*row].is_some()).collect();
    let pool = all.subset(&known).unwrap();
    let (clean, texts) = (pool.all_labels().unwrap(), vec![""; pool.len()]);
    let wrong = |columns: &[&str]| {
        let noise = Noise::Human {
            file: file.clone(),
            key: Some("sample_index".to_owned()),
            label: LabelColumns::Majority(columns.iter().map(ToString::to_string).collect()),
            clean: Some("label".to_owned()),
            missing: Missing::Error,
        };
        let input = NoiseInput::new(&clean, data.schema()).with_items(pool.ids(), &texts);
        let noisy = noise.apply(&input).unwrap();
        clean.iter().zip(&noisy).filter(|(a, b)| a != b).count()
    };
    assert_eq!(pool.len(), 1216);
    let each = [1, 2, 3].map(|person| wrong(&[&format!("annotator_{person}")]));
    assert_eq!(each, [267, 261, 273]);
    assert_eq!(wrong(&["annotator_1", "annotator_2", "annotator_3"]), 239);
}

/// CIFAR-10N and CIFAR-100N (Wei et al. 2022): wrong labels, within 0.02 % of the published 9.03, 17.23, 18.12, 17.64,
/// 40.21 and 40.20 %, and labels of the first classes, counted by numpy.
#[test]
fn human_labels_of_cifar_by_row() {
    let Some(hub) = mirror() else { return };
    let cases = [
        ("10", "aggre_label", 4505, [5314, 5509, 5407]),
        ("10", "random_label1", 8617, [5021, 5558, 5146]),
        ("10", "random_label2", 9061, [5074, 5497, 5199]),
        ("10", "random_label3", 8820, [5087, 5518, 5223]),
        ("10", "worse_label", 20_104, [5309, 6053, 5342]),
        ("100", "noisy_label", 20_100, [572, 611, 484]),
    ];
    for (classes, key, expected, first) in cases {
        let Some(file) = beside(&hub, &format!("noise/cifar{classes}n/cifar{classes}n_labels.npz"))
        else {
            return;
        };
        let array = |key: &str| ArraySpec::Npz { path: file.clone(), key: key.to_owned() };
        let clean = read_labels(&array("clean_label")).unwrap();
        let clean: Vec<ClassId> = clean.into_iter().flatten().collect();
        assert_eq!(clean.len(), 50_000);
        let schema = ClassSchema::numbered(classes.parse().unwrap()).unwrap();
        let noise = Noise::HumanRows {
            labels: array(key),
            clean: Some(array("clean_label")),
            missing: Missing::Error,
        };
        let rows: Vec<usize> = (0..50_000).collect();
        let input = NoiseInput::new(&clean, &schema);
        let noisy = noise.apply(&input.with_rows(&rows, 50_000)).unwrap();
        let wrong = clean.iter().zip(&noisy).filter(|(a, b)| a != b).count();
        assert_eq!(wrong, expected, "{key}");
        let count = |class| noisy.iter().filter(|label| label.index() == class).count();
        assert_eq!([0, 1, 2].map(count), first, "{key}");
        // Rows in another order than the data set's.
        let reversed: Vec<usize> = rows.into_iter().rev().collect();
        let error = noise.apply(&input.with_rows(&reversed, 50_000)).unwrap_err();
        assert!(error.to_string().contains("of 50000 items, the first is"), "{error}");
    }
}

/// CIFAR-10 with people's labels: the rows of the data set are those of CIFAR-10N, also after merging.
#[test]
fn people_s_labels_fit_the_images_of_cifar10() {
    let Some(data) = load("cifar10") else { return };
    let Some(file) = beside(&mirror().unwrap(), "noise/cifar10n/cifar10n_labels.npz") else {
        return;
    };
    let train = data.split("train").unwrap();
    let labels = train.all_labels().unwrap();
    let made = Imbalance::merge(2).apply(&labels, data.schema(), &SeedTree::new(1)).unwrap();
    assert_eq!(made.counts, [5000, 45_000]);
    let array = |key: &str| ArraySpec::Npz { path: file.clone(), key: key.to_owned() };
    let noise = Noise::HumanRows {
        labels: array("worse_label"),
        clean: Some(array("clean_label")),
        missing: Missing::Error,
    };
    let input = NoiseInput::new(&made.labels, &made.schema)
        .with_rows(&made.kept, train.len())
        .with_merge(data.schema(), &made.class_map);
    let noisy = noise.apply(&input).unwrap();
    assert_eq!(noisy.iter().filter(|label| label.index() == 0).count(), 5309);
}

/// Merging, tails and noise look at labels only; people's labels are found by id.
#[test]
fn simulation_works_on_images() {
    let image = |row: usize| Image::pixels("x", Some(row), (1, 1), vec![row as u8]).unwrap();
    let ids: Vec<SampleId> = (0..60).map(|row| format!("i{row}").into()).collect();
    let labels = (0..60).map(|row| Some(ClassId::from_index(row % 3))).collect();
    let split = Split::new(ids, Items::Images((0..60).map(image).collect()), labels).unwrap();
    let schema = ClassSchema::numbered(3).unwrap();
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
