//! The largest scores without sorting the rest: a sample brackets the cut, one pass settles it, in `O(N)`.

use std::ops::RangeInclusive;

use rayon::prelude::*;

use crate::Pick;

/// Scores that one thread takes at a time; a list no longer than that needs no sample.
const BLOCK: usize = 1 << 16;

/// Scores looked at together within a block.
const RUN: usize = 64;

/// Scores of the sample.
const SAMPLE: usize = 1 << 12;

/// Rows that positions stand for.
pub trait Rows: Copy + Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// The row at a position.
    fn at(&self, position: usize) -> usize;
}

impl Rows for &[usize] {
    fn count(&self) -> usize {
        self.len()
    }

    fn at(&self, position: usize) -> usize {
        self[position]
    }
}

impl Rows for &[u32] {
    fn count(&self) -> usize {
        self.len()
    }

    fn at(&self, position: usize) -> usize {
        self[position] as usize
    }
}

/// The `count` rows with the largest scores, largest first.
///
/// `rows` and `scores` run in parallel; `ties` says which of equal scores comes first. `O(N + b log b)` time, in
/// parallel but for the `b`; `O(b)` memory and 4 bytes for every score near the cut: a few hundredths of `N`, or as
/// many as tie with it.
///
/// ```
/// use alfm_kernels::{Ties, largest};
/// let rows: &[usize] = &[10, 11, 12, 13];
/// let picks = largest(rows, &[0.5, 0.9, 0.1, 0.9], 3, Ties::by_row());
/// assert_eq!(picks.iter().map(|pick| pick.row).collect::<Vec<_>>(), [11, 13, 10]);
/// ```
///
/// # Panics
/// If `rows` and `scores` differ in length: a fault of the caller, not of its data.
pub fn largest(rows: impl Rows, scores: &[f32], count: usize, ties: Ties) -> Vec<Pick> {
    assert_eq!(rows.count(), scores.len(), "one score a row");
    let count = count.min(scores.len());
    if count == 0 {
        return Vec::new();
    }
    let shares = shares(rows, scores, count, ties);
    let mut top: Vec<usize> = shares.par_iter().flat_map_iter(Share::top).collect();
    top.sort_unstable_by_key(|at| (key(scores[*at]), ties.key(rows.at(*at)), *at));
    let pick = |at: usize| Pick { row: rows.at(at), score: f64::from(scores[at]) };
    top.into_iter().map(pick).collect()
}

/// Positions of the `count` largest scores, and of all others; both ascending.
///
/// `rows` and `scores` run in parallel; `ties` says which of equal scores comes first. `O(N)` time, in parallel,
/// nothing sorted; `4 N` bytes, which are returned, beside those of [`largest`].
///
/// ```
/// use alfm_kernels::{Ties, split_largest};
/// let rows: &[usize] = &[10, 11, 12, 13];
/// let split = split_largest(rows, &[0.5, 0.9, 0.1, 0.9], 3, Ties::by_row());
/// assert_eq!(split, (vec![0, 1, 3], vec![2]));
/// ```
///
/// # Panics
/// As [`largest`], and above 2^32 rows.
#[expect(clippy::cast_possible_truncation, reason = "asserted")]
pub fn split_largest(
    rows: impl Rows,
    scores: &[f32],
    count: usize,
    ties: Ties,
) -> (Vec<u32>, Vec<u32>) {
    assert_eq!(rows.count(), scores.len(), "one score a row");
    assert!(u32::try_from(scores.len()).is_ok(), "positions have 32 bits");
    let count = count.min(scores.len());
    if count == 0 {
        return (Vec::new(), (0..scores.len() as u32).collect());
    }
    let mut top = vec![0; count];
    let mut rest = vec![0; scores.len() - count];
    let mut top_left = &mut top[..];
    let mut rest_left = &mut rest[..];
    let mut pieces = Vec::new();
    for share in shares(rows, scores, count, ties) {
        let mine = share.size;
        let others = share.scores.len() - share.size;
        pieces.push((share, take(&mut top_left, mine), take(&mut rest_left, others)));
    }
    pieces.into_par_iter().for_each(|(share, top, rest)| share.divide(top, rest));
    (top, rest)
}

/// The first `length` elements of what is left of a slice.
fn take<'a>(slice: &mut &'a mut [u32], length: usize) -> &'a mut [u32] {
    let (head, tail) = std::mem::take(slice).split_at_mut(length);
    *slice = tail;
    head
}

