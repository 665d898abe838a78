use std::collections::BTreeMap;

use alfm_core::{CoreError, MatrixView, SeedTree};
use serde::{Deserialize, Serialize};

use crate::options::{COUNT, HasOptions, Opt};
use crate::uncertainty::Margin;
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Request};
use alfm_kernels::draw::{self, Remaining};
use alfm_kernels::{Stop, average_linkage, cluster_means, nearest_means};

/// Which member of a cluster is asked first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MemberOrder {
    /// The smallest margin, as in code for imbalanced pools.
    #[default]
    SmallestMargin,
    /// Uniformly at random, as in the paper.
    Random,
}

/// Cluster-Margin: small margins, from many clusters (Citovsky et al., NeurIPS 2021, arXiv 2107.14263).
///
/// The `factor * b` candidates of smallest margin are grouped by the cluster of their embedding; clusters
/// with the fewest of them come first (ties: the cluster of the lowest row), each gives one candidate a turn.
/// The score of a pick is minus its margin.
///
/// Clusters come from average linkage on `subset` random rows of the pool, labelled ones included; other rows
/// belong to the cluster with the nearest mean. Merging stops where the closest two clusters are more than
/// `epsilon` apart; by default at the smallest distance that leaves at most one cluster in `mean_size` rows.
///
/// `O(N K + n^2 D + f b C D)` time for `n` rows in `C` clusters, `O(N + n^2)` memory.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterMargin {
    /// `k_m / b`: candidates by margin for each row of the batch; finite, at least 1.
    pub factor: f64,
    /// The largest distance over which clusters are merged; at least 0. `None`: see `mean_size`.
    pub epsilon: Option<f64>,
    /// Rows a cluster, on average, where `epsilon` is not given; finite, at least 1.
    pub mean_size: f64,
    /// Rows that are clustered by linkage; at least 1. Twice as many cost four times the memory.
    pub subset: usize,
    /// Who comes first within a cluster.
    pub order: MemberOrder,
}

impl Default for ClusterMargin {
    fn default() -> Self {
        Self {
            factor: 10.0,
            epsilon: None,
            mean_size: 10.0,
            subset: 2000,
            order: MemberOrder::SmallestMargin,
        }
    }
}

impl HasOptions for ClusterMargin {
    const OPTIONS: &'static [Opt] = &[
        Opt::new(
            "factor",
            "candidates by margin for each row of the batch",
            "at least 1 and finite",
        ),
        Opt::new(
            "epsilon",
            "the largest distance over which clusters are merged; by mean_size if it is not set",
            "none, or at least 0",
        ),
        Opt::new(
            "mean_size",
            "rows a cluster, on average, where epsilon is not set",
            "at least 1 and finite",
        ),
        Opt::new(
            "subset",
            "rows that are clustered by linkage; twice as many cost four times the memory",
            COUNT,
        ),
        Opt::new("order", "which member of a cluster comes first", "smallest-margin or random"),
    ];
}

impl Acquisition for ClusterMargin {
    fn name(&self) -> &str {
        "cluster-margin"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model, Input::Embeddings])
    }

    fn check(&self) -> Result<(), AcquireError> {
        let ratio = |value: f64| value.is_finite() && value >= 1.0;
        self.require("factor", self.factor, ratio(self.factor))?;
        self.require("mean_size", self.mean_size, ratio(self.mean_size))?;
        self.require("subset", self.subset, self.subset >= 1)?;
        let epsilon = self.epsilon.unwrap_or(0.0);
        self.require("epsilon", epsilon, epsilon >= 0.0)
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let unsure = Margin.select(request.pool, self.unsure(request.budget), &request.seed)?;
        let rows: Vec<usize> = unsure.iter().map(|pick| pick.row).collect();
        let clusters =
            self.clusters(request.embeddings()?, &rows, &request.seed.child("subset"))?;
        let mut groups = BTreeMap::<usize, Vec<Pick>>::new();
        for (pick, cluster) in unsure.into_iter().zip(clusters) {
            groups.entry(cluster).or_default().push(pick);
        }
        let mut groups: Vec<Vec<Pick>> = groups.into_values().collect();
        if self.order == MemberOrder::Random {
            shuffle(&mut groups, &request.seed.child("members"));
        }
        Ok(round_robin(groups, request.budget))
    }
}

