//! What every prior promises, by hand-computed numbers and bad input.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_core::{ClassId, Matrix, Probabilities, ScoreKind};
use alfm_prior::{
    CLIP_TEMPLATES, Calibrator, ClassPrompts, Error, ErrorKind, Head, PriorQuality, Reliability,
    Temperature, fill_templates, from_hard_labels, from_matrix, rotated, uniform, zero_shot,
};
use proptest::prelude::*;

fn classes<const N: usize>(classes: [u32; N]) -> [ClassId; N] {
    classes.map(ClassId::new)
}

fn probabilities<const C: usize>(rows: &[[f32; C]]) -> Probabilities {
    Probabilities::from_rows(rows).unwrap()
}

fn matrix<const C: usize>(rows: &[[f32; C]]) -> Matrix {
    Matrix::from_rows(rows).unwrap()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-6, "{found:?}, not {expected:?}");
    }
}

/// Class 0: (5, 0) and (0, 0.1) count alike, so their mean points to (1, 1) / sqrt 2.
#[test]
fn prompts_are_averaged_as_unit_vectors() {
    let prompts = matrix(&[[5.0, 0.0], [0.0, -2.0], [0.0, 0.1]]);
    let prompts = ClassPrompts::new(prompts.view(), &classes([0, 1, 0]), 2).unwrap();
    let half = 0.5f32.sqrt();
    close(prompts.directions().values(), &[half, half, 0.0, -1.0]);
}

/// Item (0, 2): cosines sqrt(1/2) and -1, so `p_0 = 1 / (1 + exp(-t (sqrt(1/2) + 1)))`; t = 1 gives 0.846461.
#[test]
fn zero_shot_is_the_softmax_of_scaled_cosines() {
    let prompts = matrix(&[[1.0, 1.0], [0.0, -1.0]]);
    let prompts = ClassPrompts::new(prompts.view(), &classes([0, 1]), 2).unwrap();
    let items = matrix(&[[0.0, 2.0]]);
    let prior = zero_shot(items.view(), &prompts, 1.0).unwrap();
    close(prior.view().row(0), &[0.846_461, 0.153_539]);
}

/// Cosines 0.6 and 0.8. SigLIP: sigmoid(10 * 0.6 - 7) = 0.268941 and sigmoid(1) = 0.731059; they sum to 1.
#[test]
fn heads_read_cosines_as_their_models_do() {
    let prompts = matrix(&[[1.0, 0.0], [0.0, 1.0]]);
    let prompts = ClassPrompts::new(prompts.view(), &classes([0, 1]), 2).unwrap();
    let items = matrix(&[[3.0, 4.0]]);
    let apply = |head: Head| head.apply(items.view(), &prompts);
    let siglip = Head::siglip(10f64.ln(), -7.0);
    close(apply(siglip).unwrap().view().row(0), &[0.268_941, 0.731_059]);
    // Far below zero, sigmoids are exponentials: the softmax with the same scale, 1 / (1 + exp(2)).
    let far = Head::Sigmoid { scale: 10.0, bias: -900.0 };
    close(apply(far).unwrap().view().row(0), &[0.119_203, 0.880_797]);
    let clip = apply(Head::clip(10f64.ln())).unwrap();
    close(clip.view().row(0), &[0.119_203, 0.880_797]);
    close(clip.view().values(), zero_shot(items.view(), &prompts, 10.0).unwrap().view().values());

    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = apply(Head::Softmax { scale }).unwrap_err();
        assert!(error.to_string().starts_with("`scale` is "), "{error}");
    }
    let error = apply(Head::Sigmoid { scale: 1.0, bias: f64::NAN }).unwrap_err();
    assert!(error.to_string().starts_with("`bias` is "), "{error}");
}