/// A block of scores and how many of the largest lie in it.
struct Share<'a, R> {
    first: usize,
    rows: R,
    scores: &'a [f32],
    /// All smaller keys are among the largest scores.
    cut: u32,
    ties: Ties,
    /// Of the scores with the key `cut` those are, too, whose tie key is smaller than this one.
    tie_cut: u32,
    /// And so many of those whose tie key is this one: the first ones.
    last_ties: usize,
    size: usize,
}

impl<R: Rows> Share<'_, R> {
    /// Positions of the largest scores, ascending.
    fn top(&self) -> Vec<usize> {
        let mut top = Vec::with_capacity(self.size);
        let mut left = self.last_ties;
        for (run, scores) in self.scores.chunks(RUN).enumerate() {
            if !scores.iter().fold(false, |any, score| any | (key(*score) <= self.cut)) {
                continue;
            }
            for (at, score) in (run * RUN..).zip(scores) {
                let key = key(*score);
                if key < self.cut || key == self.cut && self.takes_tie(at, &mut left) {
                    top.push(self.first + at);
                }
            }
        }
        top
    }

    /// Whether the score at this place of the block, whose key is the cut, is among the largest.
    fn takes_tie(&self, at: usize, left: &mut usize) -> bool {
        let tie = self.ties.key(self.rows.at(self.first + at));
        let last = tie == self.tie_cut && *left > 0;
        *left -= usize::from(last);
        tie < self.tie_cut || last
    }

    /// Writes each position to the end of both lists and moves on in the one that it belongs to: which that
    /// is, no branch predictor could tell.
    #[expect(clippy::cast_possible_truncation, reason = "positions have 32 bits")]
    fn divide(&self, top: &mut [u32], rest: &mut [u32]) {
        let mut in_top = 0;
        let mut in_rest = 0;
        let mut left = self.last_ties;
        for (at, score) in (self.first..).zip(self.scores) {
            let key = key(*score);
            let tie = key == self.cut && self.takes_tie(at - self.first, &mut left);
            let taken = key < self.cut || tie;
            if let Some(slot) = top.get_mut(in_top) {
                *slot = at as u32;
            }
            if let Some(slot) = rest.get_mut(in_rest) {
                *slot = at as u32;
            }
            in_top += usize::from(taken);
            in_rest += usize::from(!taken);
        }
    }
}

/// Which of equal scores comes first.
///
/// A pool is often in some order, by class or by date, so the first of equal rows are no sample of them. A seed makes
/// the choice fair and keeps it repeatable: it depends on the seed and on the numbers of the rows, and on nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    seed: Option<u64>,
}

impl Ties {
    /// The row that stands first, as in worked examples of papers.
    pub fn by_row() -> Self {
        Self { seed: None }
    }

    /// Any row with the same probability.
    pub fn seeded(seed: u64) -> Self {
        Self { seed: Some(seed) }
    }

