//! Parts of a split: a seeded, stratified sample, and what it left.

use std::collections::BTreeMap;

use alfm_core::{ClassId, SeedTree};
use rand::seq::SliceRandom;

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

/// At most `limit` rows of whole groups, in which the classes keep their shares, ascending: `O(n log n)`.
///
/// For items that belong together, such as images of one patient: rows of a group are all in the part, or all in
/// the [`rest`]. A group counts as its first row's class. Of each class, groups are taken in the order of a seeded
/// permutation as long as they fit into its share (see [`stratified`]), so that a class may stay short of it by less
/// than its largest group left. Panics if lengths differ or a label is not below `classes`.
///
/// ```
/// use alfm_core::{ClassId, SeedTree};
/// let labels = [0, 0, 0, 1, 1, 1].map(ClassId::new);
/// let lesions = ["a", "a", "b", "c", "c", "d"];
/// let rows = alfm_data::subset::grouped(&labels, &lesions, 2, 4, &SeedTree::new(0));
/// assert_eq!(rows.contains(&0), rows.contains(&1));
/// assert_eq!(rows.contains(&3), rows.contains(&4));
/// ```
pub fn grouped<G: Ord>(
    labels: &[ClassId],
    groups: &[G],
    classes: usize,
    limit: usize,
    seed: &SeedTree,
) -> Vec<usize> {
    assert_eq!(labels.len(), groups.len(), "one group for each label");
    if limit >= labels.len() {
        return (0..labels.len()).collect();
    }
    let mut members: BTreeMap<&G, Vec<usize>> = BTreeMap::new();
    for (row, group) in groups.iter().enumerate() {
        members.entry(group).or_default().push(row);
    }
    // Groups in the order of their first rows: their names decide nothing.
    let mut members: Vec<Vec<usize>> = members.into_values().collect();
    members.sort_unstable();
    let mut of_class = vec![Vec::new(); classes];
    for (group, rows) in members.iter().enumerate() {
        of_class[labels[rows[0]].index()].push(group);
    }
    let size = |of_class: &Vec<usize>| of_class.iter().map(|&group| members[group].len()).sum();
    let sizes: Vec<usize> = of_class.iter().map(size).collect();
    let seed = seed.child("grouped");
    let mut kept = Vec::with_capacity(limit);
    for (k, (candidates, mut share)) in of_class.into_iter().zip(shares(&sizes, limit)).enumerate()
    {
        let count = candidates.len();
        for group in draw(candidates, count, &seed.index(k as u64)) {
            if members[group].len() <= share {
                share -= members[group].len();
                kept.extend(&members[group]);
            }
        }
    }
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

/// The rows of each of `classes` classes, ascending: `O(n)`. Panics if a label is not below `classes`.
pub fn rows_by_class(labels: &[ClassId], classes: usize) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); classes];
    for (row, label) in labels.iter().enumerate() {
        rows[label.index()].push(row);
    }
    rows
}

/// The first `count` of a seeded permutation of `rows`, all of them if there are no more: `O(n)`.
pub fn draw(mut rows: Vec<usize>, count: usize, seed: &SeedTree) -> Vec<usize> {
    rows.shuffle(&mut seed.rng());
    rows.truncate(count);
    rows
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

    /// 12 items in groups of 1, 2 and 3, two classes of 6: half of them is 3 and 3.
    #[test]
    fn groups_stay_whole() {
        let labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1].map(ClassId::new);
        let groups = [5, 5, 5, 1, 1, 2, 9, 8, 8, 7, 7, 7];
        for seed in 0..20 {
            let kept = grouped(&labels, &groups, 2, 6, &SeedTree::new(seed));
            let left = rest(12, &kept);
            assert_eq!(kept.len(), 6, "{seed}");
            assert_eq!(kept.iter().filter(|row| **row < 6).count(), 3, "{seed}");
            assert!(kept.iter().all(|a| left.iter().all(|b| groups[*a] != groups[*b])), "{seed}");
        }
        let sample = |seed| grouped(&labels, &groups, 2, 6, &SeedTree::new(seed));
        assert!((1..20).any(|seed| sample(seed) != sample(0)));
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
