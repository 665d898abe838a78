use alfm_core::{ClassId, Matrix, MatrixView, Probabilities};
use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::lbfgs::{Limits, minimise};
use crate::loss::{Targets, exponentiate};
use crate::network::{Network, Shape, TrainingLoss};
use crate::{Classifier, Error, Examples, Fit, LinearLayer};

/// Rows predicted together: a block's logits stay in cache, and blocks do not depend on the threads.
const BLOCK: usize = 1024;

/// What the learners share: the loss, the penalty and the limits of its minimisation.
#[derive(Clone, Debug)]
pub(crate) struct Training {
    pub(crate) inverse_penalty: f64,
    pub(crate) balanced: bool,
    pub(crate) limits: Limits,
}

impl Training {
    /// Fits a network; `design` is given `D` and `S`, and returns the shape and the start.
    pub(crate) fn fit(
        &self,
        examples: &Examples<'_>,
        design: impl FnOnce(usize, usize) -> (Shape, Vec<f64>),
    ) -> Result<Box<dyn Classifier>, Error> {
        examples.check()?;
        let targets = Targets::new(examples, self.balanced);
        let inputs = array(examples.embeddings);
        let (shape, start) = design(inputs.ncols(), targets.seen.len());
        let penalty = 1.0 / (self.inverse_penalty * targets.total);
        let mut loss = TrainingLoss::new(&shape, inputs, &targets, penalty);
        let minimum = minimise(&mut loss, start, self.limits);
        let mut network = Network::new(&shape);
        network.set(&minimum.point);
        Ok(Box::new(Trained {
            network,
            dimension: inputs.ncols(),
            classes: examples.classes,
            unseen: unseen(targets.total, examples.classes),
            seen: targets.seen,
            fit: Fit {
                iterations: minimum.iterations,
                evaluations: minimum.evaluations,
                start_loss: minimum.start_value,
                final_loss: minimum.value,
                gradient_ratio: minimum.gradient_ratio,
                stop: minimum.stop,
            },
        }))
    }
}

/// A fitted network over the seen classes, and the constant probability of the others.
#[derive(Debug)]
pub(crate) struct Trained {
    pub(crate) network: Network,
    pub(crate) dimension: usize,
    pub(crate) classes: usize,
    /// Probability of each class that no example showed.
    pub(crate) unseen: f32,
    pub(crate) seen: Vec<ClassId>,
    pub(crate) fit: Fit,
}

/// Laplace's rule: the probability of a class that examples of total weight `total` did not show.
pub(crate) fn unseen(total: f64, classes: usize) -> f32 {
    (1.0 / (total + classes as f64)) as f32
}

impl Trained {
    /// Writes the probabilities of a block of rows.
    fn predict_block(&self, inputs: &[f32], output: &mut [f32]) {
        let rows = output.len() / self.classes;
        let Ok(inputs) = ArrayView2::from_shape((rows, self.dimension), inputs) else { return };
        let mut logits = self.network.logits(inputs);
        let hidden = (self.classes - self.seen.len()) as f32 * self.unseen;
        for (row, mut logits) in output.chunks_exact_mut(self.classes).zip(logits.rows_mut()) {
            let scores = logits.as_slice_mut().unwrap_or_default();
            let (_, sum) = exponentiate(scores);
            let scale = (1.0 - hidden) / sum;
            row.fill(self.unseen);
            for (class, score) in self.seen.iter().zip(scores) {
                row[class.index()] = (*score * scale).max(f32::MIN_POSITIVE);
            }
        }
    }
}

impl Classifier for Trained {
    fn predict(&self, embeddings: MatrixView<'_>) -> Result<Probabilities, Error> {
        if embeddings.columns() != self.dimension {
            let (expected, got) = (self.dimension, embeddings.columns());
            return Err(Error::input(format!(
                "items have {got} columns, the model was fitted on {expected}: use one encoder for both"
            )));
        }
        let mut output = vec![0.0; embeddings.rows() * self.classes];
        output
            .par_chunks_mut(BLOCK * self.classes)
            .zip(embeddings.values().par_chunks(BLOCK * self.dimension))
            .for_each(|(output, inputs)| self.predict_block(inputs, output));
        Probabilities::new(output, embeddings.rows(), self.classes)
    }

    fn linear_layer(&self) -> Option<LinearLayer> {
        let (weights, intercepts) = self.network.linear()?;
        let mass: f32 = intercepts.iter().map(|c| c.exp()).sum();
        let hidden = (self.classes - self.seen.len()) as f32 * self.unseen;
        let mut values = vec![0.0; self.classes * self.dimension];
        let mut bias = vec![(self.unseen / (1.0 - hidden) * mass).ln(); self.classes];
        for (column, class) in self.seen.iter().enumerate() {
            let row = &mut values[class.index() * self.dimension..][..self.dimension];
            row.iter_mut().zip(weights.column(column)).for_each(|(to, from)| *to = *from);
            bias[class.index()] = intercepts[column];
        }
        let weights = Matrix::new(values, self.classes, self.dimension).ok()?;
        Some(LinearLayer { weights, bias })
    }

    fn fit_summary(&self) -> Option<&Fit> {
        Some(&self.fit)
    }
}

/// The same values as `ndarray` sees them.
fn array(matrix: MatrixView<'_>) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((matrix.rows(), matrix.columns()), matrix.values())
        .expect("a checked view fills its shape")
}
