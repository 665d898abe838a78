use alfm_core::{CoreError, MatrixView};
use serde::{Deserialize, Serialize};

use super::balls::{Balls, nearest_strangers};
use crate::options::{COUNT, HasOptions, Opt, WHOLE};
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Pool, Request};
use alfm_kernels::blocks::Rows;
use alfm_kernels::draw;
use alfm_kernels::{k_means, normalised};

/// ProbCover: balls that cover the most of what is not covered (Yehuda et al., NeurIPS 2022, arXiv
/// 2205.11320).
///
/// On the embeddings of labelled rows and candidates, each divided by its norm, a row covers all rows nearer
/// than `delta`, itself included. Balls of labelled rows are covered at the start; the candidate that covers
/// most is chosen again and again, the lowest row on ties, and its gain is its score. Once all is covered the
/// rest is drawn uniformly, with score 0.
///
/// By default `delta` is the largest of the radii of `bisections` bisections of `[0, 1]` at which at least a
/// share `purity` of the balls holds one cluster of k-means only, or the smallest tried if none is so pure.
/// There are as many clusters as classes: those of the model, prior or head if the pool has one, else those
/// seen so far, at least 2.
///
/// `O(N^2 D)` time. The graph takes 4 bytes an edge; above `max_edges` it is not kept and the neighbours of a
/// row are sought again when it is covered: `O(N)` memory, the same picks, up to twice the time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbCover {
    /// The radius of a ball, above 0; rows are unit vectors, at most 2 apart. `None`: by purity.
    pub delta: Option<f64>,
    /// The share of pure balls wanted; in `[0, 1]`.
    pub purity: f64,
    /// Halvings of `[0, 1]` in search of `delta`; at least 1.
    pub bisections: usize,
    /// Edges that are kept in memory.
    pub max_edges: usize,
}

impl Default for ProbCover {
    fn default() -> Self {
        Self { delta: None, purity: 0.95, bisections: 6, max_edges: 1 << 28 }
    }
}

impl HasOptions for ProbCover {
    const OPTIONS: &'static [Opt] = &[
        Opt::new(
            "delta",
            "the radius of a ball around unit vectors; by purity if it is not set",
            "none, or above 0 and finite",
        ),
        Opt::new(
            "purity",
            "the share of balls that shall hold one cluster only, where delta is not set",
            "from 0 to 1",
        ),
        Opt::new("bisections", "halvings of [0, 1] in search of delta", COUNT),
        Opt::new(
            "max_edges",
            "edges of the ball graph that are kept in memory, 4 bytes each",
            WHOLE,
        ),
    ];
}

impl Acquisition for ProbCover {
    fn name(&self) -> &str {
        "probcover"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Embeddings])
    }

    fn check(&self) -> Result<(), AcquireError> {
        let delta = self.delta.unwrap_or(1.0);
        self.require("delta", delta, delta.is_finite() && delta > 0.0)?;
        self.require("purity", self.purity, (0.0..=1.0).contains(&self.purity))?;
        self.require("bisections", self.bisections, self.bisections >= 1)
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let rows = request.visible();
        let points = normalised(request.embeddings()?, &rows)?;
        let observed = request.pool.observed();
        let labelled: Vec<bool> = rows.iter().map(|row| observed[*row].is_some()).collect();
        let unit = Rows::new(points.view());
        let delta = match self.delta {
            Some(delta) => delta,
            None => self.pure_radius(points.view(), &unit, request)?,
        };
        let mut cover = Cover::new(Balls::new(&unit, delta, self.max_edges), &labelled);
        let mut picks: Vec<Pick> = std::iter::from_fn(|| cover.choose())
            .take(request.budget)
            .map(|(at, gain)| Pick { row: rows[at], score: gain as f64 })
            .collect();
        let random = &mut draw::uniform(&request.seed.child("rest"));
        draw::complete(&mut picks, request.candidates(), request.budget, random);
        Ok(picks)
    }
}

impl ProbCover {
    fn pure_radius(
        &self,
        points: MatrixView<'_>,
        unit: &Rows<'_>,
        request: &Request<'_>,
    ) -> Result<f64, CoreError> {
        let classes = classes(request.pool).min(points.rows());
        let random = &mut draw::uniform(&request.seed.child("k-means"));
        let found = k_means(points, classes, random)?;
        Ok(self.bisect(&nearest_strangers(unit, found.clusters())))
    }

