use alfm_core::MatrixView;
use serde::{Deserialize, Serialize};

use super::k_center_state::KCenterState;
use crate::options::{BOOL, HasOptions, Opt};
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Request};
use alfm_kernels::draw::{self, Remaining, Uniform};
use alfm_kernels::{Embedded, Metric, RunningMinimum};

/// CORESET: k-center greedy, the farthest point first (Sener & Savarese 2018, arXiv 1708.00489, Algorithm 1).
///
/// Distances are to labelled rows and to rows chosen before; ties go to the lowest row. Without a labelled
/// row the first centre is drawn uniformly. The score of a pick is its squared distance to the nearest centre
/// when it was chosen. A 2-approximation of the smallest covering radius.
///
/// At most `O((L + b) N D)` time, and far less where most of the pool is nearer to a centre than the picks
/// are; `O(N)` memory beside the embeddings, which may lie in a mapped file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KCenterGreedy {
    /// What distance means; Euclidean by default.
    pub metric: Metric,
    /// Measure a point only while it may be the farthest (the default), or every point against every centre.
    ///
    /// Both choose the same rows. The second way is the definition, kept to test and time the first.
    pub lazy: bool,
}

impl Default for KCenterGreedy {
    fn default() -> Self {
        Self { metric: Metric::L2, lazy: true }
    }
}

impl HasOptions for KCenterGreedy {
    const OPTIONS: &'static [Opt] = &[
        Opt::new("metric", "what distance means", "l2 or cosine"),
        Opt::new(
            "lazy",
            "measure a point only while it may be the farthest; the same rows, sooner",
            BOOL,
        ),
    ];
}

impl Acquisition for KCenterGreedy {
    fn name(&self) -> &str {
        "coreset"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Embeddings])
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let embeddings = request.embeddings()?;
        let random = &mut draw::uniform(&request.seed);
        if self.lazy {
            KCenterState::new(request.pool.device(), embeddings, self.metric)?.farthest_first(
                request.pool,
                request.budget,
                random,
            )
        } else {
            Ok(measuring_all(embeddings, self.metric, request, random))
        }
    }
}

/// The definition: the minima of all candidates are kept up to date.
fn measuring_all(
    embeddings: MatrixView<'_>,
    metric: Metric,
    request: &Request<'_>,
    random: &mut impl Uniform,
) -> Vec<Pick> {
    let space = Embedded::new(embeddings, metric);
    let candidates = request.candidates();
    let mut nearest = RunningMinimum::new(&space, candidates);
    for (row, _) in request.pool.labelled() {
        nearest.add(row);
    }
    let mut picks = Vec::with_capacity(request.budget);
    while picks.len() < request.budget {
        let Some((mut at, score)) = nearest.farthest() else { break };
        if score.is_infinite() {
            at = Remaining::new(candidates.len()).draw(random).unwrap_or(at);
        }
        picks.push(Pick { row: candidates[at], score });
        nearest.add(candidates[at]);
        // Below every distance, so that duplicates of a centre are still chosen after all others.
        nearest.take(at, -1.0);
    }
    picks
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, SeedTree};

    use super::*;
    use crate::{FfActive, Pool};

    const POINTS: [f32; 12] = [0.0, 0.0, 1.0, 0.0, 0.0, 3.0, 4.0, 0.0, 4.0, 3.0, 2.0, 1.0];

    /// The definition, the lazy way and the alias.
    fn strategies(metric: Metric) -> [Box<dyn Acquisition>; 3] {
        let [eager, lazy] = [false, true].map(|lazy| KCenterGreedy { metric, lazy });
        [Box::new(eager), Box::new(lazy), Box::new(FfActive { metric })]
    }

    #[test]
    fn worked_example() {
        let mut observed = [None; 6];
        observed[0] = Some(ClassId::new(0));
        let points = MatrixView::new(&POINTS, 6, 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
        for strategy in strategies(Metric::L2) {
            let picks = strategy.select(&pool, 4, &SeedTree::new(0)).unwrap();
            let chosen: Vec<_> = picks.iter().map(|pick| (pick.row, pick.score)).collect();
            // The fourth is the radius of the first three.
            assert_eq!(chosen, [(4, 25.0), (2, 9.0), (3, 9.0), (5, 5.0)]);
        }
    }

    /// By angle the long row is no further than a short one, and a zero row is at 1 from all others.
    #[test]
    fn angles_count_where_they_are_asked_for() {
        let mut observed = [None; 5];
        observed[0] = Some(ClassId::new(0));
        let points = [1.0, 0.0, 100.0, 0.0, 0.0, 0.0, -1.0, 0.0, 1.0, 1.0];
        let points = MatrixView::new(&points, 5, 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
        for strategy in strategies(Metric::Cosine) {
            let picks = strategy.select(&pool, 4, &SeedTree::new(0)).unwrap();
            let rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
            assert_eq!(rows, [3, 2, 4, 1]);
            assert_eq!((picks[0].score, picks[1].score, picks[3].score), (4.0, 1.0, 0.0));
        }
    }

    /// Public code returns row 0 again and again once all distances are 0.
    #[test]
    fn identical_points_are_chosen_once_each() {
        let observed = [None; 4];
        let points = MatrixView::new(&[1.0; 8], 4, 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
        for strategy in strategies(Metric::L2) {
            let picks = strategy.select(&pool, 9, &SeedTree::new(3)).unwrap();
            let mut rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
            rows.sort_unstable();
            assert_eq!(rows, [0, 1, 2, 3]);
        }
    }

    /// Public code refuses a budget above the number of columns.
    #[test]
    fn a_budget_above_the_width_is_valid() {
        let observed = [None; 12];
        let points = MatrixView::new(&POINTS, 12, 1).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
        for strategy in strategies(Metric::L2) {
            assert_eq!(strategy.select(&pool, 7, &SeedTree::new(0)).unwrap().len(), 7);
        }
    }
}
