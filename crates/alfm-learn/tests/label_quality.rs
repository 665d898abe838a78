//! Confident learning by hand and against cleanlab; `reference/label_quality.py` wrote the numbers and says how.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_core::{ClassId, Probabilities};
use alfm_learn::{Error, ErrorKind, LabelQuality};
use proptest::prelude::*;
use serde::Deserialize;

fn measure(rows: &[Vec<f32>], labels: &[u32]) -> Result<LabelQuality, Error> {
    let labels: Vec<ClassId> = labels.iter().copied().map(ClassId::new).collect();
    LabelQuality::measure(&Probabilities::from_rows(rows)?, &labels)
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
}

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    probabilities: Vec<Vec<f32>>,
    labels: Vec<u32>,
    thresholds: Vec<Option<f64>>,
    confident_joint: Vec<Vec<usize>>,
    joint: Vec<Vec<f64>>,
    noise_rate: f64,
    flagged: Vec<usize>,
}

#[test]
fn joint_noise_rate_and_flags_are_those_of_cleanlab() {
    let reference: Reference =
        serde_json::from_str(include_str!("reference/label_quality.json")).unwrap();
    for case in reference.cases {
        let found = measure(&case.probabilities, &case.labels).unwrap();
        for (found, expected) in found.thresholds.iter().zip(&case.thresholds) {
            assert_eq!(found.is_some(), expected.is_some());
            close(found.unwrap_or_default(), expected.unwrap_or_default());
        }
        // cleanlab's diagonal is at least 1; here that is part of the joint only.
        let mut confident = found.confident_joint.clone();
        (0..confident.len())
            .for_each(|class| confident[class][class] = confident[class][class].max(1));
        assert_eq!(confident, case.confident_joint);
        let pairs = found.joint.iter().flatten().zip(case.joint.iter().flatten());
        pairs.for_each(|(found, expected)| close(*found, *expected));
        close(found.noise_rate, case.noise_rate);
        let mut flagged: Vec<usize> = found.suspects.iter().map(|suspect| suspect.row).collect();
        flagged.sort_unstable();
        assert_eq!(flagged, case.flagged);
    }
}

/// Three items labelled 0 (p = 0.9, 0.6, 0.3: t_0 = 0.6) and three labelled 1 (0.8, 0.7, 0.3: t_1 = 0.6).
/// Rows 2 and 5 are confidently of the other class, with p = 0.7 against 0.3: r = 0.3. Four items are
/// confidently right, so C = [[2, 1], [1, 2]], e = 2 / (3 + 5) * 2 / (2 + 5) = 1/14, w = 1 - 0.7 / 14.
#[test]
fn flags_and_weights_by_hand() {
    let own = [0.9, 0.6, 0.3, 0.8, 0.7, 0.3];
    let rows: Vec<Vec<f32>> =
        (0..6)
            .map(|row| {
                if row < 3 {
                    vec![own[row], 1.0 - own[row]]
                } else {
                    vec![1.0 - own[row], own[row]]
                }
            })
            .collect();
    let found = measure(&rows, &[0, 0, 0, 1, 1, 1]).unwrap();
    assert_eq!(found.confident_joint, [[2, 1], [1, 2]]);
    close(found.noise_rate, 1.0 / 3.0);
    close(found.joint[0][1], 1.0 / 6.0);
    assert_eq!(found.scores, own);
    let suspects: Vec<_> =
        found.suspects.iter().map(|s| (s.row, s.label.index(), s.suggested.index())).collect();
    assert_eq!(suspects, [(2, 0, 1), (5, 1, 0)]);
    for (row, weight) in found.weights.iter().enumerate() {
        let expected = if row % 3 == 2 { 1.0 - 0.7 / 14.0 } else { 1.0 };
        close(f64::from(*weight), expected);
    }
}

/// The same six items `n` times: C[1][1] = 2n of 3n, 3n - 1 other labels. e tends to 2/3, w to 1 - 0.7 * 2/3.
#[test]
fn weights_fall_as_evidence_grows() {
    let weight = |copies: usize| {
        let rows = [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.3, 0.7], [0.7, 0.3]];
        let labels = [0, 0, 0, 1, 1, 1];
        let rows: Vec<Vec<f32>> =
            rows.iter().cycle().take(6 * copies).map(|r| r.to_vec()).collect();
        let found = measure(&rows, &labels.repeat(copies)).unwrap();
        assert_eq!(found.suspects.len(), 2 * copies);
        f64::from(found.weights[2])
    };
    let weights = [1, 3, 10, 100, 10_000].map(weight);
    assert!(weights.is_sorted_by(|a, b| a > b), "{weights:?}");
    assert!((weights[4] - (1.0 - 0.7 * 2.0 / 3.0)).abs() < 1e-3, "{weights:?}");
}

