use alfm_core::SeedTree;
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

use crate::config::check_training;
use crate::lbfgs::Limits;
use crate::network::Shape;
use crate::trained::Training;
use crate::{Classifier, Error, Examples, Learner};

/// What a hidden unit does with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Activation {
    /// `max(z, 0)`.
    Relu,
    /// `z / 2 (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3)))`, Hendrycks and Gimpel (2016).
    Gelu,
}

/// `sqrt(2 / pi)`.
const GELU_SCALE: f32 = 0.797_884_6;
const GELU_CUBIC: f32 = 0.044_715;

impl Activation {
    /// The value at `z`.
    pub(crate) fn value(self, z: f32) -> f32 {
        match self {
            Self::Relu => z.max(0.0),
            Self::Gelu => 0.5 * z * (1.0 + gelu_argument(z).tanh()),
        }
    }

    /// The derivative at `z`; 0 at ReLU's kink.
    pub(crate) fn slope(self, z: f32) -> f32 {
        match self {
            Self::Relu => f32::from(z > 0.0),
            Self::Gelu => {
                let tanh = gelu_argument(z).tanh();
                let inner = GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * z * z);
                0.5 * (1.0 + tanh) + 0.5 * z * (1.0 - tanh * tanh) * inner
            }
        }
    }
}

fn gelu_argument(z: f32) -> f32 {
    GELU_SCALE * (z + GELU_CUBIC * z * z * z)
}

/// Settings of [`Mlp`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct MlpConfig {
    /// Widths of the hidden layers, one or two; default `[64]`.
    pub hidden: Vec<usize>,
    /// Activation of the hidden layers; default ReLU.
    pub activation: Activation,
    /// `C`, the inverse strength of the L2 penalty on all weights, above 0; default 1.
    pub c: f64,
    /// Whether seen classes weigh the same in all, whatever their counts; default true.
    pub balanced: bool,
    /// Most iterations; default 100: more gains nothing on text.
    pub max_iterations: usize,
    /// Gradient norm, relative to the start, at which the fit has converged; default 1e-2.
    pub tolerance: f64,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self {
            hidden: vec![64],
            activation: Activation::Relu,
            c: 1.0,
            balanced: true,
            max_iterations: 100,
            tolerance: 1e-2,
        }
    }
}

impl MlpConfig {
    /// Sets the widths of the hidden layers.
    #[must_use]
    pub fn with_hidden(mut self, hidden: impl Into<Vec<usize>>) -> Self {
        self.hidden = hidden.into();
        self
    }

    /// Sets the activation.
    #[must_use]
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Sets `C`.
    #[must_use]
    pub fn with_c(mut self, c: f64) -> Self {
        self.c = c;
        self
    }

    /// Sets whether classes are balanced.
    #[must_use]
    pub fn with_balanced(mut self, balanced: bool) -> Self {
        self.balanced = balanced;
        self
    }

    /// Sets the iteration limit.
    #[must_use]
    pub fn with_max_iterations(mut self, max_iterations: usize) -> Self {
        self.max_iterations = max_iterations;
        self
    }

    /// Sets the relative gradient tolerance.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Checks the settings into a learner.
    ///
    /// # Errors
    /// For the first one outside its range.
    pub fn check(&self) -> Result<Mlp, Error> {
        if !(1..=2).contains(&self.hidden.len()) || self.hidden.contains(&0) {
            let rule = "give one or two widths of at least 1, or use kind = \"linear\"";
            return Err(Error::setting("hidden", format!("{:?}", self.hidden), rule));
        }
        check_training(self.c, self.max_iterations, self.tolerance)?;
        Ok(Mlp { config: self.clone() })
    }
}

/// A network with one or two hidden layers on embeddings, trained as [`LogisticRegression`] is.
///
/// The loss is that of [`LogisticRegression`], the penalty covers the weights of every layer. It is not
/// convex: the result depends on the seed through the start, and ends in a local minimum.
///
/// A fit takes `O(iterations * N * parameters)` time on the calling thread.
///
/// [`LogisticRegression`]: crate::LogisticRegression
#[derive(Clone, Debug)]
pub struct Mlp {
    config: MlpConfig,
}

impl Learner for Mlp {
    fn fit(&self, examples: &Examples<'_>, seed: &SeedTree) -> Result<Box<dyn Classifier>, Error> {
        let config = &self.config;
        let limits = Limits { iterations: config.max_iterations, tolerance: config.tolerance };
        let training = Training { inverse_penalty: config.c, balanced: config.balanced, limits };
        training.fit(examples, |dimension, seen| {
            let mut widths = vec![dimension];
            widths.extend(&config.hidden);
            widths.push(seen);
            let shape = Shape { widths, activation: config.activation };
            let start = random_start(&shape, seed);
            (shape, start)
        })
    }
}

/// Weights of variance `2 / inputs` (He et al. 2015, equation 10), intercepts 0.
pub(crate) fn random_start(shape: &Shape, seed: &SeedTree) -> Vec<f64> {
    let mut rng = seed.child("mlp-start").rng();
    let mut start = Vec::with_capacity(shape.parameters());
    for (inputs, outputs) in shape.layers() {
        let deviation = (2.0 / inputs as f64).sqrt();
        let normal = Normal::new(0.0, deviation).expect("a finite deviation above 0 is valid");
        start.extend(normal.sample_iter(&mut rng).take(inputs * outputs));
        start.resize(start.len() + outputs, 0.0);
    }
    start
}
