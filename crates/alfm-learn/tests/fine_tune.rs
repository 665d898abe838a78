//! Fits of tiny random encoders from beginning to end.

#![cfg(feature = "fine-tune")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use alfm_core::{ClassId, Digest, Matrix, SeedTree};
use alfm_embed::{
    BertEncoder, ImageEncoder, Items, Pictures, Prepared, TextEncoder, Trunk, VisionEncoder,
};
use alfm_learn::{FineTuneConfig, FineTuneError, FineTuned, ItemExamples};
use image::{Rgb, RgbImage};
use rayon::prelude::*;
use safetensors::SafeTensors;

const BERT: &str = "bert";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../alfm-embed/tests/golden").join(name)
}

fn trunk(name: &str) -> Trunk {
    Trunk::load(&folder(name), None).unwrap()
}

/// Even ones ask for something, odd ones tell of something.
const TEXTS: [&str; 8] = [
    "where is my parcel",
    "the refund never came",
    "who can help me please",
    "the parcels of last week",
    "where is my refund please",
    "last week the parcel came",
    "help me please",
    "the refunds of weeks",
];

fn labels() -> Vec<ClassId> {
    (0..TEXTS.len()).map(|row| ClassId::from_index(row % 2)).collect()
}

/// Fast settings: a few steps at a high rate.
fn config() -> FineTuneConfig {
    FineTuneConfig::default().with_epochs(4).with_batch_size(4).with_learning_rates(2e-3, 1e-2)
}

fn go_on(_: alfm_learn::FineTuneStep) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A fit of the tiny BERT without checkpoints.
fn fit(config: &FineTuneConfig, examples: &ItemExamples<'_>) -> FineTuned {
    let fit = config.check().unwrap();
    fit.fit(trunk(BERT), examples, &SeedTree::new(3), None, &mut go_on).unwrap()
}

/// Everything that a fit leaves, as bits.
fn bits(model: &FineTuned, items: &Prepared<'_>) -> Vec<u32> {
    let predicted = probabilities(model, items);
    let values = model.trunk().parameters().iter().flat_map(|parameter| &parameter.values);
    values.chain(predicted.view().values()).map(|value| value.to_bits()).collect()
}

fn probabilities(model: &FineTuned, items: &Prepared<'_>) -> Matrix {
    let rows: Vec<usize> = (0..items.count()).collect();
    model.predict(items, &rows, &mut |_, _| {}).unwrap()
}

