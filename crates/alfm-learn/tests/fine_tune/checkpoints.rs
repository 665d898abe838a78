//! What is written, and where a fit goes on from.

use std::collections::BTreeSet;
use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use alfm_core::{Digest, SeedTree};
use alfm_embed::{BertEncoder, ImageEncoder, Items, Pictures, TextEncoder, Trunk, VisionEncoder};
use alfm_learn::{ErrorKind, FineTuneConfig, ItemExamples};
use image::RgbImage;
use safetensors::SafeTensors;

use crate::{BERT, TEXTS, bits, config, fit, folder, go_on, labels, striped, trunk};

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
    let killed = killed.err().unwrap();
    assert_eq!(killed.kind(), ErrorKind::Stopped);
    assert!(killed.to_string().starts_with("training was interrupted after step 5: "), "{killed}");
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
    let refused = |config, seed, expected: &str| {
        let error = fit(config, seed).unwrap();
        assert!(error.path().is_some_and(|path| path.ends_with("last.safetensors")), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    };
    assert!(fit(config(), 0).is_none());
    let other = "the checkpoint belongs to a fit with other examples, settings, seed or encoder";
    refused(config(), 1, other);
    refused(config().with_epochs(2), 0, other);
    let last = home.path().join("last.safetensors");
    let bytes = std::fs::read(&last).unwrap();
    std::fs::write(&last, &bytes[..bytes.len() / 2]).unwrap();
    refused(config(), 0, "the checkpoint cannot be used (");
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
