/// A set of positions `0..N` that finds its neighbours quickly.
///
/// A bit a position, and above it a bit a word of 64 for every word that is not empty, and so on:
/// `O(log N)` with base 64 for each operation, `N / 8` bytes and 2 % more.
pub(super) struct Positions {
    levels: Vec<Vec<u64>>,
}

impl Positions {
    pub(super) fn new(members: impl ExactSizeIterator<Item = bool>) -> Self {
        let mut levels = vec![pack(members)];
        while let Some(top) = levels.last().filter(|top| top.len() > 1) {
            let above = pack(top.iter().map(|word| *word != 0));
            levels.push(above);
        }
        Self { levels }
    }

    pub(super) fn contains(&self, position: usize) -> bool {
        self.levels[0][position / 64] >> (position % 64) & 1 == 1
    }

    pub(super) fn insert(&mut self, position: usize) {
        let mut at = position;
        for words in &mut self.levels {
            words[at / 64] |= 1 << (at % 64);
            at /= 64;
        }
    }

    pub(super) fn remove(&mut self, position: usize) {
        let mut at = position;
        for words in &mut self.levels {
            let word = &mut words[at / 64];
            *word &= !(1 << (at % 64));
            if *word != 0 {
                break;
            }
            at /= 64;
        }
    }

    /// The first member after `position`.
    pub(super) fn after(&self, position: usize) -> Option<usize> {
        let mut from = position + 1;
        for (height, words) in self.levels.iter().enumerate() {
            let above = words.get(from / 64)? & (u64::MAX << (from % 64));
            if above != 0 {
                let first = from / 64 * 64 + above.trailing_zeros() as usize;
                return Some(self.descend(height, first, |word| word.trailing_zeros()));
            }
            from = from / 64 + 1;
        }
        None
    }

    /// The last member before `position`.
    pub(super) fn before(&self, position: usize) -> Option<usize> {
        let mut end = position;
        for (height, words) in self.levels.iter().enumerate() {
            let last = end.checked_sub(1)?;
            let below = words[last / 64] & (u64::MAX >> (63 - last % 64));
            if below != 0 {
                let last = last / 64 * 64 + below.ilog2() as usize;
                return Some(self.descend(height, last, u64::ilog2));
            }
            end = last / 64;
        }
        None
    }

    /// The member nearest to `position`, the lower one on ties.
    pub(super) fn nearest(&self, position: usize) -> Option<usize> {
        if self.contains(position) {
            return Some(position);
        }
        match (self.before(position), self.after(position)) {
            (Some(below), Some(above)) if above - position < position - below => Some(above),
            (below, above) => below.or(above),
        }
    }

    /// From a bit of level `height` down to a member, each time to the bit that `choose` picks of a word.
    fn descend(&self, height: usize, bit: usize, choose: impl Fn(u64) -> u32) -> usize {
        self.levels[..height]
            .iter()
            .rev()
            .fold(bit, |at, words| at * 64 + choose(words[at]) as usize)
    }
}

fn pack(mut bits: impl ExactSizeIterator<Item = bool>) -> Vec<u64> {
    let mut words = vec![0; bits.len().div_ceil(64)];
    for word in &mut words {
        *word = bits
            .by_ref()
            .take(64)
            .enumerate()
            .fold(0, |word, (at, bit)| word | u64::from(bit) << at);
    }
    words
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_sorted_set(
            length in 1usize..9000,
            start in prop::collection::vec(0usize..9000, 0..20),
            moves in prop::collection::vec((0usize..9000, any::<bool>()), 0..40),
        ) {
            let mut naive: BTreeSet<usize> = start.iter().map(|at| at % length).collect();
            let mut positions = Positions::new((0..length).map(|at| naive.contains(&at)));
            for (at, insert) in moves {
                let at = at % length;
                if insert {
                    naive.insert(at);
                    positions.insert(at);
                } else {
                    naive.remove(&at);
                    positions.remove(at);
                }
                for probe in [at, at * 7 % length, 0, length - 1] {
                    let (below, above) =
                        (naive.range(..probe).next_back(), naive.range(probe + 1..).next());
                    prop_assert_eq!(positions.before(probe), below.copied());
                    prop_assert_eq!(positions.after(probe), above.copied());
                    prop_assert_eq!(positions.contains(probe), naive.contains(&probe));
                    let nearest = naive.iter().min_by_key(|member| (member.abs_diff(probe), **member));
                    prop_assert_eq!(positions.nearest(probe), nearest.copied());
                }
            }
        }
    }
}
