use std::ops::Range;
use std::sync::OnceLock;

use alfm_kernels::Rows;

/// The rows of a pool that may be chosen, ascending.
///
/// Nearly all of a large pool may be, so what is held is what may not; the list is made when a strategy asks for it.
#[derive(Clone, Debug)]
pub struct Candidates {
    held: Held,
    list: OnceLock<Vec<usize>>,
}

#[derive(Clone, Debug)]
enum Held {
    /// The first so many rows but for these, ascending.
    AllBut(usize, Vec<usize>),
    /// Those of the list.
    Listed,
}

impl Candidates {
    /// The first `rows` rows but for some, which ascend.
    pub(crate) fn all_but(rows: usize, excluded: Vec<usize>) -> Self {
        Self { held: Held::AllBut(rows, excluded), list: OnceLock::new() }
    }

    /// These rows, which ascend.
    pub(crate) fn listed(rows: Vec<usize>) -> Self {
        Self { held: Held::Listed, list: OnceLock::from(rows) }
    }

    /// All of these but for some, which ascend.
    pub(crate) fn without(&self, rows: &[usize]) -> Self {
        match &self.held {
            Held::AllBut(total, excluded) => {
                let mut excluded = [excluded, rows].concat();
                excluded.sort_unstable();
                excluded.dedup();
                excluded.truncate(excluded.partition_point(|row| row < total));
                Self::all_but(*total, excluded)
            }
            Held::Listed => {
                let left = self.list().iter().filter(|row| rows.binary_search(row).is_err());
                Self::listed(left.copied().collect())
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.held {
            Held::AllBut(rows, excluded) => rows - excluded.len(),
            Held::Listed => self.list().len(),
        }
    }

    /// Whether nothing may be chosen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them in a list, which is kept: 8 bytes each.
    pub fn list(&self) -> &[usize] {
        self.list.get_or_init(|| match &self.held {
            Held::AllBut(rows, excluded) => but(0..*rows, excluded).collect(),
            Held::Listed => Vec::new(),
        })
    }

    /// Those of a range of rows.
    pub fn within(&self, rows: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        let (span, excluded, listed): (_, &[usize], &[usize]) = match &self.held {
            Held::AllBut(total, excluded) => (rows.start..rows.end.min(*total), excluded, &[]),
            Held::Listed => (0..0, &[], part(self.list(), &rows)),
        };
        but(span, excluded).chain(listed.iter().copied())
    }
}

impl Rows for &Candidates {
    fn count(&self) -> usize {
        self.len()
    }

    /// In `O(log n)` of the rows that may not be chosen.
    fn at(&self, position: usize) -> usize {
        let excluded = match (&self.held, self.list.get()) {
            (Held::AllBut(_, excluded), None) => excluded,
            (_, list) => return list.map_or(position, |list| list[position]),
        };
        // Of the excluded rows as many lie before it as leave no more than `position` others before themselves.
        let (mut low, mut high) = (0, excluded.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if excluded[middle] - middle <= position {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        position + low
    }
}

/// A range of rows but for some, which ascend.
fn but(rows: Range<usize>, excluded: &[usize]) -> impl Iterator<Item = usize> + '_ {
    let mut excluded = part(excluded, &rows).iter().peekable();
    rows.filter(move |row| excluded.next_if_eq(&row).is_none())
}

/// Those of some ascending rows that lie in a range.
fn part<'a>(rows: &'a [usize], range: &Range<usize>) -> &'a [usize] {
    let first = rows.partition_point(|row| *row < range.start);
    let end = rows.partition_point(|row| *row < range.end);
    &rows[first..end.max(first)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_left_out_is_what_is_not_listed(
            excluded in prop::collection::btree_set(0usize..40, 0..40),
            more in prop::collection::btree_set(0usize..50, 0..20),
            (start, end) in (0usize..45, 0usize..45),
        ) {
            let expected: Vec<usize> =
                (0..40).filter(|row| !excluded.contains(row) && !more.contains(row)).collect();
            let more: Vec<usize> = more.into_iter().collect();
            let but = Candidates::all_but(40, excluded.iter().copied().collect());
            let listed = Candidates::listed(but.list().to_vec());
            for (candidates, make_list) in [(but.clone(), false), (but, true), (listed, false)] {
                let candidates = candidates.without(&more);
                if make_list {
                    candidates.list();
                }
                prop_assert_eq!((&candidates).count(), expected.len());
                let rows: Vec<usize> =
                    (0..expected.len()).map(|at| (&candidates).at(at)).collect();
                prop_assert_eq!(&rows, &expected);
                let within: Vec<usize> = candidates.within(start..end).collect();
                let inside = |row: &&usize| (start..end).contains(*row);
                prop_assert_eq!(within, expected.iter().filter(inside).copied().collect::<Vec<_>>());
                prop_assert_eq!(candidates.list(), &expected[..]);
            }
        }
    }
}
