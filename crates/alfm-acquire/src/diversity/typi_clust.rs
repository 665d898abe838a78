use std::cmp::Reverse;

use alfm_core::{CoreError, MatrixView};
use alfm_kernels::blocks::Rows;
use alfm_kernels::draw;
use alfm_kernels::{k_means, normalised};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::options::{COUNT, HasOptions, Opt, WHOLE};
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Request};

/// Points of a cluster whose neighbours one task looks up at a time.
const BLOCK: usize = 16;

/// TypiClust: the most typical row of the clusters with the fewest labels (Hacohen, Dekel & Weinshall,
/// ICML 2022, arXiv 2202.02794).
///
/// k-means on the embeddings of labelled rows and candidates, each divided by its norm, with
/// `min(L + b, max_clusters)` clusters. Clusters of fewer than `min_size` rows are dropped, the others ordered
/// by labelled rows (few first), then size (large first), then number; each in turn gives its most typical
/// candidate. Typicality, the score, is `1 / (mean distance to the nearest neighbours + 1e-5)` among the
/// candidates of the cluster that are not chosen yet, the row itself not counted; half of them, at least 1
/// and at most `neighbours`, are neighbours. Ties go to the lowest row. Once no cluster has a candidate the
/// rest is drawn uniformly, with score 0.
///
/// `O(N C D)` time an iteration for `C` clusters and `O(n^2 D)` for one of `n` rows, `O(N (D + neighbours))`
/// memory.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TypiClust {
    /// Clusters at most; at least 1.
    pub max_clusters: usize,
    /// Rows that a cluster must have to be asked, labelled ones included.
    pub min_size: usize,
    /// Nearest neighbours at most; at least 1.
    pub neighbours: usize,
}

impl Default for TypiClust {
    fn default() -> Self {
        Self { max_clusters: 500, min_size: 6, neighbours: 20 }
    }
}

impl HasOptions for TypiClust {
    const OPTIONS: &'static [Opt] = &[
        Opt::new("max_clusters", "clusters at most", COUNT),
        Opt::new(
            "min_size",
            "rows that a cluster must have to be asked, labelled ones included",
            WHOLE,
        ),
        Opt::new("neighbours", "nearest neighbours that typicality looks at, at most", COUNT),
    ];
}

impl Acquisition for TypiClust {
    fn name(&self) -> &str {
        "typiclust"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Embeddings])
    }

    fn check(&self) -> Result<(), AcquireError> {
        self.require("max_clusters", self.max_clusters, self.max_clusters >= 1)?;
        self.require("neighbours", self.neighbours, self.neighbours >= 1)
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let rows = request.visible();
        let points = normalised(request.embeddings()?, &rows)?;
        let members = self.members(points.view(), request)?;
        let observed = request.pool.observed();
        let labelled: Vec<bool> = rows.iter().map(|row| observed[*row].is_some()).collect();
        let chosen = self.visit(&Rows::new(points.view()), members, &labelled, request.budget);
        let pick = |(at, score): (usize, f64)| Pick { row: rows[at], score };
        let mut picks: Vec<Pick> = chosen.into_iter().map(pick).collect();
        let random = &mut draw::uniform(&request.seed.child("rest"));
        draw::complete(&mut picks, request.candidates(), request.budget, random);
        Ok(picks)
    }
}

impl TypiClust {
    fn members(
        &self,
        points: MatrixView<'_>,
        request: &Request<'_>,
    ) -> Result<Vec<Vec<usize>>, CoreError> {
        let labelled = points.rows() - request.candidates().len();
        let clusters = (labelled + request.budget).min(self.max_clusters);
        let random = &mut draw::uniform(&request.seed.child("k-means"));
        Ok(k_means(points, clusters, random)?.members())
    }

    /// Up to `budget` points that are not labelled, with their typicality, from clusters in turn.
    fn visit(
        &self,
        points: &Rows<'_>,
        mut members: Vec<Vec<usize>>,
        labelled: &[bool],
        budget: usize,
    ) -> Vec<(usize, f64)> {
        members.retain(|members| !members.is_empty() && members.len() >= self.min_size);
        members.sort_by_cached_key(|members| {
            (members.iter().filter(|at| labelled[**at]).count(), Reverse(members.len()))
        });
        let mut clusters: Vec<Cluster> =
            members.into_iter().map(|members| Cluster::new(members, labelled)).collect();
        let mut chosen = Vec::with_capacity(budget);
        while chosen.len() < budget {
            let left = budget - chosen.len();
            let before = chosen.len();
            let turn = clusters.iter_mut().filter_map(|cluster| cluster.take(points, self));
            chosen.extend(turn.take(left));
            if chosen.len() == before {
                break;
            }
        }
        chosen
    }
}