impl ClusterMargin {
    /// `k_m`; the pool has no more candidates than `select` knows.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1")]
    fn unsure(&self, budget: usize) -> usize {
        (self.factor * budget as f64) as usize
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most count")]
    fn stop(&self, count: usize) -> Stop {
        let wanted = (count as f64 / self.mean_size).ceil() as usize;
        self.epsilon.map_or(Stop::Clusters(wanted), Stop::Distance)
    }

    /// The cluster of each of `rows`, in clusters that a random subset of all points makes.
    fn clusters(
        &self,
        points: MatrixView<'_>,
        rows: &[usize],
        seed: &SeedTree,
    ) -> Result<Vec<usize>, CoreError> {
        let subset = sample(points.rows(), self.subset, seed);
        let linked = points.gather(subset.iter().copied());
        let known = average_linkage(linked.view(), self.stop(subset.len()));
        let place = |row: &usize| subset.binary_search(row).ok();
        let others: Vec<usize> = rows.iter().copied().filter(|row| place(row).is_none()).collect();
        let means = cluster_means(linked.view(), &known)?;
        let nearest = nearest_means(points.gather(others).view(), means.view());
        let mut nearest = nearest.into_iter();
        let cluster = |row| place(row).map(|at| known[at]).or_else(|| nearest.next());
        Ok(rows.iter().filter_map(cluster).collect())
    }
}

/// `count` of `0..length`, ascending: all of them if there are no more.
fn sample(length: usize, count: usize, seed: &SeedTree) -> Vec<usize> {
    if length <= count {
        return (0..length).collect();
    }
    let random = &mut draw::uniform(seed);
    let mut remaining = Remaining::new(length);
    let mut drawn: Vec<usize> = std::iter::from_fn(|| remaining.draw(random)).take(count).collect();
    drawn.sort_unstable();
    drawn
}

fn shuffle(groups: &mut [Vec<Pick>], seed: &SeedTree) {
    let random = &mut draw::uniform(seed);
    for group in groups {
        let mut remaining = Remaining::new(group.len());
        *group = std::iter::from_fn(|| remaining.draw(random)).map(|at| group[at]).collect();
    }
}

/// One of each group in turn, smallest groups first, until there are `budget`.
fn round_robin(mut groups: Vec<Vec<Pick>>, budget: usize) -> Vec<Pick> {
    groups.sort_by_key(Vec::len);
    let turns = groups.last().map_or(0, Vec::len);
    let turn = |turn: usize| groups.iter().filter_map(move |group| group.get(turn)).copied();
    (0..turns).flat_map(turn).take(budget).collect()
}

#[cfg(test)]
mod tests {
    use alfm_core::Predictions;

    use super::*;
    use crate::Pool;

    const LINE: [f32; 6] = [0.0, 0.2, 0.5, 3.0, 3.3, 10.0];

    fn binary(margins: &[f32]) -> Vec<f32> {
        margins.iter().flat_map(|margin| [(1.0 + margin) / 2.0, (1.0 - margin) / 2.0]).collect()
    }

    fn select(
        strategy: &ClusterMargin,
        model: Predictions<'_>,
        line: &[f32],
        budget: usize,
    ) -> Result<Vec<Pick>, AcquireError> {
        let observed = vec![None; line.len()];
        let pool = Pool::new(&observed)?.with_model(model)?.with_embeddings(MatrixView::new(
            line,
            line.len(),
            1,
        )?)?;
        strategy.select(&pool, budget, &SeedTree::new(2))
    }

    fn rows(strategy: &ClusterMargin, margins: &[f32], line: &[f32], budget: usize) -> Vec<usize> {
        let probabilities = binary(margins);
        let model = Predictions::probabilities(&probabilities, line.len(), 2).unwrap();
        let picks = select(strategy, model, line, budget).unwrap();
        picks.iter().map(|pick| pick.row).collect()
    }

