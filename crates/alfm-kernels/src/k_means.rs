//! k-means: seeding by k-means++, then Lloyd's iteration (Lloyd 1982; Arthur & Vassilvitskii, SODA 2007).
//!
//! Written here because no crate fits: `linfa-clustering` 0.8 brings `ndarray` 0.16 and `rand` 0.8, pulls
//! the mean of a cluster towards its old place so that none is empty, and has no members nearest a mean;
//! `kmeans` 2.0 needs a nightly compiler; `clustering` 0.2 takes neither a matrix nor a generator.

use alfm_core::{CoreError, Matrix, MatrixView};
use rayon::prelude::*;

use crate::blocks::{OTHERS, POINTS, Rows, ranges};
use crate::draw::Uniform;
use crate::{Euclidean, plus_plus};

/// Iterations after which the means are taken as they are.
const MAX_ITERATIONS: usize = 100;

/// Points by cluster, and the mean of every cluster.
#[derive(Clone, Debug)]
pub struct Clustering {
    clusters: Vec<usize>,
    means: Matrix,
}

/// The member of a cluster that is nearest its mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Representative {
    /// The member.
    pub point: usize,
    /// Members of the cluster.
    pub size: usize,
}

impl Clustering {
    /// The cluster of every point.
    pub fn clusters(&self) -> &[usize] {
        &self.clusters
    }

    /// The points of every cluster, ascending; a cluster may be empty.
    pub fn members(&self) -> Vec<Vec<usize>> {
        members(&self.clusters, self.means.rows())
    }

    /// One member a cluster that is not empty, in the order of the clusters; ties go to the lowest point.
    ///
    /// They are distinct, for no point is in two clusters.
    pub fn nearest_members(&self, points: MatrixView<'_>) -> Vec<Representative> {
        let distances =
            own_distances(&Rows::new(points), &Rows::new(self.means.view()), &self.clusters);
        let nearest = |a: usize, b: usize| if distances[b] < distances[a] { b } else { a };
        let clusters = self.members().into_iter();
        clusters
            .filter_map(|members| {
                let size = members.len();
                Some(Representative { point: members.into_iter().reduce(nearest)?, size })
            })
            .collect()
    }
}

/// Divides `points` into at most `clusters` clusters, by Euclidean distance.
///
/// Seeds are drawn as [`plus_plus`] does; points go to the nearest mean, the first on ties; means are summed
/// in `f64` in the order of the points and stored in `f32`. An empty cluster is seeded anew at the point that
/// is farthest from its own mean, so that a cluster stays empty only where there are fewer distinct points
/// than clusters. Ends when no point moves, or after 100 iterations.
///
/// A point is compared with all means only when it might have a nearer one (bounds of Hamerly, SDM 2010);
/// the result is that of comparing every time. `O(N k D)` time an iteration at most, `O(N + k D)` memory.
///
/// # Errors
/// [`CoreError::NotFinite`] where a mean overflows single precision.
pub fn k_means(
    points: MatrixView<'_>,
    clusters: usize,
    random: &mut impl Uniform,
) -> Result<Clustering, CoreError> {
    let seeds = plus_plus(&Euclidean::new(points), points.rows(), clusters, None, random);
    let means = points.gather(seeds.into_iter().map(|(at, _)| at));
    Lloyd::new(points, means).run()
}

/// The nearest of `means` to each of `points`, the first on ties.
pub fn nearest_means(points: MatrixView<'_>, means: MatrixView<'_>) -> Vec<usize> {
    let all: Vec<usize> = (0..points.rows()).collect();
    let two = nearest_two(&Rows::new(points), &all, &Rows::new(means));
    two.into_iter().map(|two| two.nearest).collect()
}

/// The mean of every cluster, of which `clusters` names one a point; none may be empty.
///
/// # Errors
/// [`CoreError::NotFinite`] where a mean overflows single precision.
pub fn cluster_means(points: MatrixView<'_>, clusters: &[usize]) -> Result<Matrix, CoreError> {
    let rows = Rows::new(points);
    let width = points.columns();
    let count = clusters.iter().max().map_or(0, |last| last + 1);
    let mut values = vec![0.0; count * width];
    for (members, mean) in members(clusters, count).iter().zip(values.chunks_exact_mut(width)) {
        move_to_mean(&rows, members, mean);
    }
    Matrix::new(values, count, width)
}

