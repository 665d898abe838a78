use alfm_core::{MatrixView, Predictions};
use rayon::prelude::*;

use crate::compute::{Euclidean, MetricSpace, RunningMinimum};
use crate::draw::{self, Remaining, Uniform};
use crate::{AcquireError, Acquisition, Input, Pick, Request};

/// BADGE: k-means++ seeding on last-layer gradient embeddings (Ash et al., ICLR 2020, Algorithm 1).
///
/// The gradient under the predicted label is `g_i = q_i (x) x_i` with `q_i = p_i - e_yhat`. It is never
/// built: `<g_i, g_j> = <q_i, q_j> <x_i, x_j>`. The first centre has the longest gradient, as in the
/// reference code; each next one is drawn with probability proportional to its squared distance to the
/// nearest centre, which is also its score. Once all distances are 0 the rest is drawn uniformly.
///
/// `O(b N (K + D))` time, `O(N K)` memory, against `O(N K D)` for the gradients.
#[derive(Clone, Copy, Debug, Default)]
pub struct Badge;

impl Acquisition for Badge {
    fn name(&self) -> &'static str {
        "badge"
    }

    fn needs(&self) -> &'static [Input] {
        &[Input::Model, Input::Embeddings]
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let (model, embeddings) = (request.model()?, request.embeddings()?);
        let residuals = residuals(model, request.candidates());
        let residuals = MatrixView::new(&residuals, request.candidates().len(), model.classes())?;
        let inputs = embeddings.gather(request.candidates().iter().copied());
        let gradients = Gradients::new(residuals, inputs.view());
        let chosen = plus_plus(&gradients, request.budget, &mut draw::uniform(&request.seed));
        Ok(chosen
            .into_iter()
            .map(|(at, score)| Pick { row: request.candidates()[at], score })
            .collect())
    }
}

/// `q_i = p_i - e_yhat` for the candidates, row by row.
fn residuals(model: Predictions<'_>, candidates: &[usize]) -> Vec<f32> {
    let mut residuals = vec![0.0; candidates.len() * model.classes()];
    residuals.par_chunks_mut(model.classes()).zip(candidates).with_min_len(256).for_each_init(
        Vec::new,
        |buffer, (residual, row)| {
            residual.copy_from_slice(model.row(*row, buffer));
            residual[model.argmax(*row).index()] -= 1.0;
        },
    );
    residuals
}

/// Gradient embeddings `q_i (x) x_i`, kept as their two factors.
struct Gradients<'a> {
    residuals: Euclidean<'a>,
    inputs: Euclidean<'a>,
}

impl<'a> Gradients<'a> {
    fn new(residuals: MatrixView<'a>, inputs: MatrixView<'a>) -> Self {
        Self { residuals: Euclidean::new(residuals), inputs: Euclidean::new(inputs) }
    }

    fn squared_norm(&self, at: usize) -> f64 {
        self.residuals.squared_norm(at) * self.inputs.squared_norm(at)
    }

    fn len(&self) -> usize {
        self.inputs.len()
    }
}

impl MetricSpace for Gradients<'_> {
    fn squared_distance(&self, a: usize, b: usize) -> f64 {
        let product = self.residuals.dot(a, b) * self.inputs.dot(a, b);
        (self.squared_norm(a) + self.squared_norm(b) - 2.0 * product).max(0.0)
    }
}

/// `budget` points with their squared distances to the nearest point before them.
fn plus_plus(
    gradients: &Gradients<'_>,
    budget: usize,
    random: &mut impl Uniform,
) -> Vec<(usize, f64)> {
    let points: Vec<usize> = (0..gradients.len()).collect();
    let mut nearest = RunningMinimum::new(gradients, &points);
    let mut remaining = Remaining::new(points.len());
    let mut chosen = Vec::with_capacity(budget);
    while chosen.len() < budget {
        let drawn = match chosen.is_empty() {
            true => longest(gradients),
            false => draw::categorical(nearest.minima(), random),
        };
        let next = drawn.inspect(|at| remaining.remove(*at)).or_else(|| remaining.draw(random));
        let Some(next) = next else { break };
        let score =
            if chosen.is_empty() { gradients.squared_norm(next) } else { nearest.minima()[next] };
        chosen.push((next, score));
        nearest.add(next);
        nearest.take(next, 0.0);
    }
    chosen
}

/// The longest gradient, the first on ties; `None` if there is no point.
fn longest(gradients: &Gradients<'_>) -> Option<usize> {
    (0..gradients.len()).reduce(|best, at| {
        if gradients.squared_norm(at) > gradients.squared_norm(best) { at } else { best }
    })
}

#[cfg(test)]
mod tests {
    use alfm_core::SeedTree;

    use super::*;
    use crate::Pool;

    /// The worked example of the specification: 5 points, 3 classes, D = 2.
    const P: [f32; 15] =
        [0.6, 0.3, 0.1, 0.5, 0.4, 0.1, 0.2, 0.2, 0.6, 0.34, 0.33, 0.33, 0.98, 0.01, 0.01];
    const X: [f32; 10] = [1.0, 0.0, 0.0, 2.0, 1.0, 1.0, -1.0, 0.5, 3.0, 0.0];

    #[test]
    fn worked_example() {
        let model = Predictions::probabilities(&P, 5, 3).unwrap();
        let residuals = residuals(model, &[0, 1, 2, 3, 4]);
        let gradients = Gradients::new(
            MatrixView::new(&residuals, 5, 3).unwrap(),
            MatrixView::new(&X, 5, 2).unwrap(),
        );
        let norms = [0.26, 1.68, 0.48, 0.81675, 0.0054];
        for (at, norm) in norms.into_iter().enumerate() {
            assert!((gradients.squared_norm(at) - norm).abs() < 1e-6);
        }
        let chosen = plus_plus(&gradients, 3, &mut draw::scripted(&[0.5, 0.9]));
        let expected = [(1, 1.68), (2, 2.4), (4, 0.5214)];
        for ((at, score), (expected_at, expected_score)) in chosen.into_iter().zip(expected) {
            assert_eq!(at, expected_at);
            assert!((score - expected_score).abs() < 1e-6, "{score}");
        }
    }

    #[test]
    fn vanished_gradients_are_filled_uniformly() {
        let observed = [None; 5];
        let certain = [1.0, 0.0].repeat(5);
        let pool = Pool::new(&observed)
            .unwrap()
            .with_model(Predictions::probabilities(&certain, 5, 2).unwrap())
            .unwrap()
            .with_embeddings(MatrixView::new(&X, 5, 2).unwrap())
            .unwrap();
        let mut rows: Vec<usize> = Badge
            .select(&pool, 5, &SeedTree::new(1))
            .unwrap()
            .iter()
            .map(|pick| pick.row)
            .collect();
        rows.sort_unstable();
        assert_eq!(rows, [0, 1, 2, 3, 4]);
    }
}