fn apart(left: &Matrix, right: &Matrix) -> f32 {
    let pairs = left.view().values().iter().zip(right.view().values());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn correct(model: &FineTuned, items: &Prepared<'_>, labels: &[ClassId]) -> usize {
    let predicted = probabilities(model, items);
    let rows = predicted
        .view()
        .iter()
        .zip(labels)
        .filter(|(row, label)| row.iter().all(|p| *p <= row[label.index()]));
    rows.count()
}

/// A fit that gets all eight items right, at half of the first loss or less.
fn learned_to_the_last(name: &str, items: &Prepared<'_>, epochs: usize) -> FineTuned {
    let (labels, rows) = (labels(), [0, 1, 2, 3, 4, 5, 6, 7]);
    let examples = ItemExamples::new(items, &rows, &labels, &[1.0; 8], 2);
    let fit = config().with_epochs(epochs).check().unwrap();
    let model = fit.fit(trunk(name), &examples, &SeedTree::new(3), None, &mut go_on).unwrap();
    assert_eq!(correct(&model, items, &labels), 8, "{name}");
    let losses = &model.summary().training_losses;
    assert!(losses[epochs - 1] < 0.5 * losses[0], "{name}: {losses:?}");
    model
}

#[test]
fn texts_are_learned_to_the_last() {
    for name in [BERT, "distilbert", "mpnet", "roberta"] {
        let items = trunk(name).prepare(Items::Texts(&TEXTS)).unwrap();
        let model = learned_to_the_last(name, &items, 15);
        assert_eq!(model.summary().steps, 30);
    }
}

/// Reddish or bluish, with stripes of the other channel that differ from image to image.
fn striped() -> Vec<RgbImage> {
    let image = |row: u32| {
        RgbImage::from_fn(40, 36, |x, y| {
            let stripe = ((x + y) / (row + 2) % 2) as u8 * 90;
            if row.is_multiple_of(2) { Rgb([150, stripe, 90]) } else { Rgb([90, stripe, 150]) }
        })
    };
    (0..8).map(image).collect()
}

#[test]
fn images_are_learned_to_the_last() {
    let images = striped();
    let pictures = &images[..];
    for name in ["resnet-basic", "vit", "dinov2-gated", "timm-resnet-basic", "timm-vit"] {
        let name = &format!("images/{name}");
        let items = trunk(name).prepare(Items::Pictures(&pictures)).unwrap();
        learned_to_the_last(name, &items, 12);
    }
}

/// On the published SqueezeNet, whose sizes are fixed.
#[test]
fn a_squeezenet_is_learned_to_the_last() {
    let Some(snapshot) = snapshot("local--squeezenet1_1-imagenet-features") else {
        eprintln!("skipped: ALFM_HUB_DIR has no squeezenet1_1-imagenet-features");
        return;
    };
    let images = striped();
    let pictures = &images[..];
    let trunk = Trunk::load(&snapshot, Some(48)).unwrap();
    let items = trunk.prepare(Items::Pictures(&pictures)).unwrap();
    let (labels, rows) = (labels(), [0, 1, 2, 3, 4, 5, 6, 7]);
    let published = trunk.parameters().to_vec();
    let examples = ItemExamples::new(&items, &rows, &labels, &[1.0; 8], 2);
    let fit = config().with_epochs(15).with_learning_rates(1e-4, 1e-3).check().unwrap();
    let model = fit.fit(trunk, &examples, &SeedTree::new(3), None, &mut go_on).unwrap();
    let losses = &model.summary().training_losses;
    assert_eq!(correct(&model, &items, &labels), 8, "{losses:?}");
    assert!(losses[14] < 0.5 * losses[0], "{losses:?}");
    for (before, after) in published.iter().zip(model.trunk().parameters()) {
        assert_ne!(before.values, after.values, "{} was not trained", after.name);
    }
}

#[test]
fn a_weight_of_two_is_the_item_twice_and_a_certain_distribution_its_class() {
    let trunk = trunk(BERT);
    let items = trunk.prepare(Items::Texts(&TEXTS)).unwrap();
    let config = config().with_batch_size(8);
    let labels = labels();
    let weighted = ItemExamples::new(&items, &[0, 1, 2, 3], &labels[..4], &[2.0, 1.0, 1.0, 1.0], 2);
    let weighted = probabilities(&fit(&config, &weighted), &items);
    let twice_labels = [0, 1, 0, 1, 0].map(ClassId::new);
    let twice = ItemExamples::new(&items, &[0, 1, 2, 3, 0], &twice_labels, &[1.0; 5], 2);
    let twice = probabilities(&fit(&config, &twice), &items);
    assert!(apart(&weighted, &twice) < 1e-3, "{}", apart(&weighted, &twice));
    let soft = Matrix::from_rows(&[[1.0, 0.0], [0.0, 1.0]]).unwrap();
    let certain = ItemExamples::new(&items, &[0, 1, 2, 3], &labels[..2], &[2.0, 1.0, 1.0, 1.0], 2);
    let certain = probabilities(&fit(&config, &certain.with_soft(soft.view())), &items);
    assert!(apart(&weighted, &certain) < 1e-3, "{}", apart(&weighted, &certain));
    let plain = ItemExamples::new(&items, &[0, 1, 2, 3], &labels[..4], &[1.0; 4], 2);
    let plain = probabilities(&fit(&config, &plain), &items);
    assert!(apart(&weighted, &plain) > 1e-2, "{}", apart(&weighted, &plain));
    let unsure = Matrix::from_rows(&[[0.5, 0.5], [0.5, 0.5]]).unwrap();
    let mixed = ItemExamples::new(&items, &[0, 1, 2, 3], &labels[..2], &[2.0, 1.0, 1.0, 1.0], 2);
    let mixed = probabilities(&fit(&config, &mixed.with_soft(unsure.view())), &items);
    assert!(apart(&weighted, &mixed) > 1e-2, "{}", apart(&weighted, &mixed));
}

/// Three labels of class 0 and one of class 1: 4 / (2 * 3) and 4 / (2 * 1) a label.
#[test]
fn classes_weigh_the_same_whatever_their_counts() {
    let trunk = trunk(BERT);
    let items = trunk.prepare(Items::Texts(&TEXTS)).unwrap();
    let (labels, rows) = ([0, 1, 0, 0].map(ClassId::new), [0, 1, 2, 4]);
    let balanced = ItemExamples::new(&items, &rows, &labels, &[1.0; 4], 2);
    let balanced = probabilities(&fit(&config(), &balanced), &items);
    let (few, many) = (2.0 / 3.0, 2.0);
    let weights = [few, many, few, few];
    let by_hand = ItemExamples::new(&items, &rows, &labels, &weights, 2);
    let by_hand = probabilities(&fit(&config().with_balanced(false), &by_hand), &items);
    assert!(apart(&balanced, &by_hand) < 1e-3, "{}", apart(&balanced, &by_hand));
    let plain = ItemExamples::new(&items, &rows, &labels, &[1.0; 4], 2);
    let plain = probabilities(&fit(&config().with_balanced(false), &plain), &items);
    assert!(apart(&balanced, &plain) > 1e-2, "{}", apart(&balanced, &plain));
}

/// Labels of weight 1 + 1 + 2 and four classes, of which two were seen: 1 / (4 + 4) for each of the others.
#[test]
fn unseen_classes_follow_laplace() {
    let trunk = trunk(BERT);
    let items = trunk.prepare(Items::Texts(&TEXTS)).unwrap();
    let labels = [1, 3, 3].map(ClassId::new);
    let examples = ItemExamples::new(&items, &[0, 1, 3], &labels, &[1.0, 1.0, 2.0], 4);
    for row in probabilities(&fit(&config(), &examples), &items).view().iter() {
        assert_eq!([row[0], row[2]], [0.125; 2]);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}

#[test]
fn an_early_stop_goes_back_to_the_best_epoch() {
    let trunk = trunk(BERT);
    let items = trunk.prepare(Items::Texts(&TEXTS)).unwrap();
    // Every text has either label: what is learned of one is wrong of the other, when that is held out.
    let (labels, rows) = (labels(), [0, 0, 1, 1, 2, 2, 3, 3]);
    let examples = ItemExamples::new(&items, &rows, &labels, &[1.0; 8], 2);
    let config = config().with_epochs(40).with_learning_rates(1e-2, 3e-2).with_early_stop(3, 0.5);
    let home = tempfile::tempdir().unwrap();
    let fit = config.check().unwrap();
    let seed = SeedTree::new(1);
    let model = fit.fit(trunk, &examples, &seed, Some(home.path()), &mut go_on).unwrap();
    let losses = &model.summary().held_out_losses;
    let kept = model.summary().epoch;
    assert!(losses.iter().all(|loss| *loss >= losses[kept - 1]), "{losses:?}, epoch {kept}");
    assert_eq!(losses.len(), kept + 3, "{losses:?}, epoch {kept}");
    let best = Trunk::load(&home.path().join("best"), None).unwrap();
    assert_eq!(best.parameters(), model.trunk().parameters());
}

#[test]
fn a_killed_fit_goes_on_to_the_same_bytes() {
    let start = trunk(BERT);
    let items = start.prepare(Items::Texts(&TEXTS)).unwrap();
    let (labels, rows) = (labels(), [0, 1, 2, 3, 4, 5, 6, 7]);
    let examples = ItemExamples::new(&items, &rows, &labels, &[1.0; 8], 2);
    let fit = config().with_early_stop(4, 0.25).check().unwrap();
    let seed = SeedTree::new(3);
    let whole = fit.fit(trunk(BERT), &examples, &seed, None, &mut go_on).unwrap();
    let home = tempfile::tempdir().unwrap();
    // Two steps an epoch: killed in the middle of the third.
    let mut kill = |step: alfm_learn::FineTuneStep| {
        if step.step == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let killed = fit.fit(trunk(BERT), &examples, &seed, Some(home.path()), &mut kill);
    assert!(matches!(killed, Err(FineTuneError::Interrupted { step: 5 })));
    let mut first = None;
    let mut watch = |step: alfm_learn::FineTuneStep| {
        first.get_or_insert(step.step);
        ControlFlow::Continue(())
    };
    let resumed = fit.fit(trunk(BERT), &examples, &seed, Some(home.path()), &mut watch).unwrap();
    assert_eq!(first, Some(5));
    assert_eq!(bits(&resumed, &items), bits(&whole, &items));
    assert_eq!(resumed.summary(), whole.summary());
    // A third time there is nothing left to do.
    let mut never = |_| ControlFlow::Break(());
    let again = fit.fit(trunk(BERT), &examples, &seed, Some(home.path()), &mut never).unwrap();
    assert_eq!(bits(&again, &items), bits(&whole, &items));
}

/// Images that count how often one of them was asked for.
struct Counted<'a> {
    images: &'a [RgbImage],
    asked: AtomicUsize,
}

impl Pictures for Counted<'_> {
    fn count(&self) -> usize {
        self.images.len()
    }

    fn decode(&self, row: usize) -> Result<RgbImage, Box<dyn Error + Send + Sync>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.images.decode(row)
    }

    fn digest(&self, row: usize) -> Digest {
        self.images.digest(row)
    }
}

