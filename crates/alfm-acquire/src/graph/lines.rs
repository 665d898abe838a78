//! The one-vs-rest order of the pool: one line a class, the most class-like row first.

use std::borrow::Cow;

use alfm_core::Predictions;
use rayon::prelude::*;

/// The lines of a pool, each computed when it is asked for.
///
/// On the line of class `k` rows stand by descending `s = p_k - max_j p_j` (in `f32`), then by descending
/// `p_k`, then by ascending row: first those predicted as `k`, then the others by how far `k` is behind.
/// Labelled rows stand among the unlabelled ones. With two classes the second line is the exact reverse of
/// the first.
///
/// `4 N` bytes for the maxima; logits and half precision need `4 N K` more for their probabilities.
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
        let probabilities =
            model.in_place().map_or_else(|| Cow::Owned(converted(model)), Cow::Borrowed);
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
        self.sorted(class, self.packed(class))
    }

    /// Some rows in the order of a class's line; `O(n log n)` for `n` of them.
    pub(super) fn order_of(&self, class: usize, rows: &[u32]) -> Vec<u32> {
        let column = self.column(class);
        self.sorted(class, rows.par_iter().map(|row| self.pack(*row, column)).collect())
    }

    /// The part of a class's line from one row to another, both included; `None` is the end of the line.
    ///
    /// `O(N + n log n)` for `n` rows.
    pub(super) fn between(&self, class: usize, from: Option<u32>, to: Option<u32>) -> Vec<u32> {
        let column = self.column(class);
        let (from, to) = if self.mirrored(class) { (to, from) } else { (from, to) };
        let from = from.map(|row| self.key(row, column));
        let to = to.map(|row| self.key(row, column));
        let inside = |row: &u32| {
            let key = self.key(*row, column);
            from.is_none_or(|from| from <= key) && to.is_none_or(|to| key <= to)
        };
        let rows = (0..self.rows()).into_par_iter().with_min_len(4096).map(|row| row as u32);
        let rows = rows.filter(inside).map(|row| self.pack(row, column)).collect();
        self.sorted(class, rows)
    }

    /// The part of a class's line at most `reach` positions from the threshold right behind row `last`, or
    /// before all rows; and how many rows of it stand before the threshold.
    ///
    /// `O(N + n log n)` for `n` rows.
    pub(super) fn around(
        &self,
        class: usize,
        last: Option<u32>,
        reach: usize,
    ) -> (Vec<u32>, usize) {
        let column = self.column(class);
        let mut packed = self.packed(class);
        let by_key = |a: &u64, b: &u64| {
            let rest = || self.key(*a as u32, column).cmp(&self.key(*b as u32, column));
            (a >> 32).cmp(&(b >> 32)).then_with(rest)
        };
        let rank = |row| {
            let row = self.pack(row, column);
            packed.par_iter().with_min_len(4096).filter(|other| by_key(other, &row).is_lt()).count()
        };
        let threshold = match (last, self.mirrored(class)) {
            (None, false) => 0,
            (None, true) => self.rows(),
            (Some(row), false) => rank(row) + 1,
            (Some(row), true) => rank(row),
        };
        let start = threshold.saturating_sub(reach);
        let end = threshold.saturating_add(reach).min(self.rows());
        if end < packed.len() {
            packed.select_nth_unstable_by(end, by_key);
        }
        packed.truncate(end);
        if start < packed.len() {
            packed.select_nth_unstable_by(start, by_key);
        }
        let part = self.sorted(class, packed.split_off(start));
        let before = if self.mirrored(class) { end - threshold } else { threshold - start };
        (part, before)
    }

    /// Where a row stands on a class's line, whose order is given. `O(log N)`.
    pub(super) fn position(&self, class: usize, order: &[u32], row: u32) -> usize {
        let column = self.column(class);
        let key = self.key(row, column);
        if self.mirrored(class) {
            order.partition_point(|other| self.key(*other, column) > key)
        } else {
            order.partition_point(|other| self.key(*other, column) < key)
        }
    }

    fn mirrored(&self, class: usize) -> bool {
        self.classes == 2 && class == 1
    }

    /// The column whose keys order a class's line, forwards or backwards.
    fn column(&self, class: usize) -> usize {
        if self.mirrored(class) { 0 } else { class }
    }

    fn packed(&self, class: usize) -> Vec<u64> {
        let column = self.column(class);
        let rows = (0..self.rows()).into_par_iter().with_min_len(4096);
        rows.map(|row| self.pack(row as u32, column)).collect()
    }

    /// All of a row's key but `p_k`, which decides between few rows.
    fn pack(&self, row: u32, column: usize) -> u64 {
        u64::from(self.leading(row, column)) << 32 | u64::from(row)
    }

    fn sorted(&self, class: usize, mut packed: Vec<u64>) -> Vec<u32> {
        sort_in_parts(&mut packed, rayon::current_num_threads());
        let mut order: Vec<u32> = packed.iter().map(|packed| *packed as u32).collect();
        self.settle_ties(&mut order, &packed, self.column(class));
        if self.mirrored(class) {
            order.reverse();
        }
        order
    }

    /// Rows whose leading keys are equal, by the rest of the key.
    fn settle_ties(&self, order: &mut [u32], packed: &[u64], column: usize) {
        let mut start = 0;
        for run in packed.chunk_by(|a, b| a >> 32 == b >> 32) {
            if run.len() > 1 {
                order[start..start + run.len()].sort_unstable_by_key(|row| self.key(*row, column));
            }
            start += run.len();
        }
    }

    fn key(&self, row: u32, column: usize) -> Key {
        let p = self.probability(row, column);
        (self.leading(row, column), u32::MAX - p.to_bits(), row)
    }

    /// `-s` in 32 bits that sort as it does, with `p_k` folded in where `s = 0`.
    ///
    /// Floats that are not negative sort as their bits do, which leaves the top bit free to tell `s = 0` from
    /// the rest.
    fn leading(&self, row: u32, column: usize) -> u32 {
        const BEHIND: u32 = 1 << 31;
        let p = self.probability(row, column);
        let behind = self.largest[row as usize] - p;
        if behind > 0.0 { BEHIND | behind.to_bits() } else { BEHIND - 1 - p.to_bits() }
    }

    fn probability(&self, row: u32, column: usize) -> f32 {
        // A probability of -0 passes the checks, and its bits would sort above all others.
        self.probabilities[row as usize * self.classes + column].abs()
    }
}

