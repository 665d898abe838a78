use alfm_core::{ClassId, CoreError};
use serde::{Deserialize, Serialize};

use super::gradient_kernel::{Examples, GradientKernel};
use crate::options::{HasOptions, Opt, WHOLE};
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Request};
use alfm_kernels::draw;
use alfm_kernels::{Submodular, lazy_greedy};

/// SIMILAR: mutual information with labelled examples of rare classes (Kothawade et al. 2021, arXiv
/// 2107.00717).
///
/// The examples `Q` are the labelled rows of the rare classes. The kernel `S_qj = (1 + cos(g_q, g_j)) / 2`
/// compares gradients of the last layer, weights and bias, under the label of an example and under the
/// predicted class of a candidate; they are never built: `cos = <q, q'> (<x, x'> + 1) / (|g| |g'|)` with
/// `q = p - e_y`, and 0 where a gradient vanishes. A pick's score is its gain; ties go to the lowest row.
/// Without an example the batch is drawn uniformly.
///
/// `O(|Q| N (K + D) + r |Q|)` time for `r` re-evaluated gains; `4 |Q| N` bytes up to
/// [`kernel`](Self::kernel), above that `O(N + |Q| K)` memory, and a re-evaluation costs `O(|Q| (K + D))`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Similar {
    /// The rare classes; by default those with fewer observed labels than the mean over all classes.
    pub rare: Option<Vec<ClassId>>,
    /// What is maximised.
    pub objective: MutualInformation,
    /// Up to how many values of the kernel are kept; 2^26 by default, 256 MiB.
    pub kernel: usize,
}

/// Mutual information between a batch `A` and the examples `Q`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum MutualInformation {
    /// FLQMI: `sum_{q in Q} max_{j in A} S_qj + eta sum_{j in A} max_{q in Q} S_qj`, greedily.
    FacilityLocation {
        /// How much the relevance of each row counts beside the cover of the examples, at least 0.
        eta: f64,
    },
    /// GCMI: `2 lambda sum_{j in A} sum_{q in Q} S_qj`: relevant, but not diverse.
    GraphCut {
        /// A factor of the score, above 0.
        lambda: f64,
    },
}

impl Default for Similar {
    fn default() -> Self {
        let objective = MutualInformation::FacilityLocation { eta: 1.0 };
        Self { rare: None, objective, kernel: 1 << 26 }
    }
}

impl HasOptions for Similar {
    const OPTIONS: &'static [Opt] = &[
        Opt::new(
            "rare",
            "the rare classes by number; if they are not set those with fewer labels than the \
             mean class",
            "none, or a list of numbers of classes",
        ),
        Opt::new(
            "objective",
            "what is maximised: cover and relevance of the examples, or relevance alone",
            "{ facility-location = { eta } } with eta of at least 0, or { graph-cut = { lambda } \
             } with lambda above 0",
        ),
        Opt::new("kernel", "up to how many values of the kernel are kept, 4 bytes each", WHOLE),
    ];
}

impl Acquisition for Similar {
    fn name(&self) -> &str {
        "similar"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model, Input::Embeddings])
    }

    fn check(&self) -> Result<(), AcquireError> {
        match self.objective {
            MutualInformation::FacilityLocation { eta } => {
                self.require("objective", eta, eta >= 0.0 && eta.is_finite())
            }
            MutualInformation::GraphCut { lambda } => {
                self.require("objective", lambda, lambda > 0.0 && lambda.is_finite())
            }
        }
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let model = request.model()?;
        let embeddings = request.embeddings()?;
        let candidates = request.candidates();
        let examples = self.examples(request.pool.labelled().collect(), model.classes())?;
        let budget = request.budget;
        let chosen = if examples.is_empty() {
            Vec::new()
        } else {
            let examples = Examples::new(model, embeddings, &examples);
            let kernel = GradientKernel { model, embeddings, candidates, examples };
            self.maximise(&kernel, budget)
        };
        let pick = |(at, score): (usize, f64)| Pick { row: candidates[at], score };
        let mut picks: Vec<Pick> = chosen.into_iter().map(pick).collect();
        draw::complete(&mut picks, candidates, budget, &mut draw::uniform(&request.seed));
        Ok(picks)
    }
}