    /// Where a row stands among equals: the smallest comes first, and of equal keys the first row.
    pub fn key(self, row: usize) -> u32 {
        let Some(seed) = self.seed else { return 0 };
        // The finaliser of SplitMix64 (Steele, Lea and Flood 2014), of which the upper half is taken.
        let mut z = (row as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32
    }

    /// The key up to which `wanted` of the rows whose scores have the key `cut` come first, and how many of those with
    /// just this key do; 4 bytes for each of them all.
    fn cut(self, rows: impl Rows, scores: &[f32], cut: u32, wanted: usize) -> (u32, usize) {
        let tied = scores.par_iter().enumerate().with_min_len(BLOCK);
        let tied = tied.filter(|(_, score)| key(**score) == cut);
        let mut keys: Vec<u32> = tied.map(|(at, _)| self.key(rows.at(at))).collect();
        let last = *keys.select_nth_unstable(wanted - 1).1;
        let before = keys.iter().filter(|key| **key < last).count();
        (last, wanted - before)
    }
}

/// Where the `count` largest scores lie, block by block; `1 <= count <= N`.
fn shares<R: Rows>(rows: R, scores: &[f32], count: usize, ties: Ties) -> Vec<Share<'_, R>> {
    let bracketed = brackets(scores, &bracket(scores, count));
    let (below, near) = totals(&bracketed);
    let blocks = if below < count && count <= below + near {
        bracketed
    } else {
        brackets(scores, &(0..=u32::MAX))
    };
    let (below, near) = totals(&blocks);
    let mut keys = Vec::with_capacity(near);
    keys.extend(blocks.iter().flat_map(|block| &block.near));
    let cut = *keys.select_nth_unstable(count - below - 1).1;
    let smaller = below + keys.iter().filter(|key| **key < cut).count();
    let wanted = count - smaller;
    let tied = keys.iter().filter(|key| **key == cut).count();
    let (tie_cut, mut last_left) = if wanted == tied || ties.seed.is_none() {
        // All of them, or the first ones: their tie keys are the same.
        (0, wanted)
    } else {
        ties.cut(rows, scores, cut, wanted)
    };
    let ties = if wanted == tied { Ties::by_row() } else { ties };
    let mut shares = Vec::with_capacity(blocks.len());
    for (at, (block, scores)) in blocks.iter().zip(scores.chunks(BLOCK)).enumerate() {
        let smaller = block.below + block.near.iter().filter(|key| **key < cut).count();
        let mut share = Share {
            first: at * BLOCK,
            rows,
            scores,
            cut,
            ties,
            tie_cut,
            last_ties: 0,
            size: smaller,
        };
        if block.near.contains(&cut) {
            let places = (0..scores.len()).filter(|at| key(scores[*at]) == cut);
            let (mut surely, mut last) = (0, 0);
            for tie in places.map(|place| ties.key(rows.at(at * BLOCK + place))) {
                surely += usize::from(tie < tie_cut);
                last += usize::from(tie == tie_cut);
            }
            share.last_ties = last.min(last_left);
            last_left -= share.last_ties;
            share.size += surely + share.last_ties;
        }
        shares.push(share);
    }
    shares
}

/// Keys between which the `count`-th smallest very likely lies, by a regular sample.
fn bracket(scores: &[f32], count: usize) -> RangeInclusive<u32> {
    if scores.len() <= BLOCK {
        return 0..=u32::MAX;
    }
    let mut sample: Vec<u32> =
        (0..SAMPLE).map(|at| key(scores[at * scores.len() / SAMPLE])).collect();
    sample.sort_unstable();
    let rank = count as f64 / scores.len() as f64 * SAMPLE as f64;
    // Four standard deviations of the rank in a random sample, and a little for the smallest ranks.
    let slack = 4.0 * (rank * (1.0 - rank / SAMPLE as f64)).sqrt() + 4.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "both >= 0")]
    let low = (rank - slack).max(0.0) as usize;
    let high = (rank + slack) as usize;
    let low = if low == 0 { 0 } else { sample[low] };
    low..=sample.get(high).copied().unwrap_or(u32::MAX)
}

/// What one pass knows of a block.
struct Block {
    /// How many keys are below the bracket.
    below: usize,
    /// The keys within it.
    near: Vec<u32>,
}

fn brackets(scores: &[f32], bracket: &RangeInclusive<u32>) -> Vec<Block> {
    scores.par_chunks(BLOCK).map(|block| within(block, bracket)).collect()
}

/// Keys go to the end of a short list, which moves on where they are near: no branch to mispredict.
fn within(scores: &[f32], bracket: &RangeInclusive<u32>) -> Block {
    let low = *bracket.start();
    let high = *bracket.end();
    let mut below = 0;
    let mut near = Vec::new();
    for scores in scores.chunks(RUN) {
        let mut list = [0; RUN];
        let mut length = 0;
        for score in scores {
            let key = key(*score);
            list[length] = key;
            length += usize::from(low <= key && key <= high);
            below += usize::from(key < low);
        }
        near.extend_from_slice(&list[..length]);
    }
    Block { below, near }
}

fn totals(blocks: &[Block]) -> (usize, usize) {
    blocks
        .iter()
        .fold((0, 0), |(below, near), block| (below + block.below, near + block.near.len()))
}