/// The two nearest means of a point: which is nearest, and both squared distances.
#[derive(Clone, Copy, Debug)]
struct NearestTwo {
    nearest: usize,
    first: f64,
    second: f64,
}

impl NearestTwo {
    const NONE: Self = Self { nearest: 0, first: f64::INFINITY, second: f64::INFINITY };

    /// Means come in ascending order, so that the first keeps a tie.
    fn see(&mut self, mean: usize, distance: f64) {
        if distance < self.first {
            *self = Self { nearest: mean, first: distance, second: self.first };
        } else if distance < self.second {
            self.second = distance;
        }
    }
}

fn nearest_two(points: &Rows<'_>, which: &[usize], means: &Rows<'_>) -> Vec<NearestTwo> {
    let block = |which: &[usize]| {
        let mut found = vec![NearestTwo::NONE; which.len()];
        let mut distances = Vec::new();
        for range in ranges(means.len(), OTHERS) {
            points.squared_distances(which, means, range.clone(), &mut distances);
            for (found, row) in found.iter_mut().zip(distances.chunks_exact(range.len())) {
                for (mean, distance) in range.clone().zip(row) {
                    found.see(mean, *distance);
                }
            }
        }
        found
    };
    which.par_chunks(POINTS).flat_map_iter(block).collect()
}

/// Squared distance of every point to the mean of its own cluster.
fn own_distances(points: &Rows<'_>, means: &Rows<'_>, clusters: &[usize]) -> Vec<f64> {
    let own = |(point, cluster): (usize, &usize)| points.squared_distance(point, means, *cluster);
    clusters.par_iter().enumerate().with_min_len(256).map(own).collect()
}

fn members(clusters: &[usize], count: usize) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); count];
    for (point, cluster) in clusters.iter().enumerate() {
        members[*cluster].push(point);
    }
    members
}

/// A run of Lloyd's iteration.
struct Lloyd<'a> {
    points: Rows<'a>,
    means: Matrix,
    clusters: Vec<usize>,
    /// At least the distance to the own mean.
    upper: Vec<f64>,
    /// At most the distance to any other mean.
    lower: Vec<f64>,
    /// More than distances can be wrong by, so that no bound decides where rounding might.
    slack: f64,
}

impl<'a> Lloyd<'a> {
    fn new(points: MatrixView<'a>, means: Matrix) -> Self {
        let points = Rows::new(points);
        let longest = points.squared_norms().iter().copied().fold(0.0, f64::max).sqrt();
        Self {
            clusters: vec![0; points.len()],
            upper: vec![f64::INFINITY; points.len()],
            lower: vec![0.0; points.len()],
            slack: 1e-5 * longest,
            points,
            means,
        }
    }

    fn run(mut self) -> Result<Clustering, CoreError> {
        for iteration in 0..MAX_ITERATIONS {
            let moved = self.assign() | self.repair();
            if iteration > 0 && !moved {
                break;
            }
            self.update()?;
        }
        Ok(Clustering { clusters: self.clusters, means: self.means })
    }

    /// Moves every point to its nearest mean; whether any moved.
    fn assign(&mut self) -> bool {
        let unsure: Vec<usize> = (0..self.points.len())
            .filter(|at| self.upper[*at] + self.slack >= self.lower[*at])
            .collect();
        let found = nearest_two(&self.points, &unsure, &Rows::new(self.means.view()));
        let mut moved = false;
        for (at, two) in unsure.into_iter().zip(found) {
            moved |= self.clusters[at] != two.nearest;
            self.clusters[at] = two.nearest;
            self.upper[at] = two.first.sqrt();
            self.lower[at] = two.second.sqrt();
        }
        moved
    }

