use alfm_core::MatrixView;
use alfm_kernels::draw::{self, Remaining, Uniform};
use alfm_kernels::{Euclidean, MetricSpace, Submodular, entropy, lazy_greedy, stochastic_greedy};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::options::{BOOL, COUNT, HasOptions, Opt, WHOLE};
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Request};

/// Facility location: every unlabelled row shall be similar to a chosen one (Bhatt et al. 2024, arXiv
/// 2401.06692).
///
/// Maximises `f(A) = sum_i u_i max_{j in A} s_ij` greedily, which reaches `1 - 1/e` of the optimum; `i` runs
/// over the unlabelled rows, `A` holds the labelled rows from the start. A pick's score is its gain; ties go
/// to the lowest row. Once nothing is gained the rest is drawn uniformly.
///
/// Up to [`dense`](Self::dense) rows: `O(N^2 D)` time, `4 N^2` bytes. Above, `R` of the rows are to be covered
/// and each knows its [`neighbours`](Self::neighbours) only: `O(R N D)` time, `O(N + R neighbours)` memory.
/// The labelled rows cost `O(L R D)` time in both cases.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FacilityLocation {
    /// How similar two rows are.
    pub similarity: Similarity,
    /// Whether rows count by the entropy of the small model's prediction, in nats, instead of alike. Needs
    /// the model.
    pub uncertain: bool,
    /// Up to how many unlabelled rows all pairs are compared; 4,096 by default.
    pub dense: usize,
    /// Above that: how many most similar rows can stand for a row, at least 1; 64 by default. The similarity
    /// to all others counts as 0.
    pub neighbours: usize,
    /// Above that: how many rows `R` are to be covered, at least 1, drawn uniformly; 20,000 by default.
    pub reference: usize,
    /// `delta` in (0, 1): looks at `(N / b) ln(1 / delta)` random rows a step instead of all of them, at the
    /// price of `delta` of the guarantee.
    pub stochastic: Option<f64>,
}

/// A similarity of embeddings, in `[0, 1]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Similarity {
    /// `(1 + cos) / 2`; a zero row has cosine 0 to all rows.
    #[default]
    Cosine,
    /// `exp(-d^2 / width^2)`.
    Gaussian {
        /// The distance at which the similarity is `1/e`; above 0.
        width: f64,
    },
}

impl Default for FacilityLocation {
    fn default() -> Self {
        Self {
            similarity: Similarity::default(),
            uncertain: false,
            dense: 4_096,
            neighbours: 64,
            reference: 20_000,
            stochastic: None,
        }
    }
}

impl HasOptions for FacilityLocation {
    const OPTIONS: &'static [Opt] = &[
        Opt::new(
            "similarity",
            "how similar two rows are",
            "cosine, or { gaussian = { width } } with a width above 0",
        ),
        Opt::new(
            "uncertain",
            "whether rows count by the entropy of the model's prediction; needs the model",
            BOOL,
        ),
        Opt::new("dense", "up to how many unlabelled rows all pairs are compared", WHOLE),
        Opt::new("neighbours", "above that: how many most similar rows can stand for a row", COUNT),
        Opt::new(
            "reference",
            "above that: how many rows are to be covered, drawn uniformly",
            COUNT,
        ),
        Opt::new(
            "stochastic",
            "delta: looks at (N / b) ln(1 / delta) random rows a step, at the price of delta of \
             the guarantee",
            "none, or above 0 and below 1",
        ),
    ];
}

impl Acquisition for FacilityLocation {
    fn name(&self) -> &str {
        "facility-location"
    }

    fn needs(&self) -> Needs {
        let embeddings = Needs::from([Input::Embeddings]);
        if self.uncertain { embeddings.with(Input::Model) } else { embeddings }
    }

