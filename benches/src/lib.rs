//! Inputs that the benches share.

pub mod files;
pub mod memory;
mod select;
mod synthetic;

use alfm_core::SeedTree;
use rand::RngExt;
use rayon::prelude::*;

pub use select::select;
pub use synthetic::Shape;

/// `rows x classes` random probabilities, row by row.
pub fn probabilities(rows: usize, classes: usize, name: &str) -> Vec<f32> {
    let mut rng = SeedTree::new(0).child(name).rng();
    let mut values: Vec<f32> = (0..rows * classes).map(|_| rng.random_range(0.01..1.0)).collect();
    for row in values.chunks_exact_mut(classes) {
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|value| *value /= sum);
    }
    values
}

/// The sum of all values, on all threads: as fast as memory lets a program look at each of them once.
///
/// Sixteen sums side by side, as one alone waits for its own addition and not for memory.
pub fn plain_read(values: &[f32]) -> f32 {
    let sum = |block: &[f32]| {
        let mut lanes = [0.0f32; 16];
        let (chunks, tail) = block.as_chunks::<16>();
        for chunk in chunks {
            lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
        }
        lanes.iter().chain(tail).sum::<f32>()
    };
    values.par_chunks(1 << 16).map(sum).sum()
}
