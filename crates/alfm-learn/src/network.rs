//! Dense layers with one activation between them; logistic regression is the network without hidden layers.

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};

use crate::lbfgs::Objective;
use crate::loss::Targets;
use crate::mlp::Activation;

/// Widths of a network, `[D, H_1, .., S]`, and the activation of its hidden layers.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) widths: Vec<usize>,
    pub(crate) activation: Activation,
}

impl Shape {
    /// Inputs and outputs of each layer.
    pub(crate) fn layers(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.widths.windows(2).map(|pair| (pair[0], pair[1]))
    }

    /// Number of parameters: for each layer, weights `inputs x outputs`, then `outputs` intercepts.
    pub(crate) fn parameters(&self) -> usize {
        self.layers().map(|(inputs, outputs)| (inputs + 1) * outputs).sum()
    }
}

/// A layer's parameters in single precision.
#[derive(Clone, Debug)]
struct Dense {
    weights: Array2<f32>,
    intercepts: Array1<f32>,
}

/// A network with its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    layers: Vec<Dense>,
    activation: Activation,
}

impl Network {
    /// All zeros.
    pub(crate) fn new(shape: &Shape) -> Self {
        let dense = |(inputs, outputs)| Dense {
            weights: Array2::zeros((inputs, outputs)),
            intercepts: Array1::zeros(outputs),
        };
        Self { layers: shape.layers().map(dense).collect(), activation: shape.activation }
    }

    /// Rounds the parameters from double precision.
    pub(crate) fn set(&mut self, mut parameters: &[f64]) {
        for layer in &mut self.layers {
            let values = layer.weights.iter_mut().chain(layer.intercepts.iter_mut());
            let count = values.zip(parameters).map(|(value, from)| *value = *from as f32).count();
            parameters = &parameters[count..];
        }
    }

    /// A network without hidden layers, of weights `D x S`.
    #[cfg(feature = "fine-tune")]
    pub(crate) fn of_linear(weights: Array2<f32>, intercepts: Array1<f32>) -> Self {
        Self { layers: vec![Dense { weights, intercepts }], activation: Activation::Relu }
    }

    /// Weights `D x S` and intercepts of a network without hidden layers.
    pub(crate) fn linear(&self) -> Option<(&Array2<f32>, &Array1<f32>)> {
        match &self.layers[..] {
            [only] => Some((&only.weights, &only.intercepts)),
            _ => None,
        }
    }

    /// Logits `N x S`.
    pub(crate) fn logits(&self, inputs: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut tape = Tape::new(self, inputs.nrows());
        self.forward(inputs, &mut tape);
        tape.outputs.pop().unwrap_or_default()
    }

    /// Fills the tape: pre-activations of every layer, activations of the hidden ones.
    fn forward(&self, inputs: ArrayView2<'_, f32>, tape: &mut Tape) {
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = tape.activations.split_at_mut(index);
            let from = before.last().map_or(inputs, |hidden| hidden.view());
            let output = &mut tape.outputs[index];
            output.assign(&layer.intercepts);
            ndarray::linalg::general_mat_mul(1.0, &from, &layer.weights, 1.0, output);
            if let Some(hidden) = after.first_mut() {
                Zip::from(hidden).and(output).for_each(|h, z| *h = self.activation.value(*z));
            }
        }
    }
}

/// What the forward pass leaves for the backward pass.
struct Tape {
    /// Pre-activations, `N x outputs`, one a layer.
    outputs: Vec<Array2<f32>>,
    /// Activations of the hidden layers.
    activations: Vec<Array2<f32>>,
}

impl Tape {
    fn new(network: &Network, rows: usize) -> Self {
        let outputs: Vec<_> = network
            .layers
            .iter()
            .map(|layer| Array2::zeros((rows, layer.intercepts.len())))
            .collect();
        let hidden = outputs.len().saturating_sub(1);
        Self { activations: outputs[..hidden].to_vec(), outputs }
    }
}

/// The penalised loss of a network: mean weighted cross-entropy `+ penalty / 2 * sum of squared weights`.
///
/// Intercepts are not penalised. `O(N * parameters)` time an evaluation.
pub(crate) struct TrainingLoss<'a> {
    inputs: ArrayView2<'a, f32>,
    targets: &'a Targets,
    penalty: f64,
    network: Network,
    tape: Tape,
}

impl<'a> TrainingLoss<'a> {
    pub(crate) fn new(
        shape: &Shape,
        inputs: ArrayView2<'a, f32>,
        targets: &'a Targets,
        penalty: f64,
    ) -> Self {
        let network = Network::new(shape);
        let tape = Tape::new(&network, inputs.nrows());
        Self { inputs, targets, penalty, network, tape }
    }