#[test]
fn the_least_probable_label_is_the_first_suspect() {
    let own = [0.9, 0.8, 0.2, 0.05, 0.2, 0.9, 0.95];
    let rows: Vec<Vec<f32>> =
        (0..7)
            .map(|row| {
                if row < 5 {
                    vec![own[row], 1.0 - own[row]]
                } else {
                    vec![1.0 - own[row], own[row]]
                }
            })
            .collect();
    // t_1 = 0.925: only row 3 reaches it. With t_1 = 0.625, rows 2 and 4 do too, a tie.
    let found = measure(&rows, &[0, 0, 0, 0, 0, 1, 1]).unwrap();
    assert_eq!(found.suspects.iter().map(|s| s.row).collect::<Vec<_>>(), [3]);
    let mut rows = rows;
    rows[6] = vec![0.65, 0.35];
    let found = measure(&rows, &[0, 0, 0, 0, 0, 1, 1]).unwrap();
    assert_eq!(found.suspects.iter().map(|s| s.row).collect::<Vec<_>>(), [3, 2, 4, 6]);
}

/// A model that has not seen class 2 gives its one item little of it: that proves nothing.
#[test]
fn a_class_with_one_label_is_not_judged() {
    let rows =
        [[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.7, 0.2], [0.2, 0.6, 0.2], [0.8, 0.1, 0.1]];
    let rows = rows.map(|row| row.to_vec());
    let found = measure(&rows, &[0, 0, 1, 1, 2]).unwrap();
    assert_eq!(found.thresholds[2], None);
    assert!(found.suspects.is_empty());
    assert_eq!(found.weights, [1.0; 5]);
    assert_eq!(found.confident_joint[2], [0, 0, 0]);
    // Its label counts as right.
    close(found.joint[2][2], 0.2);
    // With a second label it is judged.
    let found = measure(&rows, &[0, 2, 1, 1, 2]).unwrap();
    assert!(found.thresholds[2].is_some() && found.thresholds[0].is_none());
}

/// Row 2 is confidently of class 1 alone (0.35 reaches t_1 = 0.35, 0.5 does not reach t_0), but its label is
/// more probable: it counts in the joint, as in the paper, and is not flagged.
#[test]
fn a_label_that_the_model_prefers_is_not_flagged() {
    let rows = [[0.9, 0.1], [0.8, 0.2], [0.625, 0.375], [0.7, 0.3], [0.75, 0.25]];
    let found = measure(&rows.map(|row| row.to_vec()), &[0, 0, 0, 1, 1]).unwrap();
    assert_eq!(found.confident_joint[0], [2, 1]);
    assert!(found.suspects.iter().all(|suspect| suspect.row != 2));
    assert_eq!(found.weights[2], 1.0);
}

#[test]
fn bad_input_is_named() {
    let error = |rows: &[[f32; 2]], labels: &[u32]| {
        measure(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>(), labels).unwrap_err()
    };
    let row = [0.5, 0.5];
    assert_eq!(error(&[row, row], &[0]), Error::row_count("labels", 2, 1));
    assert_eq!(error(&[row], &[2]), Error::unknown_class(ClassId::new(2), 2));
    assert!(error(&[[0.5, 0.7]], &[0]).to_string().starts_with("row 0 sums to 1.2"));
    let empty = Probabilities::new(Vec::new(), 0, 2).unwrap();
    let nothing = LabelQuality::measure(&empty, &[]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::Missing);
    assert!(nothing.to_string().starts_with("none of the 0 examples has a weight"), "{nothing}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the predictions: no weight is 0 or above 1, only suspects weigh less, and the joint is one.
    #[test]
    fn labels_are_never_dropped(
        hits in prop::collection::vec((0usize..4, 0.0f32..=1.0), 1..60),
        labels in prop::collection::vec(0u32..4, 60),
    ) {
        // Mass `p` on one class, nothing on most others: scores of exactly 0 occur.
        let rows: Vec<Vec<f32>> = hits
            .iter()
            .map(|(class, p)| {
                let mut row = vec![0.0; 4];
                row[*class] = *p;
                row[(class + 1) % 4] = 1.0 - p;
                row
            })
            .collect();
        let found = measure(&rows, &labels[..rows.len()]).unwrap();
        prop_assert!(found.weights.iter().all(|weight| *weight > 0.0 && *weight <= 1.0));
        for (row, weight) in found.weights.iter().enumerate() {
            let suspect = found.suspects.iter().find(|suspect| suspect.row == row);
            prop_assert!(suspect.is_some() || *weight == 1.0);
            if let Some(suspect) = suspect {
                prop_assert!(suspect.label != suspect.suggested);
                prop_assert!(rows[row][suspect.suggested.index()] > suspect.score);
            }
        }
        let total: f64 = found.joint.iter().flatten().sum();
        prop_assert!((total - 1.0).abs() < 1e-9);
        prop_assert!((0.0..1.0).contains(&found.noise_rate));
    }
}