/// The candidates of a cluster that are not chosen yet, with their nearest neighbours among them.
struct Cluster {
    available: Vec<Member>,
}

struct Member {
    point: usize,
    /// The nearest first, at least as many as count or none; ties go to the lowest point.
    nearest: Vec<(f64, usize)>,
}

impl Cluster {
    fn new(members: Vec<usize>, labelled: &[bool]) -> Self {
        let member = |point| Member { point, nearest: Vec::new() };
        Self { available: members.into_iter().filter(|at| !labelled[*at]).map(member).collect() }
    }

    /// Takes the most typical point out.
    fn take(&mut self, points: &Rows<'_>, options: &TypiClust) -> Option<(usize, f64)> {
        let size = self.available.len();
        let count = (size / 2).clamp(1, options.neighbours).min(size.saturating_sub(1));
        self.look_up(points, count);
        let typicality = |member: &Member| {
            let nearest = &member.nearest[..count];
            let sum: f64 = nearest.iter().map(|(distance, _)| distance).sum();
            1.0 / (sum / count.max(1) as f64 + 1e-5)
        };
        let scores = self.available.iter().map(typicality).enumerate();
        let best = scores.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let (at, score) = best?;
        let taken = self.available.remove(at).point;
        for member in &mut self.available {
            if member.nearest.iter().any(|(_, neighbour)| *neighbour == taken) {
                member.nearest.clear();
            }
        }
        Some((taken, score))
    }

    /// Finds the `count` nearest neighbours of every member that has lost one or had none.
    fn look_up(&mut self, points: &Rows<'_>, count: usize) {
        let others: Vec<usize> = self.available.iter().map(|member| member.point).collect();
        let all = points.subset(&others);
        let mut stale: Vec<&mut Member> =
            self.available.iter_mut().filter(|member| member.nearest.len() < count).collect();
        stale.par_chunks_mut(BLOCK).for_each(|block| {
            let at: Vec<usize> = block.iter().map(|member| member.point).collect();
            let mut distances = Vec::new();
            points.squared_distances(&at, &all, 0..all.len(), &mut distances);
            for (member, row) in block.iter_mut().zip(distances.chunks_exact(others.len())) {
                member.nearest = nearest(member.point, &others, row, count);
            }
        });
    }
}

