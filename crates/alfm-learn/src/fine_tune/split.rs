use alfm_core::{ClassId, SeedTree};

use crate::by_class::shuffled_by_class;

/// Which labelled examples are held out: of each class this share, rounded, and never all.
pub(super) fn held_out(
    labels: &[ClassId],
    classes: usize,
    share: f64,
    seed: &SeedTree,
) -> Vec<usize> {
    let mut held = Vec::new();
    for rows in shuffled_by_class(labels, classes, seed) {
        let count = (rows.len() as f64 * share).round() as usize;
        held.extend(&rows[..count.min(rows.len().saturating_sub(1))]);
    }
    held.sort_unstable();
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_gives_its_share_and_keeps_one() {
        let labels: Vec<ClassId> =
            [vec![0; 10], vec![1], vec![2; 4]].concat().into_iter().map(ClassId::new).collect();
        let held = held_out(&labels, 4, 0.3, &SeedTree::new(0));
        let count = |class| held.iter().filter(|row| labels[**row] == ClassId::new(class)).count();
        assert_eq!([0, 1, 2].map(count), [3, 0, 1]);
        assert_ne!(held, held_out(&labels, 4, 0.3, &SeedTree::new(1)));
        assert_eq!(held_out(&labels[9..], 4, 0.95, &SeedTree::new(0)).len(), 3);
    }
}
