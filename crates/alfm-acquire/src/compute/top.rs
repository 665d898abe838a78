//! The largest scores without sorting the rest: `O(N)` for the cut, `O(b log b)` for the order.

use crate::Pick;

/// The `count` rows with the largest scores, largest first; ties go to the row that stands first in `rows`.
///
/// `rows` and `scores` run in parallel. `O(N + b log b)` time, `8 N` bytes.
///
/// ```
/// use alfm_acquire::compute::largest;
/// let picks = largest(&[10, 11, 12, 13], &[0.5, 0.9, 0.1, 0.9], 3);
/// assert_eq!(picks.iter().map(|pick| pick.row).collect::<Vec<_>>(), [11, 13, 10]);
/// ```
///
/// # Panics
/// If `rows` and `scores` differ in length: a fault of the caller, not of its data.
pub fn largest(rows: &[usize], scores: &[f32], count: usize) -> Vec<Pick> {
    assert_eq!(rows.len(), scores.len(), "one score a row");
    let count = count.min(scores.len());
    let mut keys = keys(scores);
    if 0 < count && count < keys.len() {
        keys.select_nth_unstable(count);
    }
    keys.truncate(count);
    keys.sort_unstable();
    let pick =
        |key: u64| Pick { row: rows[position(key)], score: f64::from(scores[position(key)]) };
    keys.into_iter().map(pick).collect()
}

/// Positions of the `count` largest scores, and of all others; both ascending.
///
/// Ties go to the lower position. `O(N)` time, `16 N` bytes: nothing is sorted.
///
/// ```
/// use alfm_acquire::compute::split_largest;
/// assert_eq!(split_largest(&[0.5, 0.9, 0.1, 0.9], 3), (vec![0, 1, 3], vec![2]));
/// ```
pub fn split_largest(scores: &[f32], count: usize) -> (Vec<usize>, Vec<usize>) {
    let mut keys = keys(scores);
    let cut = match keys.len() {
        length if count < length => *keys.select_nth_unstable(count).1,
        _ => u64::MAX,
    };
    (0..scores.len()).partition(|at| key(scores[*at], *at) < cut)
}

fn keys(scores: &[f32]) -> Vec<u64> {
    scores.iter().enumerate().map(|(at, score)| key(*score, at)).collect()
}

/// A number that sorts by descending score, then by ascending position.
fn key(score: f32, at: usize) -> u64 {
    // Adding zero makes -0 equal to 0, as a tie has it.
    let bits = (score + 0.0).to_bits();
    // Flips negative floats so that unsigned order is float order, then reverses it.
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    (u64::from(!ascending) << 32) | at as u64
}

fn position(key: u64) -> usize {
    (key & u64::from(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn minus_zero_ties_with_zero() {
        let rows: Vec<usize> =
            largest(&[0, 1, 2], &[-0.0, 0.0, -0.0], 3).iter().map(|pick| pick.row).collect();
        assert_eq!(rows, [0, 1, 2]);
        assert_eq!(split_largest(&[-0.0, 0.0, -0.0], 1), (vec![0], vec![1, 2]));
    }

    proptest! {
        #[test]
        fn agrees_with_a_full_stable_sort(
            scores in prop::collection::vec((-3i8..3).prop_map(|s| f32::from(s) / 2.0), 0..60),
            count in 0usize..70,
        ) {
            let mut sorted: Vec<usize> = (0..scores.len()).collect();
            sorted.sort_by(|a, b| scores[*b].total_cmp(&(scores[*a])));
            let count_given = count.min(scores.len());
            let rows: Vec<usize> = (0..scores.len()).collect();
            let top: Vec<usize> = largest(&rows, &scores, count).iter().map(|pick| pick.row).collect();
            prop_assert_eq!(&top, &sorted[..count_given]);
            let (top, rest) = split_largest(&scores, count);
            sorted[..count_given].sort_unstable();
            sorted[count_given..].sort_unstable();
            prop_assert_eq!(top, &sorted[..count_given]);
            prop_assert_eq!(rest, &sorted[count_given..]);
        }
    }
}