    fn check(&self) -> Result<(), AcquireError> {
        if let Similarity::Gaussian { width } = self.similarity {
            self.require("similarity", width, width > 0.0 && width.is_finite())?;
        }
        self.require("neighbours", self.neighbours, self.neighbours > 0)?;
        self.require("reference", self.reference, self.reference > 0)?;
        let delta = self.stochastic.unwrap_or(0.5);
        self.require("stochastic", delta, delta > 0.0 && delta < 1.0)
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let candidates = request.candidates();
        let random = &mut draw::uniform(&request.seed);
        let points = Points::new(self.similarity, request.embeddings()?);
        let customers = self.customers(candidates, random);
        let columns = if candidates.len() <= self.dense {
            Columns::dense(&points, &customers, candidates)
        } else {
            Columns::nearest(&points, &customers, candidates, self.neighbours)
        };
        let weights = if self.uncertain {
            uncertainties(request, &customers)?
        } else {
            vec![1.0; customers.len()]
        };
        let labelled: Vec<usize> = request.pool.labelled().map(|(row, _)| row).collect();
        let served = points.served(&customers, &labelled);
        let mut objective = Service { columns, weights, served };
        let elements = candidates.len();
        let budget = request.budget;
        let chosen = match self.stochastic {
            None => lazy_greedy(&mut objective, elements, budget),
            Some(delta) => {
                let sample = sample_size(elements, budget, delta);
                stochastic_greedy(&mut objective, elements, budget, sample, random)
            }
        };
        let pick = |(at, score): (usize, f64)| Pick { row: candidates[at], score };
        let mut picks: Vec<Pick> = chosen.into_iter().map(pick).collect();
        draw::complete(&mut picks, candidates, budget, random);
        Ok(picks)
    }
}

impl FacilityLocation {
    /// The rows to be covered, ascending.
    fn customers(&self, candidates: &[usize], random: &mut impl Uniform) -> Vec<usize> {
        if candidates.len() <= self.dense.max(self.reference) {
            return candidates.to_vec();
        }
        let mut remaining = Remaining::new(candidates.len());
        let mut drawn: Vec<usize> =
            (0..self.reference).map_while(|_| remaining.draw(random)).collect();
        drawn.sort_unstable();
        drawn.into_iter().map(|at| candidates[at]).collect()
    }
}

/// `ceil((N / b) ln(1 / delta))`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, >= 0")]
fn sample_size(elements: usize, budget: usize, delta: f64) -> usize {
    (elements as f64 / budget as f64 * (1.0 / delta).ln()).ceil() as usize
}

fn uncertainties(request: &Request<'_>, rows: &[usize]) -> Result<Vec<f64>, AcquireError> {
    let model = request.model()?;
    let score = |buffer: &mut Vec<f32>, row: &usize| f64::from(entropy(model.row(*row, buffer)));
    Ok(rows.par_iter().map_init(Vec::new, score).collect())
}

/// Rows of a matrix with a similarity.
struct Points<'a> {
    space: Euclidean<'a>,
    similarity: Similarity,
}

impl<'a> Points<'a> {
    fn new(similarity: Similarity, embeddings: MatrixView<'a>) -> Self {
        Self { space: Euclidean::new(embeddings), similarity }
    }

    fn similarity(&self, a: usize, b: usize) -> f64 {
        match self.similarity {
            Similarity::Gaussian { width } => {
                (-self.space.squared_distance(a, b) / (width * width)).exp()
            }
            Similarity::Cosine => {
                let norms = (self.space.squared_norm(a) * self.space.squared_norm(b)).sqrt();
                let cosine = if norms > 0.0 { self.space.dot(a, b) / norms } else { 0.0 };
                (0.5 + 0.5 * cosine).clamp(0.0, 1.0)
            }
        }
    }

    /// `max_j s_ij` over the labelled rows `j`, for every customer `i`; 0 without a labelled row.
    fn served(&self, customers: &[usize], labelled: &[usize]) -> Vec<f64> {
        let nearest = |customer: &usize| {
            labelled.iter().fold(0.0, |best: f64, row| best.max(self.similarity(*customer, *row)))
        };
        customers.par_iter().map(nearest).collect()
    }
}

/// `s_ij`, by facility `j`.
enum Columns {
    /// One similarity a customer.
    Dense { values: Vec<f32>, customers: usize },
    /// The customers among whose nearest rows the facility is; the others' similarity counts as 0.
    Sparse { starts: Vec<usize>, entries: Vec<(u32, f32)> },
}

