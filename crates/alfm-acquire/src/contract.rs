//! What every strategy of the registry must keep, whatever its rule.

use alfm_core::{ClassId, MatrixView, Predictions, SeedTree};
use proptest::prelude::*;

use crate::{Acquisition, Averaged, Entry, LinearHead, Pick, Pool, registry, select_with_oracle};

/// A pool that owns its inputs.
#[derive(Clone, Debug)]
struct Owned {
    observed: Vec<Option<ClassId>>,
    probabilities: Vec<f32>,
    embeddings: Vec<f32>,
    classes: usize,
}

impl Owned {
    fn select(&self, strategy: &dyn Acquisition, budget: usize, seed: u64) -> Vec<Pick> {
        self.with_pool(|pool| strategy.select(pool, budget, &SeedTree::new(seed)).unwrap())
    }

    /// A pool with every input that a strategy may need, made of the two that this one owns.
    fn with_pool<T>(&self, act: impl FnOnce(&Pool<'_>) -> T) -> T {
        let (rows, classes) = (self.observed.len(), self.classes);
        let model = Predictions::probabilities(&self.probabilities, rows, classes).unwrap();
        let width = self.embeddings.len() / rows;
        let embeddings = MatrixView::new(&self.embeddings, rows, width).unwrap();
        let weights: Vec<f32> = (0..classes * width).map(|i| (i % 5) as f32 - 2.0).collect();
        let bias: Vec<f32> = (0..classes).map(|class| class as f32 / 10.0).collect();
        let head = LinearHead::new(MatrixView::new(&weights, classes, width).unwrap(), &bias);
        let rotated: Vec<f32> = (self.probabilities.chunks(classes))
            .flat_map(|row| row[1..].iter().chain(&row[..1]).copied())
            .collect();
        let rotated = Predictions::probabilities(&rotated, rows, classes).unwrap();
        let online: Vec<f32> = self.embeddings.iter().map(|x| 0.8 * x + 0.1).collect();
        let averaged = Averaged {
            model: rotated,
            hidden: embeddings,
            online_hidden: MatrixView::new(&online, rows, width).unwrap(),
        };
        let surprisal: Vec<f32> = self.embeddings.iter().map(|x| x.abs()).collect();
        let passes = [model, rotated, model];
        let pool = Pool::new(&self.observed)
            .and_then(|pool| pool.with_model(model))
            .and_then(|pool| pool.with_embeddings(embeddings))
            .and_then(|pool| pool.with_prior(rotated))
            .and_then(|pool| pool.with_head(head.unwrap()))
            .and_then(|pool| pool.with_passes(&passes))
            .and_then(|pool| pool.with_averaged(averaged))
            .and_then(|pool| pool.with_surprisal(MatrixView::new(&surprisal, rows, width)?))
            .unwrap();
        act(&pool)
    }

    /// Exactly `min(budget, unlabelled)` distinct unlabelled rows.
    fn keeps_the_contract(
        &self,
        picks: &[Pick],
        budget: usize,
        name: &str,
    ) -> Result<(), TestCaseError> {
        let unlabelled = self.observed.iter().filter(|label| label.is_none()).count();
        prop_assert_eq!(picks.len(), budget.min(unlabelled), "{}", name);
        let mut rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
        prop_assert!(rows.iter().all(|row| self.observed[*row].is_none()));
        rows.sort_unstable();
        rows.dedup();
        prop_assert_eq!(rows.len(), picks.len(), "{} repeats a row", name);
        Ok(())
    }

    fn row(&self, row: usize) -> (Option<ClassId>, &[f32], &[f32]) {
        let width = self.embeddings.len() / self.observed.len();
        (
            self.observed[row],
            &self.probabilities[row * self.classes..][..self.classes],
            &self.embeddings[row * width..][..width],
        )
    }

    fn permuted(&self, order: &[usize]) -> Self {
        let mut permuted = Self {
            observed: vec![],
            probabilities: vec![],
            embeddings: vec![],
            classes: self.classes,
        };
        for row in order {
            let (label, probabilities, embedding) = self.row(*row);
            permuted.observed.push(label);
            permuted.probabilities.extend(probabilities);
            permuted.embeddings.extend(embedding);
        }
        permuted
    }
}

fn strategies() -> impl Iterator<Item = Box<dyn Acquisition>> {
    registry().map(Entry::sample)
}

fn pool() -> impl Strategy<Value = Owned> {
    (2usize..5, 1usize..4, 1usize..24).prop_flat_map(|(classes, width, rows)| {
        let probabilities = prop::collection::vec(
            prop::collection::vec(0.01f32..1.0, classes).prop_map(|row| {
                let sum: f32 = row.iter().sum();
                row.into_iter().map(|p| p / sum).collect::<Vec<_>>()
            }),
            rows,
        );
        let labels = prop::collection::vec(prop::option::weighted(0.3, 0..classes), rows);
        let embeddings = prop::collection::vec(-2.0f32..2.0, rows * width);
        (probabilities, labels, embeddings).prop_map(move |(probabilities, labels, embeddings)| {
            Owned {
                observed: labels.into_iter().map(|label| label.map(ClassId::from_index)).collect(),
                probabilities: probabilities.concat(),
                embeddings,
                classes,
            }
        })
    })
}

proptest! {
    #[test]
    fn the_batch_is_exact_distinct_and_unlabelled(owned in pool(), budget in 0usize..30, seed: u64) {
        for strategy in strategies() {
            let picks = owned.select(&*strategy, budget, seed);
            owned.keeps_the_contract(&picks, budget, strategy.name())?;
        }
    }

    #[test]
    fn the_seed_decides_alone(owned in pool(), seed: u64) {
        let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let many = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for strategy in strategies() {
            let alone = single.install(|| owned.select(&*strategy, 5, seed));
            let together = many.install(|| owned.select(&*strategy, 5, seed));
            prop_assert_eq!(alone, together, "{}", strategy.name());
        }
    }

    /// The answers are noise: a strategy that asks within the batch may not rely on them.
    #[test]
    fn asking_within_the_batch_keeps_the_contract(
        owned in pool(), budget in 0usize..30, annotators in 1usize..6, seed: u64,
    ) {
        let oracle = |rows: &[usize]| {
            Some(rows.iter().map(|row| ClassId::from_index(row % owned.classes)).collect())
        };
        for strategy in strategies() {
            let Some(interactive) = strategy.interactive() else { continue };
            let ask = || {
                let seed = &SeedTree::new(seed);
                let select = |pool: &Pool<'_>| {
                    select_with_oracle(interactive, pool, budget, annotators, seed, &mut &oracle)
                };
                owned.with_pool(select).unwrap()
            };
            let picks = std::thread::scope(|scope| scope.spawn(ask).join()).unwrap();
            owned.keeps_the_contract(&picks, budget, strategy.name())?;
            let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            prop_assert_eq!(single.install(ask), picks, "{}", strategy.name());
        }
    }

