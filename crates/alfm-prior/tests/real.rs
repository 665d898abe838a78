//! Real model outputs, where the mirror has them: `priors/` beside the hub folder of `ALFM_HUB_DIR`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use alfm_core::{ClassId, Matrix, Probabilities, ScoreKind};
use alfm_fixtures::{beside_hub, hub};
use alfm_prior::weak_labels::{GenerativeModel, MajorityVote, Votes};
use alfm_prior::{
    Calibrator, ClassPrompts, Head, LabelShift, PriorQuality, Reliability, Temperature,
    from_hard_labels, from_matrix,
};

/// The folder, or `None` after saying what is missing.
fn folder(name: &str) -> Option<PathBuf> {
    beside_hub(&format!("priors/{name}"))
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

    // A checkpoint holds the logarithm of 100.
    let prior = Head::clip(100f64.ln()).apply(images.view(), &prompts).unwrap();
    let published = matrix(&file("test_first500_zeroshot_probs"));
    let read = from_matrix(published.view(), ScoreKind::Probabilities, 500, 10).unwrap();
    let pairs = prior.view().values().iter().zip(read.view().values());
    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-4));

    let quality = PriorQuality::measure(&prior, &labels).unwrap();
    assert_eq!(quality.labels, 500);
    close(quality.accuracy, 0.904, 1e-9);
    close(quality.balanced_accuracy, 0.900_808, 1e-6);
    close(quality.calibration_error, 0.099_418, 1e-4);
    close(quality.negative_log_likelihood, 0.354_162, 1e-4);

    let temperature = Temperature::fit(&prior, &labels).unwrap();
    close(temperature.get(), 0.577_798, 1e-3);
    let calibrated = temperature.apply(&prior).unwrap();
    let after = PriorQuality::measure(&calibrated, &labels).unwrap();
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
            PriorQuality::measure(&prior, &truth).unwrap().negative_log_likelihood
        };
        let guessed = loss(&Reliability::Scalar { probability: 0.5 });
        assert!(loss(&measured) < guessed, "{name}: {measured:?}");
        let per_class = Reliability::estimate_per_class(&pairs, 77, 2.0).unwrap();
        assert!(loss(&per_class) < loss(&measured), "{name}");
    }
}

/// CLIP again, on the images of classes 0 to 4 and four of each other class: its even shares are not the pool's.
/// Numbers by numpy, from the calibrated prior.
#[test]
fn a_label_shift_is_found_without_labels() {
    let Some(folder) = folder("cifar10") else { return };
    let file = |name: &str| folder.join(format!("clip_vit_b32_{name}.npy"));
    let (labels, ..) = npy::<i64>(&file("test_first500_labels"));
    let mut seen = [0; 10];
    let kept: Vec<usize> = labels
        .iter()
        .enumerate()
        .filter_map(|(row, label)| {
            let count = &mut seen[usize::try_from(*label).unwrap()];
            *count += 1;
            (*label < 5 || *count <= 4).then_some(row)
        })
        .collect();
    let truth = labelled(&kept.iter().map(|row| labels[*row]).collect::<Vec<_>>());
    let prior = Probabilities::try_from(matrix(&file("test_first500_zeroshot_probs")))
        .unwrap()
        .gather(kept);
    let prior = Temperature::new(0.577_798).unwrap().apply(&prior).unwrap();
    let before = PriorQuality::measure(&prior, &truth).unwrap();
    assert_eq!(before.labels, 258);
    close(before.accuracy, 0.879_845, 1e-6);
    close(before.negative_log_likelihood, 0.370_202, 1e-4);

    let shift = LabelShift::fit(&prior, None).unwrap();
    close(shift.target()[0], 0.2046, 1e-4);
    close(shift.target()[6], 0.0075, 1e-4);
    let after = shift.apply(&prior).unwrap();
    let after = PriorQuality::measure(&after, &truth).unwrap();
    close(after.accuracy, 0.903_101, 1e-6);
    close(after.negative_log_likelihood, 0.265_267, 1e-4);
}

/// The coarse classes of TREC, as its authors wrote them: `DESC:manner How did ...`.
fn trec(hub: &Path, split: &str) -> Vec<i64> {
    let file = if split == "train" { "train_5500.label" } else { "TREC_10.label" };
    let path = hub.join("datasets--CogComp--trec/snapshots/local-trec-v1").join(file);
    let bytes = std::fs::read(path).unwrap();
    let names = ["ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM"];
    let class = |line: &str| names.iter().position(|name| line.starts_with(name)).unwrap() as i64;
    String::from_utf8_lossy(&bytes).lines().map(class).collect()
}

