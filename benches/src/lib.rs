//! Inputs that the benches share.

use alfm_core::SeedTree;
use rand::RngExt;

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
