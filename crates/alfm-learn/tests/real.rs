//! Real predictions and embeddings, where the mirror has them: `priors/` beside the hub folder of `ALFM_HUB_DIR`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use alfm_core::{ClassId, Matrix, Probabilities, SeedTree};
use alfm_fixtures::beside_hub;
use alfm_learn::{Examples, LabelQuality, Learner, LogisticRegressionConfig, out_of_fold};
use half::f16;
use rand::RngExt;

/// The folder, or `None` after saying what is missing.
fn folder() -> Option<PathBuf> {
    beside_hub("priors/cifar10")
}

fn labels(path: &Path) -> Vec<ClassId> {
    let bytes = std::fs::read(path).unwrap();
    let labels: Vec<i64> = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap();
    labels.into_iter().map(|label| ClassId::from_index(usize::try_from(label).unwrap())).collect()
}

/// Half precision rows, normalised again: rounding moved their sums.
fn half_rows(path: &Path, rows: usize, columns: usize) -> Matrix {
    let bytes = std::fs::read(path).unwrap();
    let (pairs, _) = bytes[bytes.len() - rows * columns * 2..].as_chunks::<2>();
    let mut values: Vec<f32> =
        pairs.iter().map(|pair| f16::from_le_bytes(*pair).to_f32()).collect();
    for row in values.chunks_exact_mut(columns) {
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|value| *value /= sum);
    }
    Matrix::new(values, rows, columns).unwrap()
}

fn examples<'a>(embeddings: &'a Matrix, labels: &'a [ClassId], weights: &'a [f32]) -> Examples<'a> {
    Examples::new(embeddings.view(), labels, weights, 10)
}

/// Precision and recall of the flags.
fn flags(quality: &LabelQuality, given: &[ClassId], truth: &[ClassId]) -> (f64, f64) {
    let wrong = given.iter().zip(truth).filter(|(given, truth)| given != truth).count();
    let hits = quality.suspects.iter().filter(|s| s.label != truth[s.row]).count();
    (hits as f64 / quality.suspects.len() as f64, hits as f64 / wrong as f64)
}

/// Published out-of-sample predictions of a ResNet-50 for CIFAR-10 under synthetic noise of 20 % and 40 %: what
/// cleanlab finds in them, see `reference/label_quality.py` for where its rules differ (142 rows under 40 %).
#[test]
fn noise_on_cifar10_is_found() {
    let Some(folder) = folder() else { return };
    let truth = labels(&folder.join("cifar10_train_fz00_na00_given_labels.npy"));
    let cases = [("na02", 0.3013, 12_748, 0.670, 0.857), ("na04", 0.5033, 22_789, 0.790, 0.902)];
    for (name, rate, flagged, precision, recall) in cases {
        let given = labels(&folder.join(format!("cifar10_train_fz00_{name}_given_labels.npy")));
        let path = folder.join(format!("cifar10_train_resnet50_cv_fz00_{name}_pyx.npy"));
        let predicted = Probabilities::try_from(half_rows(&path, 50_000, 10)).unwrap();
        let quality = LabelQuality::measure(&predicted, &given).unwrap();
        let found = flags(&quality, &given, &truth);
        println!(
            "{name}: rate {}, {} flags, {found:?}",
            quality.noise_rate,
            quality.suspects.len()
        );
        assert!((quality.noise_rate - rate).abs() < 1e-3, "{}", quality.noise_rate);
        assert!(quality.suspects.len().abs_diff(flagged) < 50, "{}", quality.suspects.len());
        assert!((found.0 - precision).abs() < 2e-3 && (found.1 - recall).abs() < 2e-3, "{found:?}");
        // The doubt goes where the errors are.
        let mean = |wrong: bool| {
            let rows = given.iter().zip(&truth).zip(&quality.weights);
            let weights: Vec<f32> = rows
                .filter(|((given, truth), _)| (given != truth) == wrong)
                .map(|(_, weight)| *weight)
                .collect();
            f64::from(weights.iter().sum::<f32>()) / weights.len() as f64
        };
        let (right, wrong) = (mean(false), mean(true));
        println!("{name}: mean weight {right:.3} where right, {wrong:.3} where wrong");
        assert!(right > 0.93 && wrong < 0.72, "{right} {wrong}");
    }
}

/// CLIP embeddings of 500 CIFAR-10 images: 250 to learn from, a share of their labels uniformly wrong, 250 to test,
/// ten draws.
#[test]
fn weights_gain_accuracy_under_heavy_noise_and_cost_little_under_less() {
    let Some(folder) = folder() else { return };
    let truth = labels(&folder.join("clip_vit_b32_test_first500_labels.npy"));
    let bytes =
        std::fs::read(folder.join("clip_vit_b32_test_first500_image_embeddings.npy")).unwrap();
    let values = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap();
    let images = Matrix::new(values, 500, 512).unwrap();
    let (train, test) = (images.view().gather(0..250), images.view().gather(250..500));
    let learner = LogisticRegressionConfig::default().check().unwrap();
    // Gain in test accuracy by the weights, at least.
    for (noise, least) in [(0.0, -0.005), (0.2, -0.005), (0.4, 0.0)] {
        let (mut plain, mut weighted, mut rate) = (0.0, 0.0, 0.0);
        for draw in 0..10 {
            let seed = SeedTree::new(draw);
            let mut rng = seed.child("noise").rng();
            let mut flip = |label: &ClassId| match rng.random_bool(noise) {
                true => ClassId::from_index((label.index() + rng.random_range(1..10)) % 10),
                false => *label,
            };
            let given: Vec<ClassId> = truth[..250].iter().map(&mut flip).collect();
            let accuracy = |weights: &[f32]| {
                let model = learner.fit(&examples(&train, &given, weights), &seed).unwrap();
                let predicted = model.predict(test.view()).unwrap();
                let rows = predicted.view();
                let right = |(p, label): &(&[f32], &ClassId)| {
                    p.iter().all(|other| *other <= p[label.index()])
                };
                rows.iter().zip(&truth[250..]).filter(right).count() as f64 / 250.0
            };
            let ones = [1.0; 250];
            let predicted =
                out_of_fold(&learner, &examples(&train, &given, &ones), 5, &seed).unwrap();
            let quality = LabelQuality::measure(&predicted, &given).unwrap();
            plain += accuracy(&ones) / 10.0;
            weighted += accuracy(&quality.weights) / 10.0;
            rate += quality.noise_rate / 10.0;
        }
        println!("noise {noise}: estimate {rate:.3}, accuracy {plain:.4}, weighted {weighted:.4}");
        assert!(weighted - plain >= least, "noise {noise}: {plain} {weighted}");
        // Confident learning overestimates where the model itself errs.
        assert!(rate >= noise && rate < noise + 0.15, "noise {noise}: {rate}");
    }
}
