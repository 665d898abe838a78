//! Agglomerative clustering with average linkage (nearest-neighbour chain, by the crate `kodama`).

use alfm_core::MatrixView;
use kodama::{Method, Step, linkage};
use rayon::prelude::*;

use crate::blocks::Rows;

/// Where to stop merging.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stop {
    /// Once the closest two clusters are farther apart than this.
    Distance(f64),
    /// At the smallest such distance that leaves at most so many clusters.
    Clusters(usize),
}

/// The cluster of every point; clusters are numbered by their first point.
///
/// The distance of two clusters is the mean Euclidean distance of their points. `O(n^2 D)` time, `4 n^2`
/// bytes.
pub fn average_linkage(points: MatrixView<'_>, stop: Stop) -> Vec<usize> {
    let count = points.rows();
    let mut distances = condensed(points);
    let merges = linkage(&mut distances, count, Method::Average);
    let steps = merges.steps();
    let threshold = match stop {
        Stop::Distance(distance) => distance,
        Stop::Clusters(clusters) => match count.saturating_sub(clusters.max(1)) {
            0 => -1.0,
            needed => steps[needed - 1].dissimilarity,
        },
    };
    let kept = steps.partition_point(|step| step.dissimilarity <= threshold);
    numbered(&roots(count, &steps[..kept]))
}

/// Distances of all pairs, row after row of the upper triangle.
fn condensed(points: MatrixView<'_>) -> Vec<f64> {
    let rows = Rows::new(points);
    let row = |at: usize| {
        let mut out = Vec::new();
        rows.squared_distances(&[at], &rows, at + 1..rows.len(), &mut out);
        out.into_iter().map(f64::sqrt)
    };
    (0..rows.len()).into_par_iter().flat_map_iter(row).collect()
}

/// The label of the last merge that each point took part in; merge `i` makes the cluster `count + i`.
fn roots(count: usize, merges: &[Step<f64>]) -> Vec<usize> {
    let mut root: Vec<usize> = (0..count + merges.len()).collect();
    for (at, merge) in merges.iter().enumerate().rev() {
        let own = root[count + at];
        root[merge.cluster1] = own;
        root[merge.cluster2] = own;
    }
    root.truncate(count);
    root
}

/// The same labels as `0, 1, ...` in the order of their first appearance.
fn numbered(labels: &[usize]) -> Vec<usize> {
    let mut numbers = std::collections::HashMap::new();
    let mut number = |label: &usize| {
        let next = numbers.len();
        *numbers.entry(*label).or_insert(next)
    };
    labels.iter().map(&mut number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(points: &[f32], stop: Stop) -> Vec<usize> {
        average_linkage(MatrixView::new(points, points.len(), 1).unwrap(), stop)
    }

    const LINE: [f32; 6] = [0.0, 0.2, 0.5, 3.0, 3.3, 10.0];

    /// The worked example of the specification: merges at .2, .3 and .4.
    #[test]
    fn worked_example() {
        assert_eq!(clusters(&LINE, Stop::Distance(1.0)), [0, 0, 0, 1, 1, 2]);
        assert_eq!(clusters(&LINE, Stop::Distance(0.35)), [0, 0, 1, 2, 2, 3]);
        assert_eq!(clusters(&LINE, Stop::Distance(0.25)), [0, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_wanted_number_of_clusters_is_not_exceeded() {
        for wanted in 1..=6 {
            let found = clusters(&LINE, Stop::Clusters(wanted));
            assert_eq!(found.iter().max(), Some(&(wanted - 1)));
        }
        assert_eq!(clusters(&LINE, Stop::Clusters(9)), [0, 1, 2, 3, 4, 5]);
        assert_eq!(clusters(&[1.0; 4], Stop::Clusters(3)), [0; 4]);
    }

    #[test]
    fn one_point_is_one_cluster() {
        assert_eq!(clusters(&[2.0], Stop::Clusters(1)), [0]);
        assert_eq!(clusters(&[2.0], Stop::Distance(0.0)), [0]);
    }
}