/// Distinct numbers, ascending.
///
/// Cuts at the median until there is a part for each thread: on two of them that takes less time than a
/// parallel quicksort, whose leaves are slower than the standard sort.
fn sort_in_parts(numbers: &mut [u64], parts: usize) {
    if parts < 2 || numbers.len() < 4096 {
        return numbers.sort_unstable();
    }
    let (below, _, above) = numbers.select_nth_unstable(numbers.len() / 2);
    rayon::join(|| sort_in_parts(below, parts / 2), || sort_in_parts(above, parts.div_ceil(2)));
}

fn converted(model: Predictions<'_>) -> Vec<f32> {
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

    #[test]
    fn parts_sort_as_the_whole_does() {
        let scrambled = |at: u64| at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for parts in 1..6 {
            let mut numbers: Vec<u64> = (0..9000).map(scrambled).collect();
            let mut expected = numbers.clone();
            expected.sort_unstable();
            sort_in_parts(&mut numbers, parts);
            assert_eq!(numbers, expected);
        }
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

        /// Every stretch of a line and every neighbourhood of a threshold, on mirrored lines as well.
        #[test]
        fn a_part_is_what_the_whole_line_holds_there(
            (classes, rows) in (2usize..4).prop_flat_map(|classes| {
                let row = prop::collection::vec(1u8..4, classes);
                (Just(classes), prop::collection::vec(row, 1..14))
            }),
            reach in 0usize..9,
        ) {
            let p: Vec<f32> = (rows.iter())
                .flat_map(|row| row.iter().map(|p| f32::from(*p) / row.iter().sum::<u8>() as f32))
                .collect();
            let lines = Lines::new(Predictions::probabilities(&p, rows.len(), classes).unwrap());
            let all: Vec<u32> = (0..rows.len() as u32).collect();
            for class in 0..classes {
                let order = lines.order(class);
                prop_assert_eq!(&lines.order_of(class, &all), &order);
                for at in 0..=order.len() {
                    let last = at.checked_sub(1).map(|last| order[last]);
                    let first = order.get(at).copied();
                    prop_assert_eq!(&lines.between(class, None, last.or(Some(order[0])))[..at], &order[..at]);
                    prop_assert_eq!(&lines.between(class, first.or(last), None), &order[at.min(order.len() - 1)..]);
                    let start = at.saturating_sub(reach);
                    let expected = &order[start..(at + reach).min(order.len())];
                    prop_assert_eq!(lines.around(class, last, reach), (expected.to_vec(), at - start));
                }
            }
        }

        #[test]
        fn logits_stand_as_their_softmax_does(z in prop::collection::vec(-9.0f32..9.0, 30)) {
            let logits = Predictions::logits(&z, 10, 3).unwrap();
            let p = converted(logits);
            for class in 0..3 {
                prop_assert_eq!(Lines::new(logits).order(class), naive(&p, 3, class));
            }
        }
    }
}