#[expect(clippy::cast_possible_truncation, reason = "kept in single precision; rows are 32 bits")]
impl Columns {
    fn dense(points: &Points<'_>, customers: &[usize], facilities: &[usize]) -> Self {
        let mut values = vec![0.0; customers.len() * facilities.len()];
        let columns = values.par_chunks_mut(customers.len().max(1)).zip(facilities);
        columns.for_each(|(column, facility)| {
            for (value, customer) in column.iter_mut().zip(customers) {
                *value = points.similarity(*customer, *facility) as f32;
            }
        });
        Self::Dense { values, customers: customers.len() }
    }

    fn nearest(
        points: &Points<'_>,
        customers: &[usize],
        facilities: &[usize],
        neighbours: usize,
    ) -> Self {
        let lists: Vec<Vec<(u32, f32)>> =
            customers
                .par_iter()
                .map_init(Vec::new, |buffer, customer| {
                    buffer.clear();
                    buffer.extend((0u32..).zip(facilities).map(|(at, facility)| {
                        (at, points.similarity(*customer, *facility) as f32)
                    }));
                    if neighbours < buffer.len() {
                        let nearer = |a: &(u32, f32), b: &(u32, f32)| {
                            b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0))
                        };
                        buffer.select_nth_unstable_by(neighbours - 1, nearer);
                    }
                    buffer[..neighbours.min(facilities.len())].to_vec()
                })
                .collect();
        Self::transpose(&lists, facilities.len())
    }

    /// From lists by customer to lists by facility, customers ascending.
    fn transpose(lists: &[Vec<(u32, f32)>], facilities: usize) -> Self {
        let mut starts = vec![0; facilities + 1];
        for (facility, _) in lists.iter().flatten() {
            starts[*facility as usize + 1] += 1;
        }
        for facility in 0..facilities {
            starts[facility + 1] += starts[facility];
        }
        let mut next = starts.clone();
        let mut entries = vec![(0, 0.0); starts[facilities]];
        for (customer, list) in (0u32..).zip(lists) {
            for (facility, similarity) in list {
                let slot = &mut next[*facility as usize];
                entries[*slot] = (customer, *similarity);
                *slot += 1;
            }
        }
        Self::Sparse { starts, entries }
    }

    /// Calls `visit(customer, similarity)` for every customer of a facility.
    fn visit(&self, facility: usize, mut visit: impl FnMut(usize, f64)) {
        match self {
            Self::Dense { values, customers } => {
                let column = &values[facility * customers..(facility + 1) * customers];
                for (at, value) in column.iter().enumerate() {
                    visit(at, f64::from(*value));
                }
            }
            Self::Sparse { starts, entries } => {
                for (at, value) in &entries[starts[facility]..starts[facility + 1]] {
                    visit(*at as usize, f64::from(*value));
                }
            }
        }
    }
}

/// The objective: how well every customer is served so far.
struct Service {
    columns: Columns,
    weights: Vec<f64>,
    served: Vec<f64>,
}

impl Submodular for Service {
    fn gain(&self, element: usize) -> f64 {
        let mut gain = 0.0;
        self.columns.visit(element, |at, value| {
            gain += self.weights[at] * (value - self.served[at]).max(0.0);
        });
        gain
    }

    fn add(&mut self, element: usize) {
        let served = &mut self.served;
        self.columns.visit(element, |at, value| served[at] = served[at].max(value));
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, Predictions, SeedTree};

    use super::*;
    use crate::Pool;

    /// The worked example of the specification, whose similarity is `exp(-|x - x'|)`.
    const X: [f64; 6] = [0.0, 1.0, 1.5, 5.0, 6.2, 6.5];

    #[test]
    fn worked_example() {
        let similarity = |a: f64, b: f64| (-(a - b).abs()).exp() as f32;
        let values = X.iter().flat_map(|a| X.map(|b| similarity(*a, b))).collect();
        let columns = Columns::Dense { values, customers: 6 };
        let mut objective = Service { columns, weights: vec![1.0; 6], served: vec![0.0; 6] };
        let rounds: [&[f64]; 3] = [
            &[1.601280, 2.002329, 1.875691, 1.579575, 2.058654, 1.976277],
            &[1.574368, 1.957769, 1.813020, 0.737415, 0.0, 0.259182],
            &[0.632121, 0.0, 0.393469, 0.698806, 0.0, 0.259182],
        ];
        for (gains, pick) in rounds.into_iter().zip([4, 1, 3]) {
            for (element, expected) in gains.iter().enumerate() {
                assert!((objective.gain(element) - expected).abs() < 1e-6, "element {element}");
            }
            objective.add(pick);
        }
        objective.served = vec![0.0; 6];
        let chosen = lazy_greedy(&mut objective, 6, 3);
        let order: Vec<usize> = chosen.iter().map(|(element, _)| *element).collect();
        assert_eq!(order, [4, 1, 3]);
    }