    /// Moves the farthest point into each empty cluster, unless it is alone or on its mean; whether any moved.
    fn repair(&mut self) -> bool {
        let mut sizes = vec![0usize; self.means.rows()];
        for cluster in &self.clusters {
            sizes[*cluster] += 1;
        }
        let empty: Vec<usize> = (0..sizes.len()).filter(|cluster| sizes[*cluster] == 0).collect();
        if empty.is_empty() {
            return false;
        }
        let distances = own_distances(&self.points, &Rows::new(self.means.view()), &self.clusters);
        let mut farthest: Vec<usize> = (0..distances.len()).collect();
        farthest.sort_by(|a, b| distances[*b].total_cmp(&distances[*a]));
        let mut farthest = farthest.into_iter().take_while(|at| distances[*at] > 0.0);
        let mut moved = false;
        for cluster in empty {
            let Some(at) = farthest.find(|at| sizes[self.clusters[*at]] > 1) else { break };
            sizes[self.clusters[at]] -= 1;
            self.clusters[at] = cluster;
            // Its old bounds were of another cluster.
            self.upper[at] = f64::INFINITY;
            moved = true;
        }
        moved
    }

    /// Sets each mean to that of its members and widens the bounds by how far the means went.
    fn update(&mut self) -> Result<(), CoreError> {
        let width = self.means.columns();
        let old = self.means.view();
        let mut values = old.values().to_vec();
        let points = &self.points;
        let shifts: Vec<f64> = members(&self.clusters, old.rows())
            .par_iter()
            .zip(values.par_chunks_exact_mut(width))
            .map(|(members, mean)| move_to_mean(points, members, mean))
            .collect();
        self.means = Matrix::new(values, shifts.len(), width)?;
        let largest = shifts.iter().copied().fold(0.0, f64::max);
        for ((upper, lower), cluster) in
            self.upper.iter_mut().zip(&mut self.lower).zip(&self.clusters)
        {
            *upper += shifts[*cluster];
            *lower -= largest;
        }
        Ok(())
    }
}

/// Overwrites `mean` with the mean of `members`, if there are any; how far it went.
#[expect(clippy::cast_possible_truncation, reason = "a mean is as precise as its points")]
fn move_to_mean(points: &Rows<'_>, members: &[usize], mean: &mut [f32]) -> f64 {
    if members.is_empty() {
        return 0.0;
    }
    let mut sum = vec![0.0f64; mean.len()];
    for member in members {
        for (sum, value) in sum.iter_mut().zip(points.row(*member)) {
            *sum += f64::from(*value);
        }
    }
    let mut squared = 0.0;
    for (mean, sum) in mean.iter_mut().zip(sum) {
        let new = (sum / members.len() as f64) as f32;
        squared += (f64::from(new) - f64::from(*mean)).powi(2);
        *mean = new;
    }
    squared.sqrt()
}

#[cfg(test)]
mod tests {
    use alfm_core::SeedTree;
    use proptest::prelude::*;

    use super::*;
    use crate::draw;