    /// Bisects on the share of balls that no stranger is in.
    fn bisect(&self, nearest_strangers: &[f64]) -> f64 {
        let mut low = 0.0;
        let mut high = 1.0;
        for _ in 0..self.bisections {
            let radius = f64::midpoint(low, high);
            if purity(nearest_strangers, radius) >= self.purity {
                low = radius;
            } else {
                high = radius;
            }
        }
        if low > 0.0 { low } else { high }
    }
}

/// The share of balls of radius `radius` that hold one cluster only.
fn purity(nearest_strangers: &[f64], radius: f64) -> f64 {
    let pure = nearest_strangers.iter().filter(|squared| **squared >= radius * radius).count();
    pure as f64 / nearest_strangers.len() as f64
}

fn classes(pool: &Pool<'_>) -> usize {
    let given = [pool.model(), pool.prior()].into_iter().flatten().map(|given| given.classes());
    let head = pool.head().map(|head| head.classes());
    let seen = || pool.labelled().map(|(_, class)| class.index() + 1).max().unwrap_or(0).max(2);
    given.chain(head).next().unwrap_or_else(seen)
}

/// Points that are covered, and how much each ball would add.
struct Cover<'a> {
    balls: Balls<'a>,
    covered: Vec<bool>,
    gains: Vec<usize>,
    /// Candidates by a gain that they had once, below `level` not sorted and perhaps stale.
    buckets: Vec<Vec<usize>>,
}

impl<'a> Cover<'a> {
    fn new(balls: Balls<'a>, labelled: &[bool]) -> Self {
        let gains = balls.sizes().to_vec();
        let covered = vec![false; gains.len()];
        let mut cover = Self { balls, covered, gains, buckets: Vec::new() };
        let centres: Vec<usize> = (0..labelled.len()).filter(|at| labelled[*at]).collect();
        cover.add(&centres);
        let largest = cover.gains.iter().copied().max().unwrap_or(0);
        cover.buckets = vec![Vec::new(); largest + 1];
        // The last of a bucket is looked at first.
        for at in (0..labelled.len()).rev().filter(|at| !labelled[*at]) {
            cover.buckets[cover.gains[at]].push(at);
        }
        cover
    }

    /// The candidate of largest gain, the lowest on ties, with its gain; `None` once no gain is left.
    fn choose(&mut self) -> Option<(usize, usize)> {
        loop {
            let level = self.buckets.len().checked_sub(1).filter(|level| *level > 0)?;
            let Some(at) = self.buckets[level].pop() else {
                self.buckets.pop();
                // Nothing enters a bucket once it is the top one, so one sort is enough.
                if let Some(next) = self.buckets.last_mut() {
                    next.sort_unstable_by(|a, b| b.cmp(a));
                }
                continue;
            };
            match self.gains[at] {
                gain if gain == level => {
                    self.add(&[at]);
                    return Some((at, gain));
                }
                gain => self.buckets[gain].push(at),
            }
        }
    }