/// Two templates, two classes: prompts come class by class, and a class's direction is the mean of its two.
#[test]
fn an_ensemble_of_templates_is_averaged_as_embeddings() {
    let (of, texts) = fill_templates(&["a {class}.", "the {class}."], &["cat", "dog"]);
    assert_eq!(of, classes([0, 0, 1, 1]));
    assert_eq!(texts, ["a cat.", "the cat.", "a dog.", "the dog."]);
    let embedded = matrix(&[[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 1.0]]);
    let prompts = ClassPrompts::new(embedded.view(), &of, 2).unwrap();
    let half = 0.5f32.sqrt();
    close(prompts.directions().values(), &[half, half, 0.0, 0.0, 0.0, 1.0]);
    let (of, texts) = fill_templates(&CLIP_TEMPLATES, &["lawn_mower"; 3]);
    assert_eq!((of.len(), texts[5].as_str()), (21, "art of the lawn mower."));
    assert!(CLIP_TEMPLATES.iter().all(|template| template.matches("{class}").count() == 1));
}

#[test]
fn bad_prompts_and_items_are_named() {
    let build = |rows: &[[f32; 2]], of: &[ClassId], k| {
        ClassPrompts::new(matrix(rows).view(), of, k).unwrap_err()
    };
    let [a, b] = classes([0, 1]);
    assert_eq!(
        build(&[[1.0, 0.0], [1.0, 0.0]], &[a, a], 2).to_string(),
        "class 1 has no prompt: give at least one for each of the 2 classes"
    );
    let zero = build(&[[1.0, 0.0], [0.0, 0.0]], &[a, b], 2);
    assert_eq!((zero.kind(), zero.row()), (ErrorKind::Input, Some(1)));
    assert!(zero.to_string().starts_with("prompt 1 is the zero vector"), "{zero}");
    assert_eq!(
        build(&[[1.0, 0.0], [-3.0, 0.0], [0.0, 1.0]], &[a, a, b], 2).to_string(),
        "the prompts of class 0 cancel out: keep those that mean the same"
    );
    let [c] = classes([2]);
    assert_eq!(build(&[[1.0, 0.0]], &[c], 2), Error::unknown_class(c, 2));
    assert_eq!(build(&[[1.0, 0.0]], &[a], 1), Error::too_few_classes(1));
    let short = build(&[[1.0, 0.0]], &[], 2).to_string();
    assert!(short.contains("classes of prompts"), "{short}");

    let prompts = matrix(&[[1.0, 0.0], [0.0, 1.0]]);
    let prompts = ClassPrompts::new(prompts.view(), &[a, b], 2).unwrap();
    let items = matrix(&[[1.0, 0.0], [0.0, 0.0]]);
    assert_eq!(
        zero_shot(items.view(), &prompts, 20.0).unwrap_err().to_string(),
        "item 1 is the zero vector: it has no direction, so embed a text that is not empty"
    );
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = zero_shot(items.view(), &prompts, temperature).unwrap_err();
        assert!(error.to_string().starts_with("`temperature` is "), "{error}");
    }
    let wide = matrix(&[[1.0, 0.0, 0.0]]);
    let error = zero_shot(wide.view(), &prompts, 20.0).unwrap_err();
    let expected = "items have 3 columns, prompts have 2: embed both with one encoder";
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Input, expected));
}

#[test]
fn uniform_and_rotated() {
    assert_eq!(uniform(2, 4).unwrap(), probabilities(&[[0.25; 4]; 2]));
    assert!(uniform(2, 1).is_err());
    let prior = probabilities(&[[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]]);
    assert_eq!(rotated(&prior).unwrap(), probabilities(&[[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]]));
}

