//! Parts of a split: a seeded, stratified sample, and what it left.

use alfm_core::{ClassId, SeedTree};

use crate::simulate::{draw, rows_by_class};

/// At most `limit` rows in which the classes keep their shares, ascending: `O(n log n)`.
///
/// Class `k` gets `limit * N_k / N` rows, rounded by largest remainder (ties to the lower class), drawn from a
/// seeded permutation. A limit of `n` or more keeps everything. Panics if a label is not below `classes`.
///
/// ```
/// use alfm_core::{ClassId, SeedTree};
/// let labels = [0, 0, 0, 0, 1, 1].map(ClassId::new);
/// let rows = alfm_data::subset::stratified(&labels, 2, 3, &SeedTree::new(0));
/// assert_eq!(rows.iter().filter(|&&row| labels[row] == ClassId::new(0)).count(), 2);
/// assert_eq!(alfm_data::subset::rest(labels.len(), &rows).len(), 3);
/// ```
pub fn stratified(labels: &[ClassId], classes: usize, limit: usize, seed: &SeedTree) -> Vec<usize> {
    if limit >= labels.len() {
        return (0..labels.len()).collect();
    }
    let rows = rows_by_class(labels, classes);
    let sizes: Vec<usize> = rows.iter().map(Vec::len).collect();
    let seed = seed.child("stratified");
    let mut kept: Vec<usize> = rows
        .into_iter()
        .zip(shares(&sizes, limit))
        .enumerate()
        .flat_map(|(k, (rows, share))| draw(rows, share, &seed.index(k as u64)))
        .collect();
    kept.sort_unstable();
    kept
}

/// The rows of `0..n` that are not in `taken`, ascending.
pub fn rest(n: usize, taken: &[usize]) -> Vec<usize> {
    let mut left = vec![true; n];
    for &row in taken {
        left[row] = false;
    }
    (0..n).filter(|&row| left[row]).collect()
}

/// `limit` divided in proportion to `sizes`, by largest remainder; never more than a size.
fn shares(sizes: &[usize], limit: usize) -> Vec<usize> {
    let total = sizes.iter().sum::<usize>().max(1) as u128;
    let exact: Vec<u128> = sizes.iter().map(|&size| size as u128 * limit as u128).collect();
    let mut shares: Vec<usize> = exact.iter().map(|exact| (exact / total) as usize).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&k| (std::cmp::Reverse(exact[k] % total), k));
    let left = limit - shares.iter().sum::<usize>();
    for &k in order.iter().take(left) {
        shares[k] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 10 of (5, 3, 2, 1): exact 4.5, 2.7, 1.8, 0.9; floors 4, 2, 1, 0; the three largest remainders win.
    #[test]
    fn shares_by_largest_remainder() {
        assert_eq!(shares(&[5, 3, 2, 1], 10), [4, 3, 2, 1]);
        assert_eq!(shares(&[1900; 4], 5600), [1400; 4]);
        assert_eq!(shares(&[1, 1, 1], 2), [1, 1, 0]);
        assert_eq!(shares(&[0, 4], 2), [0, 2]);
    }

    #[test]
    fn the_sample_depends_on_the_seed_alone() {
        let labels: Vec<ClassId> = (0..100).map(|row| ClassId::from_index(row % 3)).collect();
        let sample = |seed| stratified(&labels, 3, 30, &SeedTree::new(seed));
        assert_eq!(sample(1), sample(1));
        assert_ne!(sample(1), sample(2));
        assert_eq!(stratified(&labels, 3, 500, &SeedTree::new(1)), (0..100).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn sample_and_rest_divide_the_rows(
            classes in proptest::collection::vec(0_u32..5, 0..60),
            limit in 0_usize..70,
        ) {
            let labels: Vec<ClassId> = classes.into_iter().map(ClassId::new).collect();
            let kept = stratified(&labels, 5, limit, &SeedTree::new(3));
            prop_assert_eq!(kept.len(), limit.min(labels.len()));
            let mut all = rest(labels.len(), &kept);
            all.extend(&kept);
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
        }
    }
}
