//! The farthest point from a growing set of centres, without measuring every point against every centre.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rayon::prelude::*;

use crate::device::{DeviceError, Farthest};
use crate::metric::Embedded;

/// Rows that one task catches up together.
const ROWS: usize = 64;
/// Centres that a row catches up with at a time: with the rows they stay in the second-level cache.
const CENTRES: usize = 64;
/// Parts of the pool of which only the uppermost is kept in order.
const PARTS: usize = 16;
/// Stale rows taken off the top at first, and at most; doubled as long as the top stays stale.
const BATCH: (usize, usize) = (32, 4096);

/// `m_i = min over centres c of d^2(i, c)` of every row, each known up to some centre.
///
/// A minimum over fewer centres is an upper bound of `m_i`. So once the largest of all bounds belongs to a row
/// that has seen every centre, that row is the farthest, whatever the others have missed.
///
/// `12 N` bytes beside the space, up to `40 N` more while rows are ranked; `N` counts all rows of the space.
#[derive(Debug)]
pub(crate) struct LazyMinimum<'a> {
    space: Embedded<'a>,
    centres: Vec<usize>,
    /// The minimum over the first `seen` centres; infinite before the first.
    bounds: Vec<f64>,
    seen: Vec<u32>,
    /// The rows at or above `floor`; few, so that the heap stays in cache.
    top: BinaryHeap<Ranked>,
    /// The ranked rows below `floor`.
    rest: Vec<Ranked>,
    floor: Option<Ranked>,
}

/// A row by its bound, the lowest row first among equals: non-negative floats are ordered as their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    bound: u64,
    row: Reverse<u32>,
}

impl<'a> LazyMinimum<'a> {
    /// No centre yet.
    pub(crate) fn new(space: Embedded<'a>) -> Self {
        let rows = space.len();
        Self {
            space,
            centres: Vec::new(),
            bounds: vec![f64::INFINITY; rows],
            seen: vec![0; rows],
            top: BinaryHeap::new(),
            rest: Vec::new(),
            floor: None,
        }
    }

    /// Takes the farthest of the ranked rows out, with its squared distance; the lowest row on ties.
    fn pop_farthest(&mut self) -> Option<(usize, f64)> {
        let mut batch = Vec::new();
        let mut size = BATCH.0;
        loop {
            while batch.len() < size {
                if self.top.is_empty() && batch.is_empty() {
                    self.lower_floor();
                }
                match self.top.peek() {
                    Some(top) if !self.is_fresh(top.row()) => batch.push(top.row()),
                    _ => break,
                }
                self.top.pop();
            }
            if batch.is_empty() {
                return self.top.pop().map(|top| (top.row(), f64::from_bits(top.bound)));
            }
            self.catch_up(&batch);
            for row in batch.drain(..) {
                let ranked = self.ranked(row);
                match self.floor {
                    Some(floor) if ranked < floor => self.rest.push(ranked),
                    _ => self.top.push(ranked),
                }
            }
            size = (2 * size).min(BATCH.1);
        }
    }

    /// Moves the upper part of the rest to the top, which has run out.
    fn lower_floor(&mut self) {
        let count = (self.rest.len() / PARTS).max(ROWS).min(self.rest.len());
        let Some(last) = count.checked_sub(1) else { return };
        let (_, floor, _) = self.rest.select_nth_unstable_by(last, |a, b| b.cmp(a));
        self.floor = Some(*floor);
        self.top = self.rest.drain(..count).collect();
    }

    fn is_fresh(&self, row: usize) -> bool {
        self.seen[row] as usize == self.centres.len()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a pool has at most 2^32 rows")]
    fn ranked(&self, row: usize) -> Ranked {
        Ranked { bound: self.bounds[row].to_bits(), row: Reverse(row as u32) }
    }

    /// Measures rows against the next few centres that they have missed.
    fn catch_up(&mut self, rows: &[usize]) {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|row| self.seen[*row]);
        let this = &*self;
        let caught_up: Vec<(u32, Vec<f64>)> = match rows.len() {
            // Not worth waking another thread.
            0..=ROWS => vec![this.caught_up(&rows, &mut Vec::new())],
            _ => rows
                .par_chunks(ROWS)
                .map_init(Vec::new, |products, rows| this.caught_up(rows, products))
                .collect(),
        };
        for (rows, (end, bounds)) in rows.chunks(ROWS).zip(caught_up) {
            for (row, bound) in rows.iter().zip(bounds) {
                self.bounds[*row] = bound;
                self.seen[*row] = self.seen[*row].max(end);
            }
        }
    }

    /// Bounds of `rows`, ascending in what they have seen, after the centres up to the one returned.
    ///
    /// A centre that some of the rows have seen already changes nothing for them.
    #[expect(clippy::cast_possible_truncation, reason = "a pool has at most 2^32 rows")]
    fn caught_up(&self, rows: &[usize], products: &mut Vec<f64>) -> (u32, Vec<f64>) {
        let start = rows.first().map_or(0, |row| self.seen[*row] as usize);
        let end = self.centres.len().min(start + CENTRES);
        let mut bounds: Vec<f64> = rows.iter().map(|row| self.bounds[*row]).collect();
        if start < end {
            let centres = &self.centres[start..end];
            self.space.lower_to_nearest(rows, centres, &mut bounds, products);
        }
        (end as u32, bounds)
    }
}

impl Farthest for LazyMinimum<'_> {
    fn centres(&self) -> &[usize] {
        &self.centres
    }

    /// Nothing is measured yet.
    fn add(&mut self, centre: usize) {
        self.centres.push(centre);
    }

    fn clear(&mut self) {
        self.centres.clear();
        self.bounds.fill(f64::INFINITY);
        self.seen.fill(0);
    }

    /// Rows that have seen no centre are measured against the first few, in one pass over the pool.
    fn rank(&mut self, rows: &[usize]) -> Result<(), DeviceError> {
        let unseen: Vec<usize> = rows.iter().copied().filter(|row| self.seen[*row] == 0).collect();
        self.catch_up(&unseen);
        self.top.clear();
        self.rest = rows.iter().map(|row| self.ranked(*row)).collect();
        self.floor = None;
        Ok(())
    }

    fn pop(&mut self) -> Result<Option<(usize, f64)>, DeviceError> {
        Ok(self.pop_farthest())
    }
}

impl Ranked {
    fn row(self) -> usize {
        self.row.0 as usize
    }
}
