//! Whole rounds on every device that this build and this machine offer, against the processor.

#![cfg(any(feature = "wgpu", feature = "cuda"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_fixtures::available;
use alfm_kernels::device::open_device;
use alfm_select::core::{Matrix, ScoreKind, SeedTree};
use alfm_select::{
    ClassId, ClassSchema, Inputs, Items, LabelLog, LabelsOnly, MatrixView, Predictions, Round,
    SampleId, Selector, Strategy,
};
use rand::RngExt;

const ITEMS: usize = 1500;
const CLASSES: usize = 6;
const COLUMNS: usize = 16;
const LABELLED: usize = 60;

/// An expert that leans towards the class of an item, more or less.
fn expert(name: &str) -> Matrix {
    let mut rng = SeedTree::new(11).child(name).rng();
    let rows = (0..ITEMS).map(|item| {
        let mut row: Vec<f32> = (0..CLASSES).map(|_| rng.random_range(0.01..1.0)).collect();
        row[item % CLASSES] += rng.random_range(0.0..3.0);
        let sum: f32 = row.iter().sum();
        row.into_iter().map(|value| value / sum).collect::<Vec<f32>>()
    });
    Matrix::from_rows(&rows.collect::<Vec<_>>()).unwrap()
}

fn predictions(matrix: &Matrix) -> Predictions<'_> {
    Predictions::new(matrix.view(), ScoreKind::Probabilities).unwrap()
}

fn round(strategy: &str, state: &Inputs<'_>) -> Round {
    let items = Items::numbered(ITEMS);
    let mut log = LabelLog::new(ClassSchema::numbered(CLASSES).unwrap());
    let labels = (0..LABELLED).map(|item| (items.id(item), ClassId::from_index(item % CLASSES)));
    log.tell_random(&labels.collect::<Vec<_>>()).unwrap();
    let selector = Selector::new(Strategy::named(strategy).unwrap(), 5).unwrap();
    selector.suggest(&items, &log, state, 20).unwrap()
}

#[test]
fn every_strategy_with_a_path_of_its_own_chooses_the_same() {
    let (prior, model) = (expert("prior"), expert("model"));
    let held_out = model.view().gather(0..LABELLED);
    let mut rng = SeedTree::new(11).child("embeddings").rng();
    let embeddings: Vec<f32> = (0..ITEMS * COLUMNS).map(|_| rng.random()).collect();
    let state = Inputs::default()
        .with_prior(predictions(&prior))
        .with_model(predictions(&model))
        .with_embeddings(MatrixView::new(&embeddings, ITEMS, COLUMNS).unwrap())
        .with_labels_only(LabelsOnly::new(predictions(&model), predictions(&held_out)));
    for name in ["wgpu", "cuda"] {
        let Some(device) = available(name, open_device(name)) else { continue };
        for strategy in ["prioral", "prioral-guarded", "coreset", "ff-active", "badge"] {
            let expected = round(strategy, &state);
            let got = round(strategy, &state.with_device(&*device));
            let case = format!("{strategy} on {name}");
            let asked = |round: &Round| -> Vec<(SampleId, Option<ClassId>)> {
                round.queries.iter().map(|query| (query.id.clone(), query.prior_label)).collect()
            };
            assert_eq!(asked(&got), asked(&expected), "{case}");
            let free = |round: &Round| -> Vec<(SampleId, ClassId)> {
                round.clean.iter().map(|item| (item.id, item.class)).collect()
            };
            assert_eq!(free(&got), free(&expected), "{case}");
            for (got, expected) in got.queries.iter().zip(&expected.queries) {
                let entropies = got.joint_entropy.zip(expected.joint_entropy);
                assert!(entropies.is_none_or(|(a, b)| (a - b).abs() <= 1e-5), "{case}");
            }
        }
    }
}
