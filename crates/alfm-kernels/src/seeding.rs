//! k-means++ seeding (Arthur & Vassilvitskii, SODA 2007) in any space with distances.

use crate::draw::{self, Remaining, Uniform};
use crate::{MetricSpace, RunningMinimum};

/// `count` of the points `0..points`, with their squared distances to the nearest point before them.
///
/// Without a `first` the first is drawn uniformly; its distance is infinite. Each next one is drawn with
/// probability proportional to its squared distance to the nearest before it. Once all distances are 0 the
/// rest is drawn uniformly. `O(count N)` distances, `O(N)` memory.
pub fn plus_plus<S: MetricSpace>(
    space: &S,
    points: usize,
    count: usize,
    first: Option<usize>,
    random: &mut impl Uniform,
) -> Vec<(usize, f64)> {
    let points: Vec<usize> = (0..points).collect();
    let mut nearest = RunningMinimum::new(space, &points);
    let mut remaining = Remaining::new(points.len());
    let mut chosen = Vec::with_capacity(count);
    while chosen.len() < count {
        let drawn =
            if chosen.is_empty() { first } else { draw::categorical(nearest.minima(), random) };
        let next = drawn.inspect(|at| remaining.remove(*at)).or_else(|| remaining.draw(random));
        let Some(next) = next else { break };
        chosen.push((next, nearest.minima()[next]));
        nearest.add(next);
        nearest.take(next, 0.0);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use alfm_core::{MatrixView, SeedTree};

    use super::*;
    use crate::Euclidean;

    #[test]
    fn draws_by_squared_distance() {
        let points = [0.0, 1.0, 3.0, 10.0];
        let space = Euclidean::new(MatrixView::new(&points, 4, 1).unwrap());
        // Uniform first: floor(.3 * 4) = 1. Squared distances then are 1, 0, 4, 81: 3 is drawn above 5/86.
        let chosen = plus_plus(&space, 4, 3, None, &mut draw::scripted(&[0.3, 0.06, 0.9]));
        assert_eq!(chosen, [(1, f64::INFINITY), (3, 81.0), (2, 4.0)]);
        let first = plus_plus(&space, 4, 1, Some(2), &mut draw::scripted(&[]));
        assert_eq!(first, [(2, f64::INFINITY)]);
    }

    /// Defect: the distances to all centres are computed again at every step.
    #[test]
    fn each_centre_costs_one_distance_a_point() {
        struct Counted(AtomicUsize);

        impl MetricSpace for Counted {
            fn squared_distance(&self, a: usize, b: usize) -> f64 {
                self.0.fetch_add(1, Ordering::Relaxed);
                (a as f64 - b as f64).powi(2)
            }
        }

        let space = Counted(AtomicUsize::new(0));
        let seed = SeedTree::new(0);
        assert_eq!(plus_plus(&space, 100, 20, None, &mut draw::uniform(&seed)).len(), 20);
        assert_eq!(space.0.into_inner(), 20 * 100);
    }

    #[test]
    fn duplicates_are_drawn_uniformly_and_once() {
        let points = [5.0; 3];
        let space = Euclidean::new(MatrixView::new(&points, 3, 1).unwrap());
        let chosen = plus_plus(&space, 3, 9, None, &mut draw::scripted(&[0.9, 0.9, 0.9]));
        assert_eq!(chosen, [(2, f64::INFINITY), (1, 0.0), (0, 0.0)]);
    }
}