    /// Strategies that draw do so by position, so only the others must follow a permutation of the rows.
    #[test]
    fn permuted_rows_give_permuted_picks(owned in pool()) {
        let mut labelled = owned.clone();
        labelled.observed[0] = Some(ClassId::new(0));
        let rows = labelled.observed.len();
        let order: Vec<usize> = (0..rows).rev().collect();
        for name in [
            "least-confident",
            "margin",
            "entropy",
            "gini",
            "bald",
            "mlp",
            "balanced-margin",
            "mase",
            "dfal",
            "base",
            "coreset",
            "ff-active",
        ] {
            let strategy = crate::find(name).unwrap();
            let scores = |picks: Vec<Pick>| picks.iter().map(|pick| pick.score).collect::<Vec<_>>();
            let straight = scores(labelled.select(&*strategy, 4, 0));
            let reversed = scores(labelled.permuted(&order).select(&*strategy, 4, 0));
            prop_assert_eq!(straight, reversed, "{}", name);
        }
    }
}

proptest! {
    /// These sum over rows, so that a permutation may move the last bits of a score, and with them what follows
    /// a tie: only the first pick must score the same.
    #[test]
    fn permuted_rows_give_the_same_first_score(owned in pool()) {
        let order: Vec<usize> = (0..owned.observed.len()).rev().collect();
        for name in ["facility-location", "similar", "bait"] {
            let strategy = crate::find(name).unwrap();
            let straight = owned.select(&*strategy, 4, 0);
            let reversed = owned.permuted(&order).select(&*strategy, 4, 0);
            for (a, b) in straight.iter().zip(&reversed).take(1) {
                prop_assert!((a.score - b.score).abs() < 1e-5, "{}: {:?} {:?}", name, a, b);
            }
        }
    }
}

#[test]
fn identical_items_fill_the_batch() {
    for rows in [1, 2, 7] {
        let owned = Owned {
            observed: vec![None; rows],
            probabilities: [0.5, 0.25, 0.25].repeat(rows),
            embeddings: [1.0, 2.0].repeat(rows),
            classes: 3,
        };
        for strategy in strategies() {
            assert_eq!(owned.select(&*strategy, 4, 0).len(), rows.min(4), "{}", strategy.name());
        }
    }
}

#[test]
fn a_missing_input_is_named() {
    let observed = [None, None];
    let pool = Pool::new(&observed).unwrap();
    for strategy in strategies() {
        let outcome = strategy.select(&pool, 1, &SeedTree::new(0));
        assert_eq!(outcome.is_err(), !strategy.needs().is_empty(), "{}", strategy.name());
        if let Err(error) = outcome {
            assert!(error.to_string().contains(strategy.name()), "{error}");
        }
    }
}

#[test]
fn names_are_distinct() {
    let mut names: Vec<String> = strategies().map(|strategy| strategy.name().into()).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}
