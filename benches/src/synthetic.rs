//! A pool as a campaign sees it after some rounds: imbalanced, and harder in some places than in others.
//!
//! With 10 classes the model is right in 74 of 100 rows. Of 50,000 embeddings of 384 numbers the covariance
//! has a participation ratio of 60; pairs are at a cosine of 0 +- 0.13, nearest neighbours at 0.63. Fewer
//! directions would make pruning by distance look better than it is on real sentences.

use alfm_core::{ClassId, SeedTree};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;

/// Rows that draw from one random stream.
const BLOCK: usize = 4096;
/// Topics of all classes together, unless there are more than half as many classes.
const TOPICS: usize = 256;
/// Directions in which topics differ.
const RANK: usize = 64;
/// Spread within a topic over the spread of topics.
const WITHIN: f32 = 0.7;
/// Squared length of the noise in all directions; that of a topic is 15 on average.
const NOISE: f32 = 7.0;
/// Logit by which the true class leads, at the easiest row; every logit has noise of deviation 1.
const SIGNAL: f32 = 6.0;

/// The size of a synthetic pool, and the seed that it is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct Shape {
    /// Items `N`.
    #[arg(long)]
    pub rows: usize,
    /// Classes `K`.
    #[arg(long)]
    pub classes: usize,
    /// Width of the embeddings `D`.
    #[arg(long)]
    pub dimension: usize,
    /// Items with an observed label.
    #[arg(long)]
    pub labelled: usize,
    /// Seed of all of it.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl Shape {
    /// The class of every row: class `k` has weight `1 / (k + 1)`.
    pub fn truth(&self) -> Vec<ClassId> {
        let weights: Vec<f64> = (0..self.classes).map(|class| 1.0 / (class + 1) as f64).collect();
        let total: f64 = weights.iter().sum();
        let mut truth = vec![ClassId::new(0); self.rows];
        self.fill("truth", &mut truth, 1, |_, rng, class| {
            let mut left = rng.random::<f64>() * total;
            let drawn = weights.iter().position(|weight| {
                left -= weight;
                left < 0.0
            });
            class[0] = ClassId::from_index(drawn.unwrap_or(0));
        });
        truth
    }

    /// The truth of a few rows, drawn uniformly.
    pub fn observed(&self, truth: &[ClassId]) -> Vec<Option<ClassId>> {
        let mut rng = self.stream("labelled").rng();
        let mut observed = vec![None; self.rows];
        for row in rand::seq::index::sample(&mut rng, self.rows, self.labelled.min(self.rows)) {
            observed[row] = Some(truth[row]);
        }
        observed
    }

    /// `N x K` class probabilities of a model that knows easy rows well and hard rows not at all.
    pub fn probabilities(&self, truth: &[ClassId]) -> Vec<f32> {
        let mut values = vec![0.0; self.rows * self.classes];
        self.fill("model", &mut values, self.classes, |row, rng, probabilities| {
            let ease = rng.random::<f32>();
            probabilities.fill_with(|| rng.sample(StandardNormal));
            probabilities[truth[row].index()] += SIGNAL * ease;
            let largest = probabilities.iter().copied().fold(f32::MIN, f32::max);
            probabilities.iter_mut().for_each(|value| *value = (*value - largest).exp());
            let sum: f32 = probabilities.iter().sum();
            probabilities.iter_mut().for_each(|value| *value /= sum);
        });
        values
    }

    /// `N x D` unit vectors, clustered as sentence embeddings are: a topic of the row's class, spread in the
    /// same few directions, and noise in all.
    pub fn embeddings(&self, truth: &[ClassId]) -> Vec<f32> {
        let topics = TOPICS.div_ceil(self.classes).max(2);
        let mut rng = self.stream("topics").rng();
        let mut latent = |length: usize| -> Vec<f32> {
            (0..length).map(|_| rng.sample::<f32, _>(StandardNormal)).collect()
        };
        let centres = latent(self.classes * topics * RANK);
        let directions = latent(RANK * self.dimension);
        let length = (self.dimension as f32).sqrt();
        let mut values = vec![0.0; self.rows * self.dimension];
        self.fill("embeddings", &mut values, self.dimension, |row, rng, vector| {
            let topic = truth[row].index() * topics + rng.random_range(0..topics);
            let noise = NOISE.sqrt() / length;
            vector.fill_with(|| noise * rng.sample::<f32, _>(StandardNormal));
            for at in 0..RANK {
                let spread = WITHIN * rng.sample::<f32, _>(StandardNormal);
                let weight = (centres[topic * RANK + at] + spread) / ((at + 1) as f32).powf(0.25);
                let direction = &directions[at * self.dimension..][..self.dimension];
                let add = |(value, direction): (&mut f32, &f32)| {
                    *value += weight / length * direction;
                };
                vector.iter_mut().zip(direction).for_each(add);
            }
            let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            vector.iter_mut().for_each(|value| *value /= norm);
        });
        values
    }

    fn stream(&self, name: &str) -> SeedTree {
        SeedTree::new(self.seed).child(name)
    }

    /// Fills rows in parallel. Each block has a stream of its own: the values are the same on any machine.
    fn fill<T: Send>(
        &self,
        name: &str,
        values: &mut [T],
        columns: usize,
        row: impl Fn(usize, &mut ChaCha8Rng, &mut [T]) + Sync,
    ) {
        let stream = self.stream(name);
        values.par_chunks_mut(BLOCK * columns).enumerate().for_each(|(block, values)| {
            let mut rng = stream.index(block as u64).rng();
            for (at, values) in values.chunks_exact_mut(columns).enumerate() {
                row(block * BLOCK + at, &mut rng, values);
            }
        });
    }
}
