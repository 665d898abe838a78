//! SqueezeNet 1.1 with its real weights, on the lossless part of CIFAR-10; skipped where they are not there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs::File;
use std::path::Path;

use alfm_core::Matrix;
use alfm_embed::{ImageEncoder, VisionEncoder};
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use image::RgbImage;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The first `count` images and their labels.
fn read(path: &Path, count: usize) -> (Vec<RgbImage>, Vec<usize>) {
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let image = batch.column_by_name("img").unwrap().as_struct();
        let bytes = image.column_by_name("bytes").unwrap().as_binary::<i32>();
        let label = batch.column_by_name("label").unwrap().as_primitive::<Int64Type>();
        for row in 0..bytes.len() {
            images.push(image::load_from_memory(bytes.value(row)).unwrap().to_rgb8());
            labels.push(usize::try_from(label.value(row)).unwrap());
        }
    }
    images.truncate(count);
    labels.truncate(count);
    (images, labels)
}

/// The share of rows whose ten nearest neighbours vote for the right class.
fn ten_nearest(train: &Matrix, labels: &[usize], test: &Matrix, truth: &[usize]) -> f64 {
    let distance =
        |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum() };
    let right = test.view().iter().zip(truth).filter(|(row, class)| {
        let mut near: Vec<(f32, usize)> = train
            .view()
            .iter()
            .zip(labels)
            .map(|(other, label)| (distance(row, other), *label))
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut votes = [0; 10];
        near[..10].iter().for_each(|(_, label)| votes[*label] += 1);
        // The first of the classes with most votes.
        (0..10).max_by_key(|class| (votes[*class], 10 - class)) == Some(**class)
    });
    right.count() as f64 / truth.len() as f64
}

/// The data's own notes say 64 %; 300 images leave a standard error of 2.8.
#[test]
fn ten_neighbours_of_real_features_are_right_as_often_as_the_data_notes_say() {
    let Some(hub) = common::hub() else {
        eprintln!("skipped: neither ALFM_HUB_DIR nor HF_HOME is set");
        return;
    };
    let model =
        hub.join("models--local--squeezenet1_1-imagenet-features/snapshots/local-squeezenet-v1");
    let lossless = hub.join("../extra/cifar10_lossless");
    if !model.exists() || !lossless.exists() {
        eprintln!("skipped: {} or {} is not there", model.display(), lossless.display());
        return;
    }
    let encoder = VisionEncoder::load(&model, Some(128)).unwrap();
    let embed = |images: &[RgbImage]| encoder.encode(&images, &mut |_, _| {}).unwrap();
    let (train, labels) = read(&lossless.join("train-first-4000.parquet"), 1500);
    let (test, truth) = read(&lossless.join("test-first-500.parquet"), 300);
    let accuracy = ten_nearest(&embed(&train), &labels, &embed(&test), &truth);
    eprintln!("10 nearest neighbours: {:.1} %", 100.0 * accuracy);
    assert!((0.61..0.67).contains(&accuracy), "{accuracy}");
}