#[test]
fn a_matrix_from_elsewhere_is_checked_and_renormalised() {
    let logits = matrix(&[[0.0, 3f32.ln()]]);
    let prior = from_matrix(logits.view(), ScoreKind::Logits, 1, 2).unwrap();
    close(prior.view().row(0), &[0.25, 0.75]);
    // What half precision left of a row.
    let rounded = matrix(&[[0.249, 0.747]]);
    let prior = from_matrix(rounded.view(), ScoreKind::Probabilities, 1, 2).unwrap();
    close(prior.view().row(0), &[0.25, 0.75]);

    let cases = [
        (matrix(&[[0.5, 0.5]]), 2, 2, "`prior` has 1 rows, but the pool has 2 items"),
        (matrix(&[[0.5, 0.5]]), 1, 3, "`prior` has 2 columns, but there are 3 classes"),
        (matrix(&[[0.5, 0.5], [0.5, 0.4]]), 2, 2, "row 1 sums to 0.9"),
        (matrix(&[[1.5, -0.5]]), 1, 2, "row 0, column 1 is -0.5"),
    ];
    for (values, rows, classes, expected) in cases {
        let error =
            from_matrix(values.view(), ScoreKind::Probabilities, rows, classes).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

/// 3 of 4 right: (3 + 1) / (4 + 2) = 2/3. Label 0 was given twice, once to class 1: with strength 2 and
/// `r = (2/3, 1/6, 1/6)`, `posterior[0] = ((1 + 4/3) / 4, (1 + 1/3) / 4, (1/3) / 4) = (7, 4, 1) / 12`.
#[test]
fn reliability_is_estimated_with_laplace_smoothing() {
    let [a, b, c] = classes([0, 1, 2]);
    let pairs = [(Some(a), a), (Some(a), b), (Some(b), b), (None, c), (Some(b), b)];
    let Reliability::Scalar { probability } = Reliability::estimate(&pairs).unwrap() else {
        panic!("a scalar")
    };
    assert!((probability - 2.0 / 3.0).abs() < 1e-12);

    let per_class = Reliability::estimate_per_class(&pairs, 3, 2.0).unwrap();
    let labels = [Some(a), Some(c), None];
    let prior = from_hard_labels(&labels, 3, &per_class).unwrap();
    close(prior.view().row(0), &[7.0 / 12.0, 4.0 / 12.0, 1.0 / 12.0]);
    // Label 2 was never given: believed as the average label is.
    close(prior.view().row(1), &[1.0 / 6.0, 1.0 / 6.0, 2.0 / 3.0]);
    close(prior.view().row(2), &[1.0 / 3.0; 3]);
}

#[test]
fn bad_hard_labels_are_refused() {
    let [a, c] = classes([0, 2]);
    let half = Reliability::Scalar { probability: 0.5 };
    let error = from_hard_labels(&[Some(a), Some(c)], 2, &half).unwrap_err();
    assert_eq!(error, Error::unknown_class(c, 2));
    assert!(from_hard_labels(&[Some(a)], 1, &half).is_err());
    for probability in [0.0, 1.0, f64::NAN] {
        let error = from_hard_labels(&[Some(a)], 2, &Reliability::Scalar { probability });
        assert!(error.unwrap_err().to_string().starts_with("`reliability` is "));
    }
    let ragged = Reliability::PerClass { posterior: vec![vec![0.5, 0.5], vec![1.0]] };
    assert!(from_hard_labels(&[Some(a)], 2, &ragged).is_err());
    assert!(Reliability::estimate(&[(None, a)]).is_err());
    assert!(Reliability::estimate_per_class(&[(Some(c), a)], 2, 2.0).is_err());
    assert!(Reliability::estimate_per_class(&[(Some(a), a)], 2, 0.0).is_err());
}

/// T = 1/2 squares the odds: 0.8 : 0.2 becomes 16 : 1.
#[test]
fn a_temperature_scales_log_odds() {
    let prior = probabilities(&[[0.8, 0.2], [1.0, 0.0]]);
    let sharp = Temperature::new(0.5).unwrap().apply(&prior).unwrap();
    close(sharp.view().row(0), &[16.0 / 17.0, 1.0 / 17.0]);
    assert!((sharp.view().row(1)[0] - 1.0).abs() < 1e-6);
    assert!(Temperature::new(0.0).is_err() && Temperature::new(f64::NAN).is_err());
}

/// Ten rows say 0.9 and seven are right: the best softened probability is 0.7,
/// so `1 / T = ln(7/3) / ln 9` and `T = 2.593214`.
#[test]
fn the_fitted_temperature_has_its_closed_form() {
    let prior = probabilities(&[[0.9, 0.1]; 10]);
    let labels: Vec<_> = (0..10).map(|row| (row, ClassId::new(u32::from(row >= 7)))).collect();
    let fitted = Temperature::fit(&prior, &labels).unwrap();
    assert!((fitted.get() - 9f64.ln() / (7f64 / 3.0).ln()).abs() < 1e-4, "{fitted:?}");
    // All right: sharpened until the surprise of every label rounds to 0.
    let fitted = Temperature::fit(&prior, &labels[..7]).unwrap();
    assert!(fitted.get() >= Temperature::RANGE.0 && fitted.get() < 0.1, "{fitted:?}");
}

#[test]
fn labelled_rows_are_checked() {
    let prior = uniform(3, 2).unwrap();
    let [a, c] = classes([0, 2]);
    assert!(Temperature::fit(&prior, &[]).is_err());
    let outside = PriorQuality::measure(&prior, &[(3, a)]).unwrap_err();
    assert_eq!(outside.to_string(), "labelled row 3 is outside the prior, which has 3 rows");
    assert!(PriorQuality::measure(&prior, &[(0, c)]).is_err());
    assert!(PriorQuality::measure(&prior, &[]).is_err());
}

/// Three rows of class 0 (two right), one of class 1 (wrong): recalls 2/3 and 0.
#[test]
fn quality_by_hand() {
    let prior = probabilities(&[[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.5, 0.5]]);
    let labels: Vec<_> = classes([0, 0, 0, 1]).into_iter().enumerate().collect();
    let quality = PriorQuality::measure(&prior, &labels).unwrap();
    assert_eq!((quality.labels, quality.accuracy), (4, 0.5));
    assert!((quality.balanced_accuracy - 1.0 / 3.0).abs() < 1e-12);
    let surprise = -(0.9f64.ln() + 0.7f64.ln() + 0.4f64.ln() + 0.5f64.ln()) / 4.0;
    assert!((quality.negative_log_likelihood - surprise).abs() < 1e-6);
    // Gaps of the four bins: 0.1, 0.3, 0.6, 0.5.
    assert!((quality.calibration_error - 1.5 / 4.0).abs() < 1e-6);
}

proptest! {
    /// Calibration never changes the order of the classes, and the fit never makes the likelihood worse.
    #[test]
    fn a_fitted_temperature_helps(logits in prop::collection::vec(-6.0f32..6.0, 24), truth in prop::collection::vec(0u32..3, 8)) {
        let logits = Matrix::new(logits, 8, 3).unwrap();
        let prior = from_matrix(logits.view(), ScoreKind::Logits, 8, 3).unwrap();
        let labels: Vec<_> = truth.into_iter().map(ClassId::new).enumerate().collect();
        let fitted = Temperature::fit(&prior, &labels).unwrap();
        let after = fitted.apply(&prior).unwrap();
        let loss = |prior: &Probabilities| {
            PriorQuality::measure(prior, &labels).unwrap().negative_log_likelihood
        };
        prop_assert!(loss(&after) <= loss(&prior) + 1e-4);
        for (before, after) in prior.view().iter().zip(after.view().iter()) {
            let ordered = |a: usize, b: usize| before[a] <= before[b] || after[a] >= after[b];
            prop_assert!((0..9).all(|pair| ordered(pair / 3, pair % 3)));
        }
    }

    #[test]
    fn rotating_k_times_is_nothing(values in prop::collection::vec(0.01f32..1.0, 20)) {
        let logits = Matrix::new(values, 5, 4).unwrap();
        let prior = from_matrix(logits.view(), ScoreKind::Logits, 5, 4).unwrap();
        let mut turned = prior.clone();
        for _ in 0..4 {
            turned = rotated(&turned).unwrap();
        }
        prop_assert_eq!(turned, prior);
    }
}
