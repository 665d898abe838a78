//! Which points lie within a radius of which: a graph that is kept if it fits, or asked for anew.

use std::sync::atomic::{AtomicUsize, Ordering};

use alfm_kernels::blocks::{OTHERS, POINTS, Rows, ranges};
use rayon::prelude::*;

/// Points `i` and `j` are neighbours if `i = j` or `|x_i - x_j| < radius`.
///
/// Distances are symmetric to the last bit, so that whom a ball holds and whose balls hold a point are one
/// list. Lists are kept for blocks of points, each a row of offsets and one of neighbours in 32 bits.
pub(super) struct Balls<'a> {
    points: &'a Rows<'a>,
    squared_radius: f64,
    sizes: Vec<usize>,
    /// `None` if there are more neighbours than may be kept.
    lists: Option<Vec<Lists>>,
}

/// The neighbours of some consecutive points: those of point `i` stand at `ends[i - 1]..ends[i]`.
struct Lists {
    ends: Vec<usize>,
    neighbours: Vec<u32>,
}

impl Lists {
    fn of(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.neighbours[start..self.ends[at]]
    }
}

impl<'a> Balls<'a> {
    /// `O(N^2 D)` time; `4 E` bytes for `E` neighbours, or `8 N` if `E` is more than `max_neighbours`.
    pub(super) fn new(points: &'a Rows<'a>, radius: f64, max_neighbours: usize) -> Self {
        let squared_radius = radius * radius;
        let all: Vec<usize> = (0..points.len()).collect();
        let kept = AtomicUsize::new(0);
        let block = |block: &[usize]| {
            let mut lists = within(points, squared_radius, block);
            let sizes: Vec<usize> = (0..block.len()).map(|at| lists.of(at).len()).collect();
            // Past the limit nothing more is kept, in whatever order the blocks come.
            let count = lists.neighbours.len();
            if kept.fetch_add(count, Ordering::Relaxed).saturating_add(count) > max_neighbours {
                lists.neighbours = Vec::new();
            }
            lists.neighbours.shrink_to_fit();
            (sizes, lists)
        };
        let (sizes, lists): (Vec<_>, Vec<_>) = all.par_chunks(POINTS).map(block).unzip();
        let fits = kept.into_inner() <= max_neighbours;
        Self { points, squared_radius, sizes: sizes.concat(), lists: fits.then_some(lists) }
    }

    /// Neighbours of every point, itself included.
    pub(super) fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Calls `see` with the neighbours of each of `points`, in order.
    ///
    /// `O(N D)` time a point if the graph is not kept, and memory for the neighbours of 64 points.
    pub(super) fn for_each(&self, points: &[usize], mut see: impl FnMut(&[u32])) {
        match &self.lists {
            Some(lists) => {
                points.iter().for_each(|at| see(lists[at / POINTS].of(at % POINTS)));
            }
            None => points.chunks(POINTS).for_each(|chunk| {
                let few = chunk.len().div_ceil(rayon::current_num_threads());
                let found: Vec<Lists> = chunk
                    .par_chunks(few)
                    .map(|block| within(self.points, self.squared_radius, block))
                    .collect();
                for lists in &found {
                    (0..lists.ends.len()).for_each(|at| see(lists.of(at)));
                }
            }),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a pool has at most 2^32 rows")]
fn within(points: &Rows<'_>, squared_radius: f64, block: &[usize]) -> Lists {
    let mut found = vec![Vec::<u32>::new(); block.len()];
    let mut distances = Vec::new();
    for range in ranges(points.len(), OTHERS) {
        points.squared_distances(block, points, range.clone(), &mut distances);
        let rows = distances.chunks_exact(range.len());
        for ((found, at), row) in found.iter_mut().zip(block).zip(rows) {
            let near =
                |(other, distance): &(usize, &f64)| **distance < squared_radius || other == at;
            found.extend(range.clone().zip(row).filter(near).map(|(other, _)| other as u32));
        }
    }
    let mut end = 0;
    let ends = found.iter().map(|list| {
        end += list.len();
        end
    });
    Lists { ends: ends.collect(), neighbours: found.concat() }
}

/// For every point the squared distance to the nearest point of another cluster; infinite without one.
///
/// The ball of a point holds its own cluster only if it is no wider. `O(N^2 D)` time, `O(N)` memory.
pub(super) fn nearest_strangers(points: &Rows<'_>, clusters: &[usize]) -> Vec<f64> {
    let all: Vec<usize> = (0..points.len()).collect();
    let block = |block: &[usize]| {
        let mut nearest = vec![f64::INFINITY; block.len()];
        let mut distances = Vec::new();
        for range in ranges(points.len(), OTHERS) {
            points.squared_distances(block, points, range.clone(), &mut distances);
            let rows = distances.chunks_exact(range.len());
            for ((nearest, at), row) in nearest.iter_mut().zip(block).zip(rows) {
                let others = clusters[range.clone()].iter().zip(row);
                let strangers = others.filter(|(cluster, _)| **cluster != clusters[*at]);
                *nearest =
                    strangers.fold(*nearest, |nearest, (_, distance)| nearest.min(*distance));
            }
        }
        nearest
    };
    all.par_chunks(POINTS).flat_map_iter(block).collect()
}

#[cfg(test)]
mod tests {
    use alfm_core::MatrixView;

    use super::*;

    #[test]
    fn a_graph_that_is_not_kept_is_the_same() {
        let points: Vec<f32> = (0..400).map(|i| ((i * i * 17) % 211) as f32).collect();
        let rows = Rows::new(MatrixView::new(&points, 200, 2).unwrap());
        let kept = Balls::new(&rows, 40.0, usize::MAX);
        let total: usize = kept.sizes().iter().sum();
        let anew = Balls::new(&rows, 40.0, total - 1);
        assert!(kept.lists.is_some() && anew.lists.is_none());
        assert_eq!(kept.sizes(), anew.sizes());
        let asked = [3, 199, 0, 64];
        let lists = |balls: &Balls<'_>| {
            let mut lists = vec![];
            balls.for_each(&asked, |list| lists.push(list.to_vec()));
            lists
        };
        assert_eq!(lists(&kept), lists(&anew));
    }

    /// Defect: the last partial block of 500 rows is dropped when the ball graph is built.
    #[test]
    fn the_last_partial_block_is_there() {
        let points: Vec<f32> = (0..POINTS as u16 + 3).map(|i| f32::from(i / 2)).collect();
        let rows = Rows::new(MatrixView::new(&points, points.len(), 1).unwrap());
        let balls = Balls::new(&rows, 0.5, usize::MAX);
        assert_eq!(balls.sizes().len(), POINTS + 3);
        assert_eq!(balls.sizes()[POINTS..], [2, 2, 1]);
    }
}
