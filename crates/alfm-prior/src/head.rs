use alfm_core::{MatrixView, Probabilities};
use serde::{Deserialize, Serialize};

use crate::zero_shot::{logits, softmax_rows};
use crate::{ClassPrompts, DEFAULT_TEMPERATURE, Error};

/// How a contrastive model turns cosines of image and text into class probabilities.
///
/// What remains wrong with its confidence is for [`crate::Temperature`], fitted on labels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Head {
    /// The softmax of `scale * cos`: CLIP. [`crate::zero_shot`] is this head.
    Softmax {
        /// The factor, above 0; 100 in CLIP's checkpoints.
        scale: f64,
    },
    /// `sigmoid(scale * cos + bias)`, divided by its sum over the classes: SigLIP.
    ///
    /// The model judges each pair of image and text by itself; the division makes one decision of it.
    Sigmoid {
        /// The factor, above 0.
        scale: f64,
        /// What is added, below 0 in SigLIP's checkpoints.
        bias: f64,
    },
}

/// The softmax at [`DEFAULT_TEMPERATURE`], for models that have no head of their own.
impl Default for Head {
    fn default() -> Self {
        Self::Softmax { scale: DEFAULT_TEMPERATURE }
    }
}

impl Head {
    /// CLIP's head from the `logit_scale` of a checkpoint, which is the logarithm (base e) of the factor.
    ///
    /// Source: Radford et al., "Learning transferable visual models from natural language supervision" (2021),
    /// figure 3.
    pub fn clip(logit_scale: f64) -> Self {
        Self::Softmax { scale: logit_scale.exp() }
    }

    /// SigLIP's head from the `logit_scale` (base e) and `logit_bias` of a checkpoint.
    ///
    /// Source: Zhai et al., "Sigmoid loss for language image pre-training" (2023), algorithm 1.
    pub fn siglip(logit_scale: f64, logit_bias: f64) -> Self {
        Self::Sigmoid { scale: logit_scale.exp(), bias: logit_bias }
    }

    /// The prior of items `N x D`, of any length but zero: `O(N D K)` time, in parallel over rows.
    ///
    /// # Errors
    /// For items and prompts of different widths, a scale that is not finite and above 0, a bias that is not finite,
    /// and the first item that is the zero vector.
    ///
    /// ```
    /// use alfm_core::{ClassId, Matrix};
    /// use alfm_prior::{ClassPrompts, Head};
    /// let prompts = Matrix::from_rows(&[[1.0, 0.0], [0.0, 1.0]])?;
    /// let prompts = ClassPrompts::new(prompts.view(), &[0, 1].map(ClassId::new), 2)?;
    /// let images = Matrix::from_rows(&[[1.0, 0.0]])?; // cosines 1 and 0
    /// let prior = Head::siglip(0.0, 0.0).apply(images.view(), &prompts)?;
    /// // sigmoid(1) = 0.731059, sigmoid(0) = 0.5
    /// assert!((prior.row(0)[0] - 0.731059 / 1.231059).abs() < 1e-6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply(
        self,
        items: MatrixView<'_>,
        prompts: &ClassPrompts,
    ) -> Result<Probabilities, Error> {
        let (Self::Softmax { scale } | Self::Sigmoid { scale, .. }) = self;
        if !(scale.is_finite() && scale > 0.0) {
            let rule = "a scale must be finite and above 0";
            return Err(Error::setting("scale", scale, rule));
        }
        let logits = match self {
            Self::Softmax { scale } => logits(items, prompts, |cosine| scale * cosine)?,
            Self::Sigmoid { bias, .. } if !bias.is_finite() => {
                let rule = "a bias must be finite";
                return Err(Error::setting("bias", bias, rule));
            }
            // Sigmoids over their sum are the softmax of their logarithms.
            Self::Sigmoid { scale, bias } => {
                logits(items, prompts, |cosine| log_sigmoid(scale * cosine + bias))?
            }
        };
        softmax_rows(logits.view())
    }
}

/// `ln(1 / (1 + exp(-x)))`, without overflow.
fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}
