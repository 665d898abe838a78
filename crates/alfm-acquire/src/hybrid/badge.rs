use alfm_kernels::Gradients;
use alfm_kernels::device::Device;
use alfm_kernels::draw::{self, Remaining, Uniform};
use serde::{Deserialize, Serialize};

use super::plus_plus::{self, Chosen};
use crate::options::{BOOL, HasOptions, Opt};
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Request};

/// Where BADGE begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FirstCentre {
    /// The longest gradient, as the reference code does; the lowest row on ties.
    #[default]
    Longest,
    /// A row drawn uniformly, as k-means++ is defined.
    Uniform,
}

/// BADGE: k-means++ seeding on last-layer gradient embeddings (Ash et al. 2020, arXiv 1906.03671, Algorithm 1).
///
/// The gradient under the predicted label is `g_i = q_i (x) x_i` with `q_i = p_i - e_yhat`. It is never
/// built: `<g_i, g_j> = <q_i, q_j> <x_i, x_j>`. After the first centre each next one is drawn with probability
/// proportional to its squared distance to the nearest centre, which is also its score. Once all distances
/// are 0 the rest is drawn uniformly.
///
/// At most about `O(b N (K + D))` time, and far less where points are drawn nearly as often as their distances
/// to the first few centres say; `O(N K)` memory, against `O(N K D)` for the gradients.
///
/// # Errors
/// [`AcquireError::Setting`] for parts of 0 rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Badge {
    /// Where to begin; at the longest gradient by default.
    pub first: FirstCentre,
    /// Split the candidates at random into equal parts of at most so many rows, each with its share of the
    /// budget, and choose in one after another. For pools so large that one pass a centre is too much.
    pub partition: Option<usize>,
    /// Measure a point only when it is drawn (the default), or every point against every centre.
    ///
    /// Both draw by the same law. The second way is the definition, kept to test and time the first.
    pub lazy: bool,
}

impl Default for Badge {
    fn default() -> Self {
        Self { first: FirstCentre::Longest, partition: None, lazy: true }
    }
}

impl HasOptions for Badge {
    const OPTIONS: &'static [Opt] = &[
        Opt::new(
            "first",
            "where to begin: at the longest gradient, or at a row drawn uniformly",
            "longest or uniform",
        ),
        Opt::new(
            "partition",
            "splits the candidates at random into parts of at most so many rows, for pools too \
             large for a pass a centre",
            "none, or a whole number of at least 1",
        ),
        Opt::new("lazy", "measure a point only when it is drawn; the same law, sooner", BOOL),
    ];
}

impl Acquisition for Badge {
    fn name(&self) -> &str {
        "badge"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model, Input::Embeddings])
    }

    fn check(&self) -> Result<(), AcquireError> {
        let rows = self.partition.unwrap_or(1);
        self.require("partition", rows, rows >= 1)
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let model = request.model()?;
        let embeddings = request.embeddings()?;
        let random = &mut draw::uniform(&request.seed);
        let mut picks = Vec::with_capacity(request.budget);
        for (rows, budget) in self.parts(request, random) {
            let gradients = Gradients::new(model, embeddings, &rows);
            let chosen = self.choose(&gradients, budget, request.pool.device(), random)?;
            picks.extend(chosen.into_iter().map(|(at, score)| Pick { row: rows[at], score }));
        }
        Ok(picks)
    }
}

impl Badge {
    fn choose(
        &self,
        gradients: &Gradients<'_>,
        budget: usize,
        device: &dyn Device,
        random: &mut impl Uniform,
    ) -> Result<Vec<Chosen>, AcquireError> {
        let first = match self.first {
            FirstCentre::Longest => gradients.longest(),
            FirstCentre::Uniform => Remaining::new(gradients.len()).draw(random),
        };
        match first {
            None => Ok(Vec::new()),
            Some(first) if self.lazy => {
                let nearest = device.nearest(gradients)?;
                plus_plus::lazy((gradients, nearest), first, budget, plus_plus::FEW, random)
            }
            Some(first) => Ok(plus_plus::measuring_all(gradients, first, budget, random)),
        }
    }