    const MARGINS: [f32; 6] = [0.05, 0.10, 0.02, 0.30, 0.01, 0.04];

    #[test]
    fn worked_example() {
        let strategy =
            ClusterMargin { factor: 5.0 / 3.0, epsilon: Some(1.0), ..ClusterMargin::default() };
        assert_eq!(rows(&strategy, &MARGINS, &LINE, 3), [4, 5, 2]);
        // A second turn finds {2, 0, 1} alone.
        let wide = ClusterMargin { factor: 1.0, ..strategy };
        assert_eq!(rows(&wide, &MARGINS, &LINE, 5), [4, 5, 2, 0, 1]);
    }

    #[test]
    fn random_members_keep_the_order_of_the_clusters() {
        let strategy = ClusterMargin {
            epsilon: Some(1.0),
            order: MemberOrder::Random,
            ..ClusterMargin::default()
        };
        let picked = rows(&strategy, &MARGINS, &LINE, 6);
        assert_eq!(picked[0], 5);
        assert!([3, 4].contains(&picked[1]) && [0, 1, 2].contains(&picked[2]), "{picked:?}");
    }

    /// Defect: the baseline of the GALAXY code ranks raw logits.
    #[test]
    fn margins_are_of_probabilities_not_logits() {
        // Logit margins 1 and 1.2, but probability margins .46 and .44.
        let logits = [2.0, 1.0, -9.0, 1.2, 0.0, 0.0];
        let model = Predictions::logits(&logits, 2, 3).unwrap();
        let strategy = ClusterMargin { factor: 1.0, ..ClusterMargin::default() };
        assert_eq!(select(&strategy, model, &[0.0, 9.0], 1).unwrap()[0].row, 1);
    }

    /// Defects: the subset of the clustering is fixed at 1,000 rows; all `N^2` distances are stored.
    #[test]
    fn rows_outside_the_subset_join_the_nearest_mean() {
        let line: Vec<f32> =
            (0..60).map(|i| (i % 3) as f32 * 50.0 + (i / 3) as f32 * 0.1).collect();
        let margins: Vec<f32> = (0..60).map(|i| i as f32 / 100.0).collect();
        let strategy = ClusterMargin {
            factor: 60.0 / 3.0,
            epsilon: Some(5.0),
            subset: 30,
            ..ClusterMargin::default()
        };
        let mut picked = rows(&strategy, &margins, &line, 3);
        picked.sort_unstable();
        // All 60 are candidates, 20 a group: the least margin of each group is asked.
        assert_eq!(picked, [0, 1, 2]);
        let clusters = strategy.clusters(
            MatrixView::new(&line, 60, 1).unwrap(),
            &(0..60).collect::<Vec<_>>(),
            &SeedTree::new(9),
        );
        let clusters = clusters.unwrap();
        assert!((0..57).all(|row| clusters[row] == clusters[row + 3]));
        assert!(clusters[0] != clusters[1] && clusters[1] != clusters[2]);
    }

    #[test]
    fn the_default_aims_at_ten_rows_a_cluster() {
        let strategy = ClusterMargin::default();
        assert_eq!(strategy.stop(2000), Stop::Clusters(200));
        assert_eq!(strategy.stop(7), Stop::Clusters(1));
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let default = ClusterMargin::default();
        let wrong = [
            ClusterMargin { factor: 0.5, ..default },
            ClusterMargin { factor: f64::NAN, ..default },
            ClusterMargin { mean_size: 0.0, ..default },
            ClusterMargin { subset: 0, ..default },
            ClusterMargin { epsilon: Some(-1.0), ..default },
        ];
        let probabilities = binary(&MARGINS);
        let model = Predictions::probabilities(&probabilities, 6, 2).unwrap();
        for strategy in wrong {
            let error = select(&strategy, model, &LINE, 2).unwrap_err();
            assert!(matches!(error, AcquireError::Setting { .. }), "{error}");
        }
    }
}
