//! What a strategy may need to know of a pool, beside the labels so far.

use std::fmt;

use alfm_core::{CoreError, MatrixView, Predictions};
use serde::{Deserialize, Serialize};

/// A kind of input that a strategy cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Input {
    /// The small model's class predictions `p_f`, `N x K`.
    Model,
    /// Embeddings `x`, `N x D`.
    Embeddings,
    /// The foundation model's class probabilities `p_L`, `N x K`.
    Prior,
    /// The small model's last layer, see [`LinearHead`].
    Head,
    /// Class predictions of several stochastic passes of the small model, `M` times `N x K`.
    Passes,
    /// The small model's running average, see [`Averaged`].
    Averaged,
    /// Cross-entropy of a masked language model at every token position, `N x T`.
    Surprisal,
    /// What the small model says when it is trained on the oracle's labels alone: of the pool, `N x K`, and
    /// of the `n` labelled items out of fold, `n x K`.
    LabelsOnly,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "the model's class predictions",
            Self::Embeddings => "embeddings",
            Self::Prior => "the foundation model's class probabilities",
            Self::Head => "the model's last layer",
            Self::Passes => "class predictions of several stochastic passes of the model",
            Self::Averaged => "predictions and hidden features of the model's running average",
            Self::Surprisal => "a language model's surprisal at every token",
            Self::LabelsOnly => "out-of-fold predictions of the model on the labelled items",
        })
    }
}

/// The last layer of the small model: `z = W x + c`, with `W` of `K x D` and `c` of `K`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearHead<'a> {
    weights: MatrixView<'a>,
    bias: &'a [f32],
}

impl<'a> LinearHead<'a> {
    /// A head of `weights` (`K x D`) and `bias` (`K`).
    ///
    /// # Errors
    /// [`CoreError::TooFewClasses`] below two rows, [`CoreError::ColumnCount`] if there is not one bias a
    /// class, [`CoreError::NotFinite`] for the first bias that is not finite.
    pub fn new(weights: MatrixView<'a>, bias: &'a [f32]) -> Result<Self, CoreError> {
        let classes = weights.rows();
        if classes < 2 {
            return Err(CoreError::TooFewClasses { got: classes });
        }
        MatrixView::new(bias, 1, bias.len())?;
        if bias.len() != classes {
            return Err(CoreError::ColumnCount {
                what: "bias",
                expected: classes,
                got: bias.len(),
            });
        }
        Ok(Self { weights, bias })
    }

    /// `W`, `K x D`.
    pub fn weights(&self) -> MatrixView<'a> {
        self.weights
    }

    /// `c`, one a class.
    pub fn bias(&self) -> &'a [f32] {
        self.bias
    }

    /// Number of classes `K`, at least 2.
    pub fn classes(&self) -> usize {
        self.weights.rows()
    }

    /// `z = W x + c`, summed in `f64`, into `logits`, which is resized to `K`.
    ///
    /// # Panics
    /// If `embedding` has not the width of the head: a fault of the caller, not of its data.
    pub fn logits(&self, embedding: &[f32], logits: &mut Vec<f64>) {
        assert_eq!(embedding.len(), self.weights.columns(), "one weight a feature");
        logits.clear();
        logits.extend(
            self.weights
                .iter()
                .zip(self.bias)
                .map(|(weights, bias)| alfm_kernels::dot(weights, embedding) + f64::from(*bias)),
        );
    }
}

/// The small model `theta` and the exponential moving average of its weights over one training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Averaged<'a> {
    /// Class predictions of the average, `N x K`.
    pub model: Predictions<'a>,
    /// Hidden features of the average, `N x H`.
    pub hidden: MatrixView<'a>,
    /// Hidden features of the model itself, `N x H`.
    pub online_hidden: MatrixView<'a>,
}
