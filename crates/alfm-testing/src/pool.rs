//! Small pools that own their inputs.

use alfm_acquire::{Acquisition, Averaged, Input, LinearHead, Pick, Pool};
use alfm_core::{ClassId, MatrixView, Predictions, SeedTree};
use proptest::prelude::*;

/// A pool that owns its inputs: those that a strategy may need beyond these are made of them.
#[derive(Clone, Debug)]
pub struct OwnedPool {
    /// What the oracle has answered, a row each.
    pub observed: Vec<Option<ClassId>>,
    /// The small model's class probabilities, `N x K`.
    pub probabilities: Vec<f32>,
    /// Embeddings, `N x D`.
    pub embeddings: Vec<f32>,
    /// Classes `K`.
    pub classes: usize,
}

impl OwnedPool {
    /// Number of rows `N`.
    pub fn rows(&self) -> usize {
        self.observed.len()
    }

    /// The rows without a label, ascending.
    pub fn unlabelled(&self) -> Vec<usize> {
        (0..self.rows()).filter(|row| self.observed[*row].is_none()).collect()
    }

    /// The picks of a strategy that has every input.
    ///
    /// # Panics
    /// Where the strategy fails.
    pub fn select(&self, strategy: &dyn Acquisition, budget: usize, seed: u64) -> Vec<Pick> {
        self.with_pool(|pool| strategy.select(pool, budget, &SeedTree::new(seed)).unwrap())
    }

    /// What `act` makes of the pool with every input.
    ///
    /// # Panics
    /// If the inputs don't fit each other.
    pub fn with_pool<T>(&self, act: impl FnOnce(&Pool<'_>) -> T) -> T {
        self.with_inputs(|_| true, act)
    }

    /// What `act` makes of the pool with the wanted inputs alone.
    ///
    /// The prior and the passes are the model's probabilities with the classes moved on by one, the running average
    /// has the embeddings as its features, and surprisal is their absolute value.
    ///
    /// # Panics
    /// If the inputs don't fit each other.
    pub fn with_inputs<T>(
        &self,
        wanted: impl Fn(Input) -> bool,
        act: impl FnOnce(&Pool<'_>) -> T,
    ) -> T {
        let rows = self.rows();
        let classes = self.classes;
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
        let surprisal = MatrixView::new(&surprisal, rows, width).unwrap();
        let passes = [model, rotated, model];
        let mut pool = Pool::new(&self.observed).unwrap();
        if wanted(Input::Model) {
            pool = pool.with_model(model).unwrap();
        }
        if wanted(Input::Embeddings) {
            pool = pool.with_embeddings(embeddings).unwrap();
        }
        if wanted(Input::Prior) {
            pool = pool.with_prior(rotated).unwrap();
        }
        if wanted(Input::Head) {
            pool = pool.with_head(head.unwrap()).unwrap();
        }
        if wanted(Input::Passes) {
            pool = pool.with_passes(&passes).unwrap();
        }
        if wanted(Input::Averaged) {
            pool = pool.with_averaged(averaged).unwrap();
        }
        if wanted(Input::Surprisal) {
            pool = pool.with_surprisal(surprisal).unwrap();
        }
        act(&pool)
    }

    /// The same items in another order: row `i` is row `order[i]` of this pool.
    #[must_use]
    pub fn permuted(&self, order: &[usize]) -> Self {
        let width = self.embeddings.len() / self.rows();
        let mut permuted =
            Self { observed: vec![], probabilities: vec![], embeddings: vec![], ..*self };
        for row in order {
            permuted.observed.push(self.observed[*row]);
            permuted
                .probabilities
                .extend(&self.probabilities[row * self.classes..][..self.classes]);
            permuted.embeddings.extend(&self.embeddings[row * width..][..width]);
        }
        permuted
    }
}

/// Pools of up to 23 rows, 2 to 4 classes and 1 to 3 columns, of which about a third of the rows are labelled.
pub fn pools() -> impl Strategy<Value = OwnedPool> {
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
            OwnedPool {
                observed: labels.into_iter().map(|label| label.map(ClassId::from_index)).collect(),
                probabilities: probabilities.concat(),
                embeddings,
                classes,
            }
        })
    })
}
