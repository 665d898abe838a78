use alfm_core::{ClassId, SeedTree};
use rand::seq::SliceRandom;

/// The items of each class, shuffled; every class has a seed of its own.
pub(crate) fn shuffled_by_class(
    labels: &[ClassId],
    classes: usize,
    seed: &SeedTree,
) -> Vec<Vec<usize>> {
    let mut rows_of = vec![Vec::new(); classes];
    for (row, label) in labels.iter().enumerate() {
        rows_of[label.index()].push(row);
    }
    for (class, rows) in rows_of.iter_mut().enumerate() {
        rows.shuffle(&mut seed.index(class as u64).rng());
    }
    rows_of
}