impl Similar {
    /// The labelled rows of rare classes.
    fn examples(
        &self,
        mut labelled: Vec<(usize, ClassId)>,
        classes: usize,
    ) -> Result<Vec<(usize, ClassId)>, AcquireError> {
        if let Some(class) = self.rare.iter().flatten().find(|class| class.index() >= classes) {
            return Err(CoreError::UnknownClass { class: *class, classes }.into());
        }
        let mut counts = vec![0; classes];
        for (_, class) in &labelled {
            let unknown = CoreError::UnknownClass { class: *class, classes };
            *counts.get_mut(class.index()).ok_or(unknown)? += 1;
        }
        let all = labelled.len();
        labelled.retain(|(_, class)| match &self.rare {
            Some(named) => named.contains(class),
            None => counts[class.index()] * classes < all,
        });
        Ok(labelled)
    }

    fn maximise(&self, kernel: &GradientKernel<'_>, budget: usize) -> Vec<(usize, f64)> {
        let elements = kernel.candidates.len();
        let examples = kernel.examples.len();
        match self.objective {
            MutualInformation::GraphCut { lambda } => {
                let gains = kernel.by_candidate(|column| 2.0 * lambda * column.iter().sum::<f64>());
                lazy_greedy(&mut Modular { gains }, elements, budget)
            }
            MutualInformation::FacilityLocation { eta } => {
                let kept = examples.saturating_mul(elements) <= self.kernel;
                let stored = if kept { kernel.stored() } else { Vec::new() };
                let largest = |column: &[f64]| eta * column.iter().copied().fold(0.0, f64::max);
                let relevance = kernel.by_candidate(largest);
                let best = vec![0.0; examples];
                let similarity = |element: usize, column: &mut Vec<f64>| {
                    kernel.column(&stored, element, column);
                };
                lazy_greedy(&mut Cover { similarity, relevance, best }, elements, budget)
            }
        }
    }
}

/// GCMI: gains that do not change.
struct Modular {
    gains: Vec<f64>,
}

impl Submodular for Modular {
    fn gain(&self, element: usize) -> f64 {
        self.gains[element]
    }

    fn add(&mut self, _: usize) {}
}

/// FLQMI: how well every example is covered so far.
struct Cover<F> {
    similarity: F,
    relevance: Vec<f64>,
    best: Vec<f64>,
}

impl<F: Fn(usize, &mut Vec<f64>) + Sync> Submodular for Cover<F> {
    fn gain(&self, element: usize) -> f64 {
        let mut column = Vec::new();
        (self.similarity)(element, &mut column);
        let better = |(value, best): (&f64, &f64)| (value - best).max(0.0);
        let covered: f64 = column.iter().zip(&self.best).map(better).sum();
        covered + self.relevance[element]
    }