    /// The rows of every part, ascending, with a budget of at least 1 and at most its size.
    fn parts(&self, request: &Request<'_>, random: &mut impl Uniform) -> Vec<(Vec<usize>, usize)> {
        let candidates = request.candidates();
        let budget = request.budget;
        let total = candidates.len();
        let parts = self.partition.map_or(1, |rows| total.div_ceil(rows));
        if parts <= 1 {
            return vec![(candidates.to_vec(), budget)];
        }
        let mut remaining = Remaining::new(total);
        let order = std::iter::from_fn(|| remaining.draw(random)).map(|at| candidates[at]);
        let order: Vec<usize> = order.collect();
        // Rounded as the running totals are, so that the shares sum to the budget.
        let part = |number: usize| {
            let start = number * total / parts;
            let end = (number + 1) * total / parts;
            let mut rows = order[start..end].to_vec();
            rows.sort_unstable();
            (rows, budget * end / total - budget * start / total)
        };
        (0..parts).map(part).filter(|(_, budget)| *budget > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, MatrixView, Predictions, SeedTree};
    use alfm_kernels::device::Cpu;

    use super::*;
    use crate::Pool;

    /// The worked example of the specification: 5 points, 3 classes, D = 2.
    const P: [f32; 15] =
        [0.6, 0.3, 0.1, 0.5, 0.4, 0.1, 0.2, 0.2, 0.6, 0.34, 0.33, 0.33, 0.98, 0.01, 0.01];
    const X: [f32; 10] = [1.0, 0.0, 0.0, 2.0, 1.0, 1.0, -1.0, 0.5, 3.0, 0.0];

    fn pool<'a>(observed: &'a [Option<ClassId>], p: &'a [f32], x: &'a [f32]) -> Pool<'a> {
        let rows = observed.len();
        let model = Predictions::probabilities(p, rows, p.len() / rows).unwrap();
        Pool::new(observed)
            .unwrap()
            .with_model(model)
            .unwrap()
            .with_embeddings(MatrixView::new(x, rows, x.len() / rows).unwrap())
            .unwrap()
    }

    fn rows(picks: &[Pick]) -> Vec<usize> {
        picks.iter().map(|pick| pick.row).collect()
    }

    fn both() -> [Badge; 2] {
        [true, false].map(|lazy| Badge { lazy, ..Badge::default() })
    }

    #[test]
    fn worked_example() {
        let model = Predictions::probabilities(&P, 5, 3).unwrap();
        let all = [0, 1, 2, 3, 4];
        let gradients = Gradients::new(model, MatrixView::new(&X, 5, 2).unwrap(), &all);
        let norms = [0.26, 1.68, 0.48, 0.81675, 0.0054];
        for (at, norm) in norms.into_iter().enumerate() {
            assert!((gradients.squared_norm(at) - norm).abs() < 1e-6);
        }
        for badge in both() {
            let chosen =
                badge.choose(&gradients, 3, &Cpu, &mut draw::scripted(&[0.5, 0.9])).unwrap();
            let expected = [(1, 1.68), (2, 2.4), (4, 0.5214)];
            for ((at, score), (expected_at, expected_score)) in chosen.into_iter().zip(expected) {
                assert_eq!(at, expected_at);
                assert!((score - expected_score).abs() < 1e-6, "{score}");
            }
        }
    }

    #[test]
    fn the_first_centre_can_be_drawn() {
        let model = Predictions::probabilities(&P, 5, 3).unwrap();
        let all = [0, 1, 2, 3, 4];
        let gradients = Gradients::new(model, MatrixView::new(&X, 5, 2).unwrap(), &all);
        let badge = Badge { first: FirstCentre::Uniform, ..Badge::default() };
        let chosen = badge.choose(&gradients, 1, &Cpu, &mut draw::scripted(&[0.7])).unwrap();
        assert_eq!(chosen[0].0, 3);
    }

    /// Public code divides 0 by 0 here.
    #[test]
    fn vanished_gradients_are_filled_uniformly() {
        let certain = [1.0, 0.0].repeat(5);
        let observed = [None; 5];
        for badge in both() {
            let picks = badge.select(&pool(&observed, &certain, &X), 5, &SeedTree::new(1)).unwrap();
            let mut rows = rows(&picks);
            rows.sort_unstable();
            assert_eq!(rows, [0, 1, 2, 3, 4]);
            assert!(picks.iter().all(|pick| pick.score == 0.0));
        }
    }

    /// Public code asserts that no squared distance is negative; rounding makes some so.
    #[test]
    fn rounding_makes_no_distance_negative() {
        let x: Vec<f32> = (0..60).map(|i| 1e4 + (i % 3) as f32 * 1e-3).collect();
        let p: Vec<f32> = (0..20).flat_map(|i| [0.6 + (i % 2) as f32 * 1e-7, 0.4]).collect();
        let observed = [None; 20];
        for badge in both() {
            let picks = badge.select(&pool(&observed, &p, &x), 20, &SeedTree::new(2)).unwrap();
            assert_eq!(picks.len(), 20);
            assert!(picks.iter().all(|pick| pick.score >= 0.0));
        }
    }

    /// Public code keeps the origin as a centre, so that short gradients are hardly ever chosen.
    #[test]
    fn the_origin_is_no_centre() {
        let observed = [None; 3];
        let (p, x) = ([0.5; 6], [5.0, 0.1, 0.0]);
        for badge in both() {
            let picks = badge.select(&pool(&observed, &p, &x), 2, &SeedTree::new(0)).unwrap();
            assert_eq!(picks[0].row, 0);
            // From the origin the distance of either would be below 0.01.
            assert!(picks[1].score > 12.0);
        }
    }

    /// Public code returns one row more than asked for in some runs, and rows twice in others.
    #[test]
    fn a_batch_of_duplicates_is_exact_and_distinct() {
        let (p, x) = ([0.7, 0.3].repeat(30), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0].repeat(10));
        let mut observed = [None; 30];
        observed[3] = Some(ClassId::new(0));
        for badge in both() {
            for budget in [1, 2, 28, 29, 40] {
                let picks =
                    badge.select(&pool(&observed, &p, &x), budget, &SeedTree::new(4)).unwrap();
                let mut rows = rows(&picks);
                rows.sort_unstable();
                rows.dedup();
                assert_eq!(rows.len(), budget.min(29));
                assert!(!rows.contains(&3));
            }
        }
    }

    #[test]
    fn parts_share_the_budget() {
        let p: Vec<f32> = (0..23).flat_map(|i| [i as f32 / 50.0, 1.0 - i as f32 / 50.0]).collect();
        let x: Vec<f32> = (0..46).map(|i| ((i * 7) % 11) as f32 - 5.0).collect();
        let observed = [None; 23];
        for (size, budget) in [(1, 9), (4, 9), (5, 23), (22, 7), (23, 7), (100, 30)] {
            let badge = Badge { partition: Some(size), ..Badge::default() };
            let picks = badge.select(&pool(&observed, &p, &x), budget, &SeedTree::new(6)).unwrap();
            let mut rows = rows(&picks);
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), budget.min(23), "parts of {size}");
            let whole =
                Badge::default().select(&pool(&observed, &p, &x), budget, &SeedTree::new(6));
            assert_eq!(picks == whole.unwrap(), size >= 23, "parts of {size}");
        }
        let badge = Badge { partition: Some(0), ..Badge::default() };
        assert!(badge.select(&pool(&observed, &p, &x), 1, &SeedTree::new(6)).is_err());
    }
}
