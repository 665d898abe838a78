//! Out-of-fold predictions: no item is predicted by a model that has seen it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;

use alfm_core::{ClassId, Matrix, MatrixView, Probabilities, SeedTree};
use alfm_learn::{
    Classifier, Error, ErrorKind, Examples, Learner, LearnerConfig, MlpConfig, out_of_fold,
};
use rand::RngExt;

/// Item `i` is the row `[i]`, of class `i % classes`.
fn numbered(items: usize, classes: usize) -> (Matrix, Vec<ClassId>) {
    let rows = (0..items).map(|item| item as f32).collect();
    let labels = (0..items).map(|item| ClassId::from_index(item % classes)).collect();
    (Matrix::new(rows, items, 1).unwrap(), labels)
}

/// Remembers what each fit saw, and predicts class 0 with the probability [`told`].
#[derive(Default)]
struct Witness {
    seen: Mutex<Vec<Seen>>,
}

#[derive(Clone, Default)]
struct Seen {
    items: Vec<usize>,
    labels: Vec<ClassId>,
    weights: Vec<f32>,
}

impl Learner for Witness {
    fn fit(&self, examples: &Examples<'_>, _seed: &SeedTree) -> Result<Box<dyn Classifier>, Error> {
        let seen = Seen {
            items: examples.embeddings.values().iter().map(|item| *item as usize).collect(),
            labels: examples.labels.to_vec(),
            weights: examples.weights.to_vec(),
        };
        self.seen.lock().unwrap().push(seen.clone());
        Ok(Box::new(seen))
    }
}

impl Classifier for Seen {
    fn predict(&self, embeddings: MatrixView<'_>) -> Result<Probabilities, Error> {
        let items = embeddings.values();
        assert!(items.iter().all(|item| !self.items.contains(&(*item as usize))));
        let row = |item: &f32| told(*item as usize, self.items.len());
        let rows: Vec<_> = items.iter().map(|item| [row(item), 1.0 - row(item)]).collect();
        Probabilities::from_rows(&rows)
    }
}

/// A probability that says which item it is of, and how many the model has learned from; both below 16.
fn told(item: usize, learned_from: usize) -> f32 {
    (16 * item + learned_from) as f32 / 256.0
}

#[test]
fn every_item_is_predicted_once_by_a_model_that_has_not_seen_it() {
    let (embeddings, labels) = numbered(11, 2);
    let weights: Vec<f32> = (0..11).map(|item| 1.0 + item as f32).collect();
    let examples = Examples::new(embeddings.view(), &labels, &weights, 2);
    let witness = Witness::default();
    let predicted = out_of_fold(&witness, &examples, 4, &SeedTree::new(0)).unwrap();
    // Folds of 3, 3, 3 and 2 items leave 8 or 9 to learn from.
    for (item, row) in predicted.view().iter().enumerate() {
        assert!([told(item, 8), told(item, 9)].contains(&row[0]), "item {item}: {row:?}");
    }
    let seen = witness.seen.into_inner().unwrap();
    assert_eq!(seen.len(), 4);
    for Seen { items, labels, weights } in seen {
        for ((item, label), weight) in items.into_iter().zip(labels).zip(weights) {
            assert_eq!((label.index(), weight), (item % 2, 1.0 + item as f32));
        }
    }
}

#[test]
fn more_folds_than_items_leave_each_item_out_alone() {
    let (embeddings, labels) = numbered(5, 2);
    let examples = Examples::new(embeddings.view(), &labels, &[1.0; 5], 2);
    let witness = Witness::default();
    let predicted = out_of_fold(&witness, &examples, 100, &SeedTree::new(0)).unwrap();
    assert!((0..5).all(|item| predicted.row(item)[0] == told(item, 4)));
    assert_eq!(witness.seen.into_inner().unwrap().len(), 5);
}

/// With item 3 held out, class 1 is unseen among 3 items: `1 / (3 + 2)`.
#[test]
fn a_class_in_one_fold_only_is_unseen_there() {
    let embeddings = Matrix::from_rows(&[[0.0], [0.1], [0.2], [1.0]]).unwrap();
    let labels = [0, 0, 0, 1].map(ClassId::new);
    let examples = Examples::new(embeddings.view(), &labels, &[1.0; 4], 2);
    let learner = LearnerConfig::default().build().unwrap();
    let predicted = out_of_fold(&*learner, &examples, 4, &SeedTree::new(0)).unwrap();
    assert_eq!(predicted.view().row(3)[1], 1.0 / 5.0);
    assert!(predicted.view().row(0)[1] != 1.0 / 5.0);
}

#[test]
fn threads_do_not_change_a_byte_and_the_seed_decides() {
    let mut rng = SeedTree::new(5).rng();
    let values = (0..400 * 8).map(|_| rng.random_range(-1.0f32..1.0)).collect();
    let embeddings = Matrix::new(values, 400, 8).unwrap();
    let labels: Vec<ClassId> = (0..400).map(|_| ClassId::new(rng.random_range(0..3))).collect();
    let weights = [1.0; 400];
    let examples = Examples::new(embeddings.view(), &labels, &weights, 3);
    let network = MlpConfig::default().with_hidden([4]).with_max_iterations(5);
    let learner = LearnerConfig::Mlp(network).build().unwrap();
    let run = |threads: usize, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = || out_of_fold(&*learner, &examples, 5, &SeedTree::new(seed)).unwrap();
        pool.install(run).into_values().into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    assert_eq!(run(1, 0), run(7, 0));
    assert_ne!(run(1, 0), run(1, 1));
}

#[test]
fn folds_and_items_must_be_at_least_two() {
    let (embeddings, labels) = numbered(1, 2);
    let one = Examples::new(embeddings.view(), &labels, &[1.0], 2);
    let learner = LearnerConfig::default().build().unwrap();
    let error = |examples: &Examples<'_>, folds| {
        out_of_fold(&*learner, examples, folds, &SeedTree::new(0)).unwrap_err()
    };
    let few = error(&one, 2);
    assert_eq!(few.kind(), ErrorKind::Missing);
    assert!(few.to_string().starts_with("1 example cannot be predicted by the others"), "{few}");
    assert!(error(&one, 1).to_string().starts_with("`folds` is 1: "));
    // All weight lies on item 2: without it there is nothing to learn from the others.
    let (embeddings, labels) = numbered(3, 2);
    let weights = [0.0, 0.0, 1.0];
    let lone = Examples::new(embeddings.view(), &labels, &weights, 2);
    let nothing = error(&lone, 3);
    assert!(nothing.to_string().starts_with("none of the 2 examples has a weight"), "{nothing}");
    let unequal = Examples::new(embeddings.view(), &labels, &[1.0], 2);
    assert_eq!(error(&unequal, 3), Error::row_count("weights", 3, 1));
}