    fn add(&mut self, element: usize) {
        let mut column = Vec::new();
        (self.similarity)(element, &mut column);
        for (best, value) in self.best.iter_mut().zip(column) {
            *best = best.max(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::{MatrixView, Predictions, SeedTree};

    use super::*;
    use crate::Pool;

    /// The worked example of the specification: two examples, four candidates, by candidate.
    const S: [[f64; 2]; 4] = [[0.9, 0.2], [0.8, 0.3], [0.1, 0.7], [0.5, 0.6]];

    #[test]
    fn worked_example() {
        let similarity = |element: usize, column: &mut Vec<f64>| *column = S[element].to_vec();
        let relevance = S.iter().map(|column| column[0].max(column[1])).collect();
        let mut cover = Cover { similarity, relevance, best: vec![0.0; 2] };
        let rounds: [&[(usize, f64)]; 3] = [
            &[(0, 2.0), (1, 1.9), (2, 1.5), (3, 1.7)],
            &[(1, 0.9), (2, 1.2), (3, 1.0)],
            &[(1, 0.8), (3, 0.6)],
        ];
        for (gains, pick) in rounds.into_iter().zip([0, 2, 1]) {
            for (element, expected) in gains {
                assert!((cover.gain(*element) - expected).abs() < 1e-12, "element {element}");
            }
            cover.add(pick);
        }
        cover.best = vec![0.0; 2];
        let chosen = lazy_greedy(&mut cover, 4, 3);
        let order: Vec<usize> = chosen.iter().map(|(element, _)| *element).collect();
        assert_eq!(order, [0, 2, 1]);
        assert!((chosen.iter().map(|(_, gain)| gain).sum::<f64>() - 4.0).abs() < 1e-12);
    }

    const P: [f32; 18] =
        [0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.3, 0.3, 0.4, 0.6, 0.3, 0.1, 0.2, 0.2, 0.6, 0.1, 0.6, 0.3];
    const X: [f32; 12] = [1.0, 0.0, 0.5, 1.0, -1.0, 2.0, 1.0, 0.2, -0.8, 1.5, 0.4, 1.1];

    fn pool(observed: &[Option<ClassId>]) -> Pool<'_> {
        let rows = observed.len();
        Pool::new(observed)
            .and_then(|pool| pool.with_model(Predictions::probabilities(&P[..rows * 3], rows, 3)?))
            .and_then(|pool| pool.with_embeddings(MatrixView::new(&X[..rows * 2], rows, 2)?))
            .unwrap()
    }

    fn labels(rows: [Option<u32>; 6]) -> [Option<ClassId>; 6] {
        rows.map(|row| row.map(ClassId::new))
    }

    fn order(strategy: &Similar, observed: &[Option<ClassId>], budget: usize) -> Vec<usize> {
        let picks = strategy.select(&pool(observed), budget, &SeedTree::new(5)).unwrap();
        picks.iter().map(|pick| pick.row).collect()
    }

    #[test]
    fn rare_classes_are_those_below_the_mean() {
        let similar = Similar::default();
        let labelled: Vec<(usize, ClassId)> =
            [0, 0, 0, 1, 1, 2].into_iter().map(ClassId::new).enumerate().collect();
        let rows = |found: Vec<(usize, ClassId)>| -> Vec<usize> {
            found.into_iter().map(|(row, _)| row).collect()
        };
        // The mean is 2: class 1 has as many, so it is not rare.
        assert_eq!(rows(similar.examples(labelled.clone(), 3).unwrap()), [5]);
        // A class never seen pulls the mean down to 1.5.
        assert_eq!(rows(similar.examples(labelled.clone(), 4).unwrap()), [5]);
        let named = Similar { rare: Some(vec![ClassId::new(1)]), ..Similar::default() };
        assert_eq!(rows(named.examples(labelled.clone(), 3).unwrap()), [3, 4]);
        assert!(similar.examples(labelled, 2).is_err());
    }

    #[test]
    fn a_kernel_that_is_not_kept_gives_the_same_picks() {
        let observed = labels([Some(0), Some(0), Some(2), None, None, None]);
        let fair = Similar { rare: Some(vec![ClassId::new(2)]), ..Similar::default() };
        let kept = order(&fair, &observed, 3);
        assert_eq!(order(&Similar { kernel: 0, ..fair.clone() }, &observed, 3), kept);
        // Row 4 is predicted as the rare class and lies next to its example.
        assert_eq!(kept[0], 4);
        let objective = MutualInformation::GraphCut { lambda: 0.5 };
        assert_eq!(order(&Similar { objective, ..fair }, &observed, 3)[0], 4);
    }

    #[test]
    fn without_an_example_the_batch_is_random() {
        for observed in [labels([None; 6]), labels([Some(0), Some(1), Some(2), None, None, None])] {
            let picks = Similar::default().select(&pool(&observed), 9, &SeedTree::new(0)).unwrap();
            assert_eq!(picks.len(), observed.iter().filter(|label| label.is_none()).count());
            assert!(picks.iter().all(|pick| pick.score == 0.0));
        }
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let check = |objective| Similar { objective, ..Similar::default() }.check().is_err();
        assert!(check(MutualInformation::FacilityLocation { eta: -1.0 }));
        assert!(check(MutualInformation::GraphCut { lambda: 0.0 }));
        assert!(!check(MutualInformation::FacilityLocation { eta: 0.0 }));
        let unknown = Similar { rare: Some(vec![ClassId::new(3)]), ..Similar::default() };
        assert!(unknown.examples(Vec::new(), 3).is_err());
    }
}
