//! Real model outputs, where the mirror has them: `priors/` beside the hub folder of `ALFM_HUB_DIR`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use alfm_core::{ClassId, Matrix, ScoreKind};
use alfm_prior::{
    Calibrator, ClassPrompts, PriorQuality, Reliability, Temperature, from_hard_labels,
    from_matrix, zero_shot,
};

/// The folder, or `None` after saying what is missing.
fn folder(name: &str) -> Option<PathBuf> {
    let Some(hub) = std::env::var_os("ALFM_HUB_DIR") else {
        eprintln!("skipped: ALFM_HUB_DIR is not set, so there are no real priors to read");
        return None;
    };
    let folder = Path::new(&hub).join("../priors").join(name);
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

fn npy<T: npyz::Deserialize>(path: &Path) -> (Vec<T>, usize, usize) {
    let bytes = std::fs::read(path).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    let shape = file.shape().to_vec();
    let columns = shape.get(1).map_or(1, |columns| *columns as usize);
    (file.into_vec().unwrap(), shape[0] as usize, columns)
}

fn matrix(path: &Path) -> Matrix {
    let (values, rows, columns) = npy::<f32>(path);
    Matrix::new(values, rows, columns).unwrap()
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found}, not {expected}");
}

fn labelled(labels: &[i64]) -> Vec<(usize, ClassId)> {
    let class = |label: &i64| ClassId::from_index(usize::try_from(*label).unwrap());
    labels.iter().map(class).enumerate().collect()
}

/// CLIP ViT-B/32 on 500 CIFAR-10 test images; numbers by numpy and scipy from the same files.
#[test]
fn clip_zero_shot_on_cifar10() {
    let Some(folder) = folder("cifar10") else { return };
    let file = |name: &str| folder.join(format!("clip_vit_b32_{name}.npy"));
    let (labels, ..) = npy::<i64>(&file("test_first500_labels"));
    let labels = labelled(&labels);
    let images = matrix(&file("test_first500_image_embeddings"));
    let prompts = matrix(&file("class_text_embeddings"));
    let classes: Vec<ClassId> = (0..10).map(ClassId::new).collect();
    let prompts = ClassPrompts::new(prompts.view(), &classes, 10).unwrap();

    let prior = zero_shot(images.view(), &prompts, 100.0).unwrap();
    let published = matrix(&file("test_first500_zeroshot_probs"));
    let read = from_matrix(published.view(), ScoreKind::Probabilities, 500, 10).unwrap();
    let pairs = prior.view().values().iter().zip(read.view().values());
    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-4));

    let quality = PriorQuality::measure(prior.view(), &labels).unwrap();
    assert_eq!(quality.labels, 500);
    close(quality.accuracy, 0.904, 1e-9);
    close(quality.balanced_accuracy, 0.900_808, 1e-6);
    close(quality.calibration_error, 0.099_418, 1e-4);
    close(quality.negative_log_likelihood, 0.354_162, 1e-4);

    let temperature = Temperature::fit(prior.view(), &labels).unwrap();
    close(temperature.get(), 0.577_798, 1e-3);
    let calibrated = temperature.apply(prior.view()).unwrap();
    let after = PriorQuality::measure(calibrated.view(), &labels).unwrap();
    assert_eq!(after.accuracy, quality.accuracy);
    close(after.negative_log_likelihood, 0.279_842, 1e-4);
    assert!(after.calibration_error < quality.calibration_error);
}

/// Qwen2.5-0.5B on the Banking77 test split; an answer that names no class is -1.
#[test]
fn an_llm_s_labels_of_banking77() {
    let Some(folder) = folder("banking77") else { return };
    let cases =
        [("zero_shot", 0.092), ("few_shot", 0.386), ("dynamic_few_shot", 0.614), ("lora", 0.910)];
    for (name, accuracy) in cases {
        let path = folder.join(format!("qwen2.5-0.5b_{name}_test.csv"));
        let rows = csv::Reader::from_path(path).unwrap().into_deserialize::<(usize, i64, i64)>();
        let (answers, truth): (Vec<i64>, Vec<i64>) =
            rows.map(|row| row.map(|(_, answer, label)| (answer, label)).unwrap()).unzip();
        let answers: Vec<Option<ClassId>> = answers
            .iter()
            .map(|answer| usize::try_from(*answer).ok().map(ClassId::from_index))
            .collect();
        let truth = labelled(&truth);
        let right = answers.iter().zip(&truth).filter(|(a, (_, t))| **a == Some(*t)).count();
        close(right as f64 / truth.len() as f64, accuracy, 5e-4);

        // The measured reliability loses less than a guess; an unanswered item is a fair guess among 77.
        let pairs: Vec<_> = answers.iter().copied().zip(truth.iter().map(|(_, t)| *t)).collect();
        let measured = Reliability::estimate(&pairs).unwrap();
        let loss = |reliability: &Reliability| {
            let prior = from_hard_labels(&answers, 77, reliability).unwrap();
            PriorQuality::measure(prior.view(), &truth).unwrap().negative_log_likelihood
        };
        let guessed = loss(&Reliability::Scalar { probability: 0.5 });
        assert!(loss(&measured) < guessed, "{name}: {measured:?}");
        let per_class = Reliability::estimate_per_class(&pairs, 77, 2.0).unwrap();
        assert!(loss(&per_class) < loss(&measured), "{name}");
    }
}