/// A number that sorts by descending score; the two zeros are one.
fn key(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    // Flips negative floats so that unsigned order is float order, then reverses it.
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    !ascending
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(count: usize) -> Vec<u32> {
        (0..count as u32).collect()
    }

    fn by_row(scores: &[f32], count: usize) -> (Vec<u32>, Vec<u32>) {
        split_largest(&numbered(scores.len())[..], scores, count, Ties::by_row())
    }

    /// Of a pool of equal rows, any seed takes another fair sample; the same seed the same one, in any part of the pool.
    #[test]
    fn a_seed_draws_from_equals_without_regard_to_their_order() {
        let (size, count) = (3 * BLOCK + 7, 2_000);
        let rows = numbered(size);
        let scores = vec![0.5; size];
        let draw = |seed| split_largest(&rows[..], &scores, count, Ties::seeded(seed)).0;
        let (first, second) = (draw(0), draw(1));
        assert_eq!((first.len(), &first), (count, &draw(0)));
        let common = first.iter().filter(|row| second.binary_search(row).is_ok()).count();
        // By chance 2000 * 2000 / 196615 = 20 of them.
        assert!(common < 60, "{common}");
        for part in 0..4 {
            let within = |row: &&u32| **row as usize * 4 / size == part;
            let share = first.iter().filter(within).count();
            // 500 in the mean, with a standard deviation of 19.
            assert!((400..600).contains(&share), "{share} in quarter {part}");
        }
        let picks = largest(&rows[..], &scores, count, Ties::seeded(0));
        let mut picked: Vec<u32> = picks.iter().map(|pick| pick.row as u32).collect();
        assert!(!picked.is_sorted(), "in the order of their keys, not of the rows");
        picked.sort_unstable();
        assert_eq!(picked, first);
    }

    #[test]
    fn the_two_zeros_tie() {
        assert_eq!(by_row(&[-0.0, 0.0, -0.0], 1), (vec![0], vec![1, 2]));
    }

    /// Ties that run over the edges of blocks go to the first rows, however many threads there are.
    #[test]
    fn ties_across_blocks_go_to_the_first_rows() {
        let scores: Vec<f32> =
            (0..3 * BLOCK + 7).map(|at| f32::from(u8::from(at % 5 == 0))).collect();
        let ones: Vec<u32> = (0..scores.len() as u32).step_by(5).collect();
        for count in [1, BLOCK / 5 + 3, ones.len(), ones.len() + 9] {
            let (top, rest) = by_row(&scores, count);
            assert_eq!(top.len(), count);
            assert_eq!(top.len() + rest.len(), scores.len());
            let in_top = ones.len().min(count);
            let chosen: Vec<u32> = top.iter().copied().filter(|at| at % 5 == 0).collect();
            assert_eq!(chosen, ones[..in_top]);
            let filled: Vec<u32> = top.into_iter().filter(|at| at % 5 != 0).collect();
            let others = (0..scores.len() as u32).filter(|at| at % 5 != 0);
            assert!(filled.into_iter().eq(others.take(count - in_top)));
        }
    }

    /// Scores that repeat with the step of the sample mislead it.
    #[test]
    fn a_sample_that_misleads_costs_a_pass_only() {
        let scores: Vec<f32> = (0..16 * SAMPLE + BLOCK).map(|at| (at % 32 / 8) as f32).collect();
        let (top, rest) = by_row(&scores, scores.len() / 4);
        assert!(top.iter().all(|at| scores[*at as usize] == 3.0));
        assert_eq!(top.len() + rest.len(), scores.len());
        assert_eq!(scores.iter().filter(|score| **score == 3.0).count(), top.len());
    }

    proptest! {
        #[test]
        fn agrees_with_a_full_stable_sort(
            scores in prop::collection::vec(
                prop_oneof![(-3i8..3).prop_map(|s| f32::from(s) / 2.0), -1e30f32..1e30], 0..60),
            count in 0usize..70,
            seed in prop::option::of(any::<u64>()),
        ) {
            let rows = numbered(scores.len());
            let mut sorted = rows.clone();
            let ties = seed.map_or(Ties::by_row(), Ties::seeded);
            sorted.sort_by_key(|at| (key(scores[*at as usize]), ties.key(*at as usize)));
            let count_given = count.min(scores.len());
            let top = largest(&rows[..], &scores, count, ties);
            let top: Vec<u32> = top.iter().map(|pick| pick.row as u32).collect();
            prop_assert_eq!(&top, &sorted[..count_given]);
            let (top, rest) = split_largest(&rows[..], &scores, count, ties);
            sorted[..count_given].sort_unstable();
            sorted[count_given..].sort_unstable();
            prop_assert_eq!(top, &sorted[..count_given]);
            prop_assert_eq!(rest, &sorted[count_given..]);
        }
    }
}
