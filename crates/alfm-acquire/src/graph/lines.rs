//! The one-vs-rest order of the pool: one line a class, the most class-like row first.

use std::borrow::Cow;

use alfm_core::{Predictions, ScoreKind};
use rayon::prelude::*;

/// The lines of a pool, each computed when it is asked for.
///
/// On the line of class `k` rows stand by descending `s = p_k - max_j p_j` (in `f32`), then by descending
/// `p_k`, then by ascending row: first those predicted as `k`, then the others by how far `k` is behind.
/// Labelled rows stand among the unlabelled ones. With two classes the second line is the exact reverse of
/// the first.
///
/// `4 N` bytes for the maxima; logits need `4 N K` more for their softmax.
pub(super) struct Lines<'a> {
    probabilities: Cow<'a, [f32]>,
    largest: Vec<f32>,
    classes: usize,
}

/// Ascending keys are the order of a line; see [`Lines::key`].
type Key = (u32, u32, u32);

impl<'a> Lines<'a> {
    pub(super) fn new(model: Predictions<'a>) -> Self {
        let classes = model.classes();
        let probabilities = match model.kind() {
            ScoreKind::Probabilities => Cow::Borrowed(model.matrix().values()),
            ScoreKind::Logits => Cow::Owned(softmax(model)),
        };
        let largest = (probabilities.par_chunks_exact(classes).with_min_len(1024))
            .map(|row| row.iter().copied().fold(0.0, f32::max))
            .collect();
        Self { probabilities, largest, classes }
    }

    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    pub(super) fn rows(&self) -> usize {
        self.largest.len()
    }

    /// The rows in the order of a class's line.
    ///
    /// `O(N log N)` time, `8 N` bytes while it sorts, `4 N` for the result.
    pub(super) fn order(&self, class: usize) -> Vec<u32> {
        if self.mirrored(class) {
            let mut order = self.order(0);
            order.reverse();
            return order;
        }
        let packed = |row: u32| u64::from(self.leading(row, class)) << 32 | u64::from(row);
        let mut packed: Vec<u64> = (0..self.rows())
            .into_par_iter()
            .with_min_len(4096)
            .map(|row| packed(row as u32))
            .collect();
        packed.par_sort_unstable();
        let order: Vec<u32> = packed.iter().map(|packed| *packed as u32).collect();
        self.settle_ties(order, &packed, class)
    }

    /// Where a row stands on a class's line, whose order is given. `O(log N)`.
    pub(super) fn position(&self, class: usize, order: &[u32], row: u32) -> usize {
        if self.mirrored(class) {
            let key = self.key(row, 0);
            return order.partition_point(|other| self.key(*other, 0) > key);
        }
        let key = self.key(row, class);
        order.partition_point(|other| self.key(*other, class) < key)
    }

    fn mirrored(&self, class: usize) -> bool {
        self.classes == 2 && class == 1
    }

    /// Rows whose leading keys are equal, by the rest of the key.
    fn settle_ties(&self, mut order: Vec<u32>, packed: &[u64], class: usize) -> Vec<u32> {
        let mut start = 0;
        for run in packed.chunk_by(|a, b| a >> 32 == b >> 32) {
            if run.len() > 1 {
                order[start..start + run.len()].sort_unstable_by_key(|row| self.key(*row, class));
            }
            start += run.len();
        }
        order
    }

    fn key(&self, row: u32, class: usize) -> Key {
        let p = self.probability(row, class);
        (self.leading(row, class), u32::MAX - p.to_bits(), row)
    }

    /// `-s` in 32 bits that sort as it does, with `p_k` folded in where `s = 0`.
    ///
    /// Floats that are not negative sort as their bits do, which leaves the top bit free to tell `s = 0` from
    /// the rest.
    fn leading(&self, row: u32, class: usize) -> u32 {
        const BEHIND: u32 = 1 << 31;
        let p = self.probability(row, class);
        let behind = self.largest[row as usize] - p;
        if behind > 0.0 { BEHIND | behind.to_bits() } else { BEHIND - 1 - p.to_bits() }
    }