#[test]
fn a_resumed_fit_makes_no_head() {
    let images = striped();
    let pictures = Counted { images: &images, asked: AtomicUsize::new(0) };
    let start = trunk("images/vit");
    let items = start.prepare(Items::Pictures(&pictures)).unwrap();
    let (labels, rows) = (labels(), [0, 1, 2, 3, 4, 5, 6, 7]);
    let examples = ItemExamples::new(&items, &rows, &labels, &[1.0; 8], 2);
    let fit = config().with_epochs(2).check().unwrap();
    let home = tempfile::tempdir().unwrap();
    let run = || {
        let (trunk, seed) = (trunk("images/vit"), SeedTree::new(3));
        fit.fit(trunk, &examples, &seed, Some(home.path()), &mut go_on).unwrap()
    };
    run();
    // Once for the head, and once an epoch.
    assert_eq!(pictures.asked.swap(0, Ordering::Relaxed), 3 * 8);
    run();
    assert_eq!(pictures.asked.load(Ordering::Relaxed), 0);
}

#[test]
fn a_checkpoint_of_another_fit_or_a_broken_one_is_refused() {
    let start = trunk(BERT);
    let items = start.prepare(Items::Texts(&TEXTS)).unwrap();
    let labels = labels();
    let examples = ItemExamples::new(&items, &[0, 1], &labels[..2], &[1.0; 2], 2);
    let home = tempfile::tempdir().unwrap();
    let fit = |config: FineTuneConfig, seed: u64| {
        let fit = config.check().unwrap();
        let seed = SeedTree::new(seed);
        fit.fit(trunk(BERT), &examples, &seed, Some(home.path()), &mut go_on).err()
    };
    assert!(fit(config(), 0).is_none());
    assert!(matches!(fit(config(), 1), Some(FineTuneError::OtherFit { .. })));
    assert!(matches!(fit(config().with_epochs(2), 0), Some(FineTuneError::OtherFit { .. })));
    let last = home.path().join("last.safetensors");
    let bytes = std::fs::read(&last).unwrap();
    std::fs::write(&last, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(fit(config(), 0), Some(FineTuneError::BrokenCheckpoint { .. })));
}