    fn view(points: &[f32], width: usize) -> MatrixView<'_> {
        MatrixView::new(points, points.len() / width, width).unwrap()
    }

    fn cluster(points: MatrixView<'_>, clusters: usize, seed: u64) -> Clustering {
        k_means(points, clusters, &mut draw::uniform(&SeedTree::new(seed))).unwrap()
    }

    /// Every point against every mean in every iteration, one after another.
    fn plain_lloyd(points: MatrixView<'_>, means: Matrix) -> Vec<usize> {
        let mut lloyd = Lloyd::new(points, means);
        for iteration in 0..MAX_ITERATIONS {
            lloyd.upper.fill(f64::INFINITY);
            let moved = lloyd.assign() | lloyd.repair();
            if iteration > 0 && !moved {
                break;
            }
            lloyd.update().unwrap();
        }
        lloyd.clusters
    }

    #[test]
    fn two_groups_by_hand() {
        let points = [0.0, 1.0, 2.0, 10.0, 11.0, 13.0];
        let points = view(&points, 1);
        // First seed 0, then squared distances 0, 1, 4, 100, 121, 169: sum 395, u = .5 draws point 4.
        let found = k_means(points, 2, &mut draw::scripted(&[0.0, 0.5])).unwrap();
        assert_eq!(found.clusters(), [0, 0, 0, 1, 1, 1]);
        let nearest = found.nearest_members(points);
        let expected = [Representative { point: 1, size: 3 }, Representative { point: 4, size: 3 }];
        assert_eq!(nearest, expected);
    }

    /// Defect: k-means fails if a cluster ends up empty.
    #[test]
    fn an_empty_cluster_is_seeded_anew_at_the_farthest_point() {
        let points = [0.0, 1.0, 9.0, 10.0, 14.0];
        // The third mean attracts nobody; 14 is farthest from its own.
        let means = Matrix::new(vec![0.5, 10.0, 1e6], 3, 1).unwrap();
        let found = Lloyd::new(view(&points, 1), means).run().unwrap();
        assert_eq!(found.clusters(), [0, 0, 1, 1, 2]);
        assert_eq!(found.members(), [vec![0, 1], vec![2, 3], vec![4]]);
    }

    /// Defect: representatives are skipped for empty clusters though there are points enough.
    #[test]
    fn as_many_representatives_as_distinct_points() {
        let points = [3.0, 1.0, 3.0, 1.0, 2.0, 3.0];
        for (clusters, expected) in [(1, 1), (2, 2), (3, 3), (4, 3), (6, 3)] {
            let found = cluster(view(&points, 1), clusters, 5);
            assert_eq!(found.nearest_members(view(&points, 1)).len(), expected, "{clusters}");
        }
    }

    /// Defect: at most 512 points a cluster have a say in its mean.
    #[test]
    fn every_point_counts_in_its_mean() {
        let points: Vec<f32> = (0..2001).map(|i| if i < 600 { 0.0 } else { 1.0 }).collect();
        let found = cluster(view(&points, 1), 1, 0);
        assert_eq!(found.means.into_values(), [1401.0 / 2001.0]);
    }

    #[test]
    fn ties_go_to_the_lowest_point_and_the_first_mean() {
        let points = [0.0, 2.0, 1.0];
        assert_eq!(nearest_means(view(&points, 1), view(&[0.0, 2.0], 1)), [0, 1, 0]);
        let pair = [0.0, 2.0];
        let found = cluster(view(&pair, 1), 1, 0).nearest_members(view(&pair, 1));
        assert_eq!(found, [Representative { point: 0, size: 2 }]);
    }

    #[test]
    fn means_of_given_clusters() {
        let points = [0.0, 2.0, 7.0, 4.0];
        let means = cluster_means(view(&points, 1), &[0, 0, 1, 0]).unwrap();
        assert_eq!(means.into_values(), [2.0, 7.0]);
    }

    #[test]
    fn threads_change_nothing() {
        let points: Vec<f32> = (0..3000).map(|i| ((i * i + 7 * i) % 997) as f32 / 997.0).collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| cluster(view(&points, 3), 40, 1));
            (found.clusters, found.means)
        };
        assert_eq!(run(1), run(3));
    }

    proptest! {
        #[test]
        fn bounds_spare_work_and_change_nothing(
            points in prop::collection::vec(-3i8..=3, 4..160).prop_map(|points| {
                points[..points.len() / 2 * 2].iter().map(|x| f32::from(*x) / 7.0).collect::<Vec<_>>()
            }),
            clusters in 1usize..12,
        ) {
            let points = view(&points, 2);
            let means = points.gather((0..clusters.min(points.rows())).collect::<Vec<_>>());
            let found = Lloyd::new(points, means.clone()).run().unwrap();
            prop_assert_eq!(&found.clusters, &plain_lloyd(points, means));
        }

        #[test]
        fn every_point_ends_at_its_nearest_mean(
            points in prop::collection::vec(-1.0f32..1.0, 60),
            clusters in 1usize..8,
            seed: u64,
        ) {
            let points = view(&points, 3);
            let found = cluster(points, clusters, seed);
            prop_assert_eq!(found.clusters(), nearest_means(points, found.means.view()));
            prop_assert!(found.members().iter().all(|members| !members.is_empty()));
        }
    }
}