    fn probability(&self, row: u32, class: usize) -> f32 {
        // A probability of -0 passes the checks, and its bits would sort above all others.
        self.probabilities[row as usize * self.classes + class].abs()
    }
}

fn softmax(model: Predictions<'_>) -> Vec<f32> {
    let mut probabilities = vec![0.0; model.rows() * model.classes()];
    (probabilities.par_chunks_exact_mut(model.classes()).enumerate())
        .with_min_len(256)
        .for_each_init(Vec::new, |buffer, (row, out)| out.copy_from_slice(model.row(row, buffer)));
    probabilities
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The worked example of BADGE: 5 rows, 3 classes.
    const P: [f32; 15] =
        [0.6, 0.3, 0.1, 0.5, 0.4, 0.1, 0.2, 0.2, 0.6, 0.34, 0.33, 0.33, 0.98, 0.01, 0.01];

    fn naive(probabilities: &[f32], classes: usize, class: usize) -> Vec<u32> {
        let row = |row: u32| &probabilities[row as usize * classes..][..classes];
        let key = |at: u32| {
            let p = row(at)[class];
            (p - row(at).iter().copied().fold(0.0, f32::max), p)
        };
        let mut order: Vec<u32> = (0..(probabilities.len() / classes) as u32).collect();
        order.sort_by(|a, b| {
            let ((s, p), (other_s, other_p)) = (key(*a), key(*b));
            other_s.partial_cmp(&s).unwrap().then(other_p.partial_cmp(&p).unwrap())
        });
        order
    }

    #[test]
    fn worked_example() {
        let lines = Lines::new(Predictions::probabilities(&P, 5, 3).unwrap());
        let orders: Vec<Vec<u32>> = (0..3).map(|class| lines.order(class)).collect();
        assert_eq!(orders, [[4, 0, 1, 3, 2], [3, 1, 0, 2, 4], [2, 3, 1, 0, 4]]);
    }

    /// Public code adds `1e-8 p_0` on both lines, so that the second is no mirror of the first.
    #[test]
    fn two_classes_break_ties_as_mirrors() {
        let p = [0.1, 0.9, 0.3, 0.7, 0.8, 0.2, 0.3, 0.7];
        let lines = Lines::new(Predictions::probabilities(&p, 4, 2).unwrap());
        assert_eq!(lines.order(0), [2, 1, 3, 0]);
        assert_eq!(lines.order(1), [0, 3, 1, 2]);
    }

    #[test]
    fn a_negative_zero_is_a_zero() {
        let p = [1.0, -0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, -0.0];
        let lines = Lines::new(Predictions::probabilities(&p, 3, 3).unwrap());
        assert_eq!(lines.order(1), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn agrees_with_a_stable_sort_of_the_exact_key(
            rows in prop::collection::vec(prop::collection::vec(1u8..6, 3), 1..60),
        ) {
            let p: Vec<f32> = rows
                .iter()
                .flat_map(|row| row.iter().map(|p| f32::from(*p) / row.iter().sum::<u8>() as f32))
                .collect();
            let lines = Lines::new(Predictions::probabilities(&p, rows.len(), 3).unwrap());
            for class in 0..3 {
                prop_assert_eq!(lines.order(class), naive(&p, 3, class));
            }
        }

        #[test]
        fn every_row_finds_its_position(first in prop::collection::vec(0u8..8, 1..40)) {
            let p: Vec<f32> =
                first.iter().flat_map(|p| [f32::from(*p) / 7.0, 1.0 - f32::from(*p) / 7.0]).collect();
            let lines = Lines::new(Predictions::probabilities(&p, first.len(), 2).unwrap());
            for class in 0..2 {
                let order = lines.order(class);
                for (position, row) in order.iter().enumerate() {
                    prop_assert_eq!(lines.position(class, &order, *row), position);
                }
            }
        }

        #[test]
        fn logits_stand_as_their_softmax_does(z in prop::collection::vec(-9.0f32..9.0, 30)) {
            let logits = Predictions::logits(&z, 10, 3).unwrap();
            let p = softmax(logits);
            for class in 0..3 {
                prop_assert_eq!(Lines::new(logits).order(class), naive(&p, 3, class));
            }
        }
    }
}