#[test]
fn what_is_saved_is_an_ordinary_encoder() {
    let model = {
        let trunk = trunk(BERT);
        let items = trunk.prepare(Items::Texts(&TEXTS)).unwrap();
        let labels = labels();
        let examples = ItemExamples::new(&items, &[0, 1, 2], &labels[..3], &[1.0; 3], 2);
        fit(&config(), &examples)
    };
    let home = tempfile::tempdir().unwrap();
    model.trunk().save(home.path()).unwrap();
    let items = model.trunk().prepare(Items::Texts(&TEXTS)).unwrap();
    let own = model.trunk().encode(&items, &[0, 1, 2, 3, 4, 5, 6, 7], &mut |_, _| {}).unwrap();
    let encoder = BertEncoder::load(home.path()).unwrap();
    assert_eq!(encoder.encode(&TEXTS, &mut |_, _| {}).unwrap(), own);
    let published = BertEncoder::load(&folder(BERT)).unwrap();
    assert_ne!(published.encode(&TEXTS, &mut |_, _| {}).unwrap(), own);
}

/// The published weights, read, held and written again, are the same encoder, whatever the architecture.
#[test]
fn every_architecture_of_images_survives_the_way_through_a_trunk() {
    let images: Vec<RgbImage> = ["wide.png", "tall.png"]
        .iter()
        .map(|name| image::open(folder("images").join(name)).unwrap().into_rgb8())
        .collect();
    let pictures = &images[..];
    for name in [
        "vit",
        "dinov2",
        "dinov2-gated",
        "clip",
        "siglip",
        "resnet-basic",
        "resnet-bottleneck",
        "timm-vit",
        "timm-clip",
        "timm-dinov2",
        "timm-registers",
        "timm-resnet-basic",
        "timm-resnet-bottleneck",
    ] {
        let published = folder("images").join(name);
        let trunk = Trunk::load(&published, None).unwrap();
        let home = tempfile::tempdir().unwrap();
        trunk.save(home.path()).unwrap();
        let (before, after) = (tensor_names(&published), tensor_names(home.path()));
        assert!(after.is_subset(&before), "{name}: {after:?}");
        let items = trunk.prepare(Items::Pictures(&pictures)).unwrap();
        let own = trunk.encode(&items, &[1, 0], &mut |_, _| {}).unwrap();
        let trained = trunk.forward(&items, &[1, 0]).unwrap().features();
        for folder in [home.path(), &published] {
            let encoder = VisionEncoder::load(folder, None).unwrap();
            let embeddings = encoder.encode(&pictures, &mut |_, _| {}).unwrap();
            assert_eq!(embeddings.view().gather([1, 0]), own, "{name}");
        }
        for (a, b) in trained.iter().zip(own.view().values()) {
            assert!((a - b).abs() < 1e-4, "{name}: {a}, {b}");
        }
    }
}