/// 68 human-written rules on the questions of TREC; an answer of -1 abstains. Numbers by numpy.
#[test]
fn rules_of_trec() {
    let (Some(rules), Some(hub)) = (folder("trec"), hub()) else { return };
    // File, coverage; accuracy, negative log-likelihood and calibration error of both models.
    let cases = [
        ("train", 0.950_293, [0.502_568, 1.3578, 0.1353], [0.530_631, 1.3971, 0.1257]),
        ("test", 0.962, [0.606, 1.2017, 0.0536], [0.642, 1.1876, 0.1262]),
    ];
    for (split, coverage, majority, generative) in cases {
        let (numbers, items, columns) =
            npy::<i8>(&rules.join(format!("rule_weak_labels_{split}.npy")));
        let class = |number: &i8| u32::try_from(*number).ok().map(ClassId::new);
        let given: Vec<_> = numbers.iter().map(class).collect();
        let votes = Votes::new(&given, items, columns, 6).unwrap();
        close(votes.coverage(), coverage, 1e-6);
        let truth = labelled(&trec(&hub, split));
        let measure = |prior: &Probabilities, expected: [f64; 3]| {
            let found = PriorQuality::measure(prior, &truth).unwrap();
            close(found.accuracy, expected[0], 1e-6);
            close(found.negative_log_likelihood, expected[1], 1e-4);
            close(found.calibration_error, expected[2], 1e-3);
        };
        measure(&MajorityVote::default().apply(&votes).unwrap(), majority);
        let fitted = GenerativeModel::default().fit(&votes).unwrap();
        assert!(fitted.converged);
        measure(&fitted.prior, generative);
        // Weaker pulls, as the documentation of the model has them.
        for (strength, accuracy) in [(10.0, [0.483, 0.642]), (1.0, [0.423, 0.582])] {
            let weaker = GenerativeModel::default().with_strength(strength).fit(&votes).unwrap();
            let found = PriorQuality::measure(&weaker.prior, &truth).unwrap().accuracy;
            close(found, accuracy[usize::from(split == "test")], 5e-4);
        }
    }
}

/// LLaMA's zero-shot labels: biased, and their reliability with it.
#[test]
fn an_llm_s_labels_of_trec_and_sst2() {
    let cases = [
        ("trec", "llama_zero_shot_test.csv", 6, 164, 500),
        ("sst2", "llama_zero_shot_socher_test.csv", 2, 1093, 1821),
    ];
    for (name, file, classes, right, items) in cases {
        let Some(folder) = folder(name) else { return };
        let mut rows = csv::Reader::from_path(folder.join(file)).unwrap();
        let pairs: Vec<(Option<ClassId>, ClassId)> = rows
            .records()
            .map(|row| {
                let row = row.unwrap();
                (Some(ClassId::new(row[1].parse().unwrap())), ClassId::new(row[2].parse().unwrap()))
            })
            .collect();
        let answers: Vec<_> = pairs.iter().map(|(answer, _)| *answer).collect();
        let truth: Vec<_> = pairs.iter().map(|(_, truth)| *truth).enumerate().collect();
        let measured = Reliability::estimate(&pairs).unwrap();
        let probability = (f64::from(right) + 1.0) / (f64::from(items) + 2.0);
        assert_eq!(measured, Reliability::Scalar { probability });
        let prior = from_hard_labels(&answers, classes, &measured).unwrap();
        let quality = PriorQuality::measure(&prior, &truth).unwrap();
        close(quality.accuracy, f64::from(right) / f64::from(items), 1e-9);
        // What each label means, measured, tells more than how often labels are right.
        let per_class = Reliability::estimate_per_class(&pairs, classes, 2.0).unwrap();
        let prior = from_hard_labels(&answers, classes, &per_class).unwrap();
        let better = PriorQuality::measure(&prior, &truth).unwrap();
        assert!(better.negative_log_likelihood < quality.negative_log_likelihood - 0.01, "{name}");
    }
}

/// The raw answers of a model to TREC's questions are read as who published them read them.
#[cfg(feature = "llm")]
#[test]
fn an_llm_s_raw_answers_to_trec() {
    use alfm_prior::llm::{ClassText, Question};

    let Some(folder) = folder("trec") else { return };
    let names = [
        "Abbreviation",
        "Entity",
        "Description and abstract concept",
        "Human being",
        "Location",
        "Numeric value",
    ];
    let mut published = csv::Reader::from_path(folder.join("llama_zero_shot_test.csv")).unwrap();
    let order: Vec<(usize, usize)> = published
        .records()
        .map(|row| {
            let row = row.unwrap();
            (row[0].parse().unwrap(), row[1].parse().unwrap())
        })
        .collect();
    let question = Question::new(&names.map(ClassText::new)).unwrap();
    let raw = std::fs::read_to_string(folder.join("raw_llama_zero_shot_test.jsonl")).unwrap();
    let read: Vec<usize> = raw
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            question.class_of(line["output"].as_str().unwrap()).unwrap().index()
        })
        .collect();
    assert_eq!(read.len(), order.len());
    assert!(order.iter().all(|(row, class)| read[*row] == *class));
}