    /// Goes back through the layers, writing the gradient of the cross-entropy from its end.
    ///
    /// On entry the tape's last output holds the gradient with respect to the logits.
    fn backward(&mut self, mut gradient: &mut [f64]) {
        for index in (0..self.network.layers.len()).rev() {
            let (before, after) = self.tape.outputs.split_at_mut(index);
            let errors = &after[0];
            let from = match index {
                0 => self.inputs,
                _ => self.tape.activations[index - 1].view(),
            };
            let layer = &self.network.layers[index];
            let count = layer.weights.len() + layer.intercepts.len();
            let (rest, own) = gradient.split_at_mut(gradient.len() - count);
            let weights = from.t().dot(errors);
            let intercepts = errors.sum_axis(Axis(0));
            for (to, from) in own.iter_mut().zip(weights.iter().chain(&intercepts)) {
                *to = f64::from(*from);
            }
            if let Some(below) = before.last_mut() {
                let passed = errors.dot(&layer.weights.t());
                let activation = self.network.activation;
                Zip::from(below).and(&passed).for_each(|z, g| *z = g * activation.slope(*z));
            }
            gradient = rest;
        }
    }

    /// Adds the penalty's gradient; returns the penalty.
    fn penalise(&self, point: &[f64], gradient: &mut [f64]) -> f64 {
        let mut at = 0;
        let mut squares = 0.0;
        for layer in &self.network.layers {
            let weights = at..at + layer.weights.len();
            for (value, slope) in point[weights.clone()].iter().zip(&mut gradient[weights.clone()])
            {
                squares += value * value;
                *slope += self.penalty * value;
            }
            at = weights.end + layer.intercepts.len();
        }
        0.5 * self.penalty * squares
    }
}

impl Objective for TrainingLoss<'_> {
    fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> f64 {
        self.network.set(point);
        self.network.forward(self.inputs, &mut self.tape);
        let loss = match self.tape.outputs.last_mut() {
            Some(logits) => self.targets.cross_entropy(logits.view_mut()),
            None => 0.0,
        };
        self.backward(gradient);
        loss + self.penalise(point, gradient)
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, Matrix, SeedTree};

    use super::*;
    use crate::Examples;
    use crate::mlp::random_start;

    /// Central differences of step `h` in single precision are good to `1e-7 / h + h^2`.
    #[test]
    fn gradients_agree_with_finite_differences() {
        let cases = [
            (vec![4, 3], Activation::Relu),
            (vec![4, 6, 3], Activation::Relu),
            (vec![4, 6, 3], Activation::Gelu),
            (vec![4, 6, 5, 3], Activation::Gelu),
        ];
        let values: Vec<f32> = (0..40).map(|i| (i as f32 * 1.7).sin()).collect();
        let embeddings = Matrix::new(values, 10, 4).unwrap();
        let labels: Vec<ClassId> = (0..10).map(|i| ClassId::new(i % 3)).collect();
        let weights: Vec<f32> = (0..10).map(|i| 0.5 + i as f32 / 10.0).collect();
        let examples = Examples::new(embeddings.view(), &labels, &weights, 3);
        for (widths, activation) in cases {
            let shape = Shape { widths: widths.clone(), activation };
            check_gradient(&shape, &examples);
        }
    }

    fn check_gradient(shape: &Shape, examples: &Examples<'_>) {
        let targets = Targets::new(examples, true);
        let inputs = ArrayView2::from_shape((10, 4), examples.embeddings.values()).unwrap();
        let mut loss = TrainingLoss::new(shape, inputs, &targets, 0.3);
        let point = random_start(shape, &SeedTree::new(1));
        let mut gradient = vec![0.0; point.len()];
        let mut unused = gradient.clone();
        loss.evaluate(&point, &mut gradient);
        const STEP: f64 = 4e-3;
        for (at, slope) in gradient.iter().enumerate() {
            let mut moved = |by: f64| {
                let mut point = point.clone();
                point[at] += by;
                loss.evaluate(&point, &mut unused)
            };
            let found = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            assert!((found - slope).abs() < 3e-4, "{shape:?}, {at}: {found}, not {slope}");
        }
    }

    /// One hidden ReLU unit: z = 2x - 1, h = max(z, 0), logits (h, 1 - h).
    #[test]
    fn logits_by_hand() {
        let shape = Shape { widths: vec![1, 1, 2], activation: Activation::Relu };
        assert_eq!(shape.parameters(), 6);
        let mut network = Network::new(&shape);
        network.set(&[2.0, -1.0, 1.0, -1.0, 0.0, 1.0]);
        let logits = network.logits(ndarray::arr2(&[[2.0], [0.25]]).view());
        assert_eq!(logits, ndarray::arr2(&[[3.0, -2.0], [0.0, 1.0]]));
    }
}