    fn select(strategy: &FacilityLocation, points: &[f32], labelled: &[usize]) -> Vec<usize> {
        let rows = points.len() / 2;
        let mut observed = vec![None; rows];
        for row in labelled {
            observed[*row] = Some(ClassId::new(0));
        }
        let points = MatrixView::new(points, rows, 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
        let picks = strategy.select(&pool, 3, &SeedTree::new(1)).unwrap();
        picks.iter().map(|pick| pick.row).collect()
    }

    /// Three groups of directions; within each the middle one serves best.
    const FANS: [f32; 18] = [
        1.0, 0.02, 2.0, 0.1, 1.0, 0.2, 0.0, 1.0, -0.05, 1.0, -0.3, 3.0, -1.0, -1.1, -2.0, -2.0,
        -1.0, -0.7,
    ];

    #[test]
    fn one_of_every_group_is_chosen_and_neighbours_suffice() {
        let dense = FacilityLocation::default();
        let groups = |picks: Vec<usize>| {
            let mut groups: Vec<usize> = picks.into_iter().map(|row| row / 3).collect();
            groups.sort_unstable();
            groups
        };
        assert_eq!(groups(select(&dense, &FANS, &[])), [0, 1, 2]);
        let sparse = FacilityLocation { dense: 0, neighbours: 3, ..dense };
        assert_eq!(groups(select(&sparse, &FANS, &[])), [0, 1, 2]);
        let width = 0.5;
        let gaussian = FacilityLocation { similarity: Similarity::Gaussian { width }, ..sparse };
        assert_eq!(select(&gaussian, &FANS, &[]).len(), 3);
    }

    #[test]
    fn all_neighbours_are_the_dense_kernel() {
        let dense = FacilityLocation::default();
        let sparse = FacilityLocation { dense: 0, neighbours: 9, ..dense };
        assert_eq!(select(&sparse, &FANS, &[1]), select(&dense, &FANS, &[1]));
        let few = FacilityLocation { reference: 4, ..sparse };
        assert_eq!(select(&few, &FANS, &[]).len(), 3);
        let sampled = FacilityLocation { stochastic: Some(1e-9), ..dense };
        assert_eq!(select(&sampled, &FANS, &[]), select(&dense, &FANS, &[]));
    }

    #[test]
    fn a_labelled_row_serves_its_group() {
        let picks = select(&FacilityLocation::default(), &FANS, &[1]);
        assert!(picks[..2].iter().all(|row| row / 3 != 0), "{picks:?}");
    }

    #[test]
    fn certain_rows_need_no_service() {
        let observed = [None; 3];
        let points = MatrixView::new(&[1.0, 0.0, 0.0, 1.0, -1.0, 0.0], 3, 2).unwrap();
        let model = Predictions::probabilities(&[1.0, 0.0, 1.0, 0.0, 0.5, 0.5], 3, 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
        let strategy = FacilityLocation { uncertain: true, ..FacilityLocation::default() };
        assert!(strategy.select(&pool, 1, &SeedTree::new(0)).is_err());
        let pool = pool.with_model(model).unwrap();
        let picks = strategy.select(&pool, 3, &SeedTree::new(0)).unwrap();
        assert_eq!((picks[0].row, picks.len()), (2, 3));
        assert!((picks[0].score - 2.0f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let fair = FacilityLocation::default();
        for width in [0.0, f64::NAN, f64::INFINITY] {
            let similarity = Similarity::Gaussian { width };
            assert!(FacilityLocation { similarity, ..fair }.check().is_err());
        }
        assert!(FacilityLocation { neighbours: 0, ..fair }.check().is_err());
        assert!(FacilityLocation { reference: 0, ..fair }.check().is_err());
        assert!(FacilityLocation { stochastic: Some(1.0), ..fair }.check().is_err());
        assert!(fair.check().is_ok());
    }
}
