//! Fits of tiny random encoders from beginning to end.

#![cfg(feature = "fine-tune")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checkpoints;
mod learning;
mod weights;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use alfm_core::{ClassId, Probabilities, SeedTree};
use alfm_embed::{Prepared, Trunk};
use alfm_learn::{FineTuneConfig, FineTuned, ItemExamples};
use image::{Rgb, RgbImage};

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

fn probabilities(model: &FineTuned, items: &Prepared<'_>) -> Probabilities {
    let rows: Vec<usize> = (0..items.count()).collect();
    model.predict(items, &rows, &mut |_, _| {}).unwrap()
}

fn apart(left: &Probabilities, right: &Probabilities) -> f32 {
    let pairs = left.view().values().iter().zip(right.view().values());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
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