    /// Covers the balls of `centres` and takes what they cover off the gain of every ball that held it.
    fn add(&mut self, centres: &[usize]) {
        let Self { balls, covered, gains, .. } = self;
        let mut fresh = Vec::new();
        balls.for_each(centres, |ball| {
            for at in ball.iter().map(|at| *at as usize) {
                if !covered[at] {
                    covered[at] = true;
                    fresh.push(at);
                }
            }
        });
        balls.for_each(&fresh, |holders| {
            for at in holders {
                gains[*at as usize] -= 1;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, Predictions, SeedTree};

    use super::*;

    /// The worked example of the specification.
    const LINE: [f32; 8] = [0.0, 0.3, 0.5, 0.8, 2.0, 2.2, 2.3, 5.0];
    const FIRST: [bool; 8] = [true, false, false, false, false, false, false, false];

    fn rows(line: &[f32]) -> Rows<'_> {
        Rows::new(MatrixView::new(line, line.len(), 1).unwrap())
    }

    #[test]
    fn worked_example() {
        let points = rows(&LINE);
        for max_edges in [0, usize::MAX] {
            let mut cover = Cover::new(Balls::new(&points, 0.35, max_edges), &FIRST);
            assert_eq!(cover.gains[1..], [1, 2, 2, 3, 3, 3, 1]);
            assert_eq!(cover.choose(), Some((4, 3)));
            let left: Vec<usize> = [1, 2, 3, 5, 6, 7].map(|at| cover.gains[at]).to_vec();
            assert_eq!(left, [1, 2, 2, 0, 0, 1]);
            assert_eq!(cover.choose(), Some((2, 2)));
            assert_eq!(cover.choose(), Some((7, 1)));
            assert!(cover.covered.iter().all(|covered| *covered));
            assert_eq!(cover.choose(), None);
        }
    }

    #[test]
    fn purities_of_the_worked_example() {
        let strangers = nearest_strangers(&rows(&LINE), &[0, 0, 0, 0, 1, 1, 1, 2]);
        for (radius, expected) in [(0.25, 1.0), (0.35, 1.0), (1.3, 0.75)] {
            assert_eq!(purity(&strangers, radius), expected);
        }
        // Pure up to 1.2, so that the largest radius tried is the last, 1 - 2^-6.
        assert_eq!(ProbCover::default().bisect(&strangers), 1.0 - 1.0 / 64.0);
        assert_eq!(ProbCover::default().bisect(&[0.0; 4]), 1.0 / 64.0);
        let half = ProbCover { bisections: 2, ..ProbCover::default() };
        assert_eq!(half.bisect(&[0.36; 4]), 0.5);
    }

    fn select(strategy: &ProbCover, embeddings: &[f32], budget: usize) -> Vec<Pick> {
        let mut observed = vec![None; embeddings.len() / 2];
        observed[1] = Some(ClassId::new(0));
        let embeddings = MatrixView::new(embeddings, observed.len(), 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(embeddings).unwrap();
        strategy.select(&pool, budget, &SeedTree::new(1)).unwrap()
    }

    /// Defect: when all gains are 0, nodes already chosen or labelled are chosen again.
    #[test]
    fn without_gains_the_rest_is_distinct_and_unlabelled() {
        let same = [1.0, 1.0].repeat(6);
        let mut picked: Vec<usize> =
            select(&ProbCover::default(), &same, 9).iter().map(|pick| pick.row).collect();
        picked.sort_unstable();
        assert_eq!(picked, [0, 2, 3, 4, 5]);
        let scores = select(&ProbCover::default(), &same, 3);
        assert!(scores.iter().all(|pick| pick.score == 0.0));
    }

    /// Defect: points of the last partial block can be covered but never chosen.
    #[test]
    fn the_last_rows_can_be_chosen() {
        let count = alfm_kernels::blocks::POINTS + 5;
        let mut embeddings = [1.0, 0.0].repeat(count - 3);
        embeddings.extend([0.0, 1.0].repeat(3));
        let strategy = ProbCover { delta: Some(0.5), ..ProbCover::default() };
        let picks = select(&strategy, &embeddings, 1);
        assert_eq!(picks, [Pick { row: count - 3, score: 3.0 }]);
    }

    #[test]
    fn a_graph_too_large_to_keep_gives_the_same_picks() {
        let embeddings: Vec<f32> = (0..300).map(|i| ((i * i * 13) % 97) as f32 - 48.0).collect();
        let strategy = ProbCover { delta: Some(0.3), ..ProbCover::default() };
        let anew = ProbCover { max_edges: 10, ..strategy };
        assert_eq!(select(&strategy, &embeddings, 40), select(&anew, &embeddings, 40));
    }

    #[test]
    fn classes_come_from_what_is_given() {
        let observed = [Some(ClassId::new(3)), None];
        let pool = Pool::new(&observed).unwrap();
        assert_eq!(classes(&pool), 4);
        assert_eq!(classes(&Pool::new(&observed[1..]).unwrap()), 2);
        let model = Predictions::probabilities(&[0.2, 0.2, 0.2, 0.2, 0.2], 1, 5).unwrap();
        let pool = Pool::new(&observed[1..]).unwrap().with_model(model).unwrap();
        assert_eq!(classes(&pool), 5);
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let observed = [None; 2];
        let embeddings = MatrixView::new(&[1.0, 2.0], 2, 1).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(embeddings).unwrap();
        let default = ProbCover::default();
        let wrong = [
            ProbCover { delta: Some(0.0), ..default },
            ProbCover { delta: Some(f64::NAN), ..default },
            ProbCover { purity: 1.5, ..default },
            ProbCover { bisections: 0, ..default },
        ];
        for strategy in wrong {
            let error = strategy.select(&pool, 1, &SeedTree::new(0)).unwrap_err();
            assert!(matches!(error, AcquireError::Setting { .. }), "{error}");
        }
    }
}