/// The `count` nearest of `others` to `point`, itself left out, with their distances.
fn nearest(point: usize, others: &[usize], squared: &[f64], count: usize) -> Vec<(f64, usize)> {
    let pairs = squared.iter().copied().zip(others.iter().copied());
    let mut pairs: Vec<(f64, usize)> = pairs.filter(|(_, other)| *other != point).collect();
    let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    if 0 < count && count < pairs.len() {
        pairs.select_nth_unstable_by(count - 1, order);
    }
    pairs.truncate(count);
    pairs.sort_unstable_by(order);
    for pair in &mut pairs {
        pair.0 = pair.0.sqrt();
    }
    pairs
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, SeedTree};

    use super::*;
    use crate::Pool;

    /// The worked example of the specification.
    const POINTS: [f32; 20] = [
        0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.4, 0.4, 0.1, 0.7, 5.0, 5.0, 5.0, 6.0, 6.0, 5.0, 5.5, 5.4,
        9.0, 0.0,
    ];

    fn visit(options: TypiClust, labelled: &[usize], budget: usize) -> Vec<(usize, f64)> {
        let members = vec![(0..5).collect(), (5..9).collect(), vec![9]];
        let labelled: Vec<bool> = (0..10).map(|at| labelled.contains(&at)).collect();
        let points = Rows::new(MatrixView::new(&POINTS, 10, 2).unwrap());
        options.visit(&points, members, &labelled, budget)
    }

    fn close(found: &[(usize, f64)], expected: &[(usize, f64)]) {
        assert_eq!(found.len(), expected.len());
        for ((at, score), (expected_at, expected_score)) in found.iter().zip(expected) {
            assert_eq!(at, expected_at);
            assert!((score - expected_score).abs() < 1e-5, "{score} is not {expected_score}");
        }
    }

    const SMALL: TypiClust = TypiClust { max_clusters: 500, min_size: 2, neighbours: 20 };

    #[test]
    fn worked_example() {
        close(&visit(SMALL, &[0], 2), &[(8, 1.561_713), (4, 2.700_835)]);
    }

    #[test]
    fn typicalities_of_the_worked_example() {
        let points = Rows::new(MatrixView::new(&POINTS, 10, 2).unwrap());
        let typical = |members: &[usize]| -> Vec<f64> {
            let mut cluster = Cluster::new(members.to_vec(), &[false; 10]);
            cluster.look_up(&points, 2);
            let mean = |member: &Member| (member.nearest[0].0 + member.nearest[1].0) / 2.0;
            cluster.available.iter().map(|member| 1.0 / (mean(member) + 1e-5)).collect()
        };
        let expected = [1.219_265, 1.122_936, 1.219_265, 1.561_713];
        assert!(typical(&[5, 6, 7, 8]).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5));
        let expected = [1.927_975, 1.074_515, 1.746_124, 2.700_835];
        assert!(typical(&[1, 2, 3, 4]).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    /// Defects: the distance of a point to itself is in the mean; distances are squared.
    #[test]
    fn neighbours_exclude_the_point_and_distances_are_not_squared() {
        let points = [0.0, 2.0, 6.0];
        let points = Rows::new(MatrixView::new(&points, 3, 1).unwrap());
        let mut cluster = Cluster::new(vec![0, 1, 2], &[false; 3]);
        let taken = cluster.take(&points, &SMALL).unwrap();
        assert_eq!(taken.0, 0);
        assert!((taken.1 - 1.0 / (2.0 + 1e-5)).abs() < 1e-9);
    }

    /// Defect: a cluster with one remaining member gives the mean of an empty slice, NaN.
    #[test]
    fn the_last_member_of_a_cluster_has_a_finite_typicality() {
        let chosen = visit(SMALL, &[0, 1, 2, 3], 9);
        assert_eq!(chosen.len(), 5);
        let last = chosen.iter().find(|(at, _)| *at == 4).unwrap();
        assert!((last.1 - 1e5).abs() < 1e-6);
        assert!(chosen.iter().all(|(_, score)| score.is_finite()));
    }

    /// Defect: TypiClust returns fewer than `b`, for it skips small clusters.
    #[test]
    fn small_clusters_do_not_shorten_the_batch() {
        let observed = [None; 10];
        let points = MatrixView::new(&POINTS, 10, 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
        for min_size in [0, 6, 100] {
            for budget in [1, 4, 10, 11] {
                let strategy = TypiClust { min_size, ..TypiClust::default() };
                let picks = strategy.select(&pool, budget, &SeedTree::new(3)).unwrap();
                let mut rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
                rows.sort_unstable();
                rows.dedup();
                assert_eq!(rows.len(), budget.min(10), "min_size {min_size}");
            }
        }
    }

    /// Neighbours that are kept from turn to turn are those that a new search would find.
    #[test]
    fn kept_neighbours_are_the_nearest_still_available() {
        let points: Vec<f32> = (0..100).map(|i| ((i * i * 31 + 7 * i) % 113) as f32).collect();
        let points = Rows::new(MatrixView::new(&points, 50, 2).unwrap());
        let mut kept = Cluster::new((0..50).collect(), &[false; 50]);
        let mut left: Vec<usize> = (0..50).collect();
        while let Some(taken) = kept.take(&points, &TypiClust::default()) {
            let fresh =
                Cluster::new(left.clone(), &[false; 50]).take(&points, &TypiClust::default());
            assert_eq!(Some(taken), fresh);
            left.retain(|at| *at != taken.0);
        }
        assert!(left.is_empty());
    }

    #[test]
    fn labelled_rows_are_not_chosen_and_send_their_cluster_back() {
        let mut observed = [None; 10];
        observed[8] = Some(ClassId::new(1));
        let points = MatrixView::new(&POINTS, 10, 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
        let picks = TypiClust::default().select(&pool, 9, &SeedTree::new(0)).unwrap();
        assert!(picks.iter().all(|pick| pick.row != 8));
        close(&visit(SMALL, &[8], 1), &[(4, 2.700_835)]);
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let observed = [None; 10];
        let points = MatrixView::new(&POINTS, 10, 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
        for (max_clusters, neighbours) in [(0, 20), (500, 0)] {
            let strategy = TypiClust { max_clusters, neighbours, ..TypiClust::default() };
            let error = strategy.select(&pool, 1, &SeedTree::new(0)).unwrap_err();
            assert!(matches!(error, AcquireError::Setting { .. }), "{error}");
        }
    }
}