fn tensor_names(folder: &Path) -> BTreeSet<String> {
    let file = std::fs::read(folder.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    tensors.names().into_iter().map(str::to_owned).collect()
}

#[test]
fn bad_examples_and_a_diverging_fit_are_named() {
    let start = trunk(BERT);
    let items = start.prepare(Items::Texts(&TEXTS)).unwrap();
    let labels = labels();
    let attempt = |config: FineTuneConfig, examples: ItemExamples<'_>| {
        let fit = config.check().unwrap();
        let error = fit.fit(trunk(BERT), &examples, &SeedTree::new(0), None, &mut go_on).err();
        error.unwrap().to_string()
    };
    let of = |rows, weights| ItemExamples::new(&items, rows, &labels[..2], weights, 2);
    let error = attempt(config(), of(&[0, 8], &[1.0; 2]));
    assert!(error.starts_with("an example is item 8, but there are 8 items"), "{error}");
    let error = attempt(config(), of(&[0, 1, 2], &[1.0; 3]));
    assert!(error.contains("labels"), "{error}");
    let error = attempt(config(), of(&[0, 1], &[0.0; 2]));
    assert!(error.starts_with("none of the 2 examples has a weight"), "{error}");
    let wild = config().with_learning_rates(1e30, 1e30);
    let error = attempt(wild, of(&[0, 1], &[1.0; 2]));
    assert!(error.starts_with("training diverged at step"), "{error}");
    let none: &[RgbImage] = &[];
    let error = start.prepare(Items::Pictures(&none)).err().unwrap().to_string();
    assert!(error.contains("takes texts, but was given images"), "{error}");
}

/// On the published MiniLM, whose matrices are large enough for several threads.
#[test]
fn the_number_of_threads_changes_nothing() {
    let Some(snapshot) = snapshot("sentence-transformers--all-MiniLM-L6-v2") else {
        eprintln!("skipped: ALFM_HUB_DIR has no all-MiniLM-L6-v2");
        return;
    };
    let texts: Vec<String> =
        (0..16).map(|row| format!("{} {}", TEXTS[row % 8], TEXTS[row / 2]).repeat(3)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let labels: Vec<ClassId> = (0..16).map(|row| ClassId::from_index(row % 2)).collect();
    let rows: Vec<usize> = (0..16).collect();
    let fit = || {
        let trunk = Trunk::load(&snapshot, None).unwrap();
        let items = trunk.prepare(Items::Texts(&texts)).unwrap();
        let examples = ItemExamples::new(&items, &rows, &labels, &[1.0; 16], 2);
        let fit = FineTuneConfig::default().with_epochs(2).check().unwrap();
        let model = fit.fit(trunk, &examples, &SeedTree::new(0), None, &mut go_on).unwrap();
        bits(&model, &items)
    };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(fit);
    for threads in [3, 8] {
        assert!(one == pool(threads).install(fit), "{threads} threads");
    }
    // Several fits at once, as experiments run them.
    let fits = || (0..3).into_par_iter().map(|_| fit()).collect::<Vec<_>>();
    assert!(pool(2).install(fits).iter().all(|bits| *bits == one));
}

/// A published model's folder.
fn snapshot(model: &str) -> Option<PathBuf> {
    let hub = PathBuf::from(std::env::var_os("ALFM_HUB_DIR")?);
    let mut folders = std::fs::read_dir(hub.join(format!("models--{model}/snapshots"))).ok()?;
    Some(folders.next()?.ok()?.path())
}
