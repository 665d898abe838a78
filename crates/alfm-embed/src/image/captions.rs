use std::path::Path;

use alfm_core::Matrix;
use alfm_kernels::device::Backend;

use super::caption_tower::Description;
use crate::text::network::PlacedTexts;
use crate::text::tokens::Tokens;
use crate::{EmbedError, Progress, TextEncoder, placed};

/// The text tower of CLIP or SigLIP: texts in the space of [`VisionEncoder`](crate::VisionEncoder)'s images.
///
/// Embeddings are the text features of the reference, projected, not normalised.
///
/// ```no_run
/// use alfm_embed::{CaptionEncoder, TextEncoder};
/// let encoder = CaptionEncoder::load("snapshots/3d74acf9".as_ref())?;
/// let prompts = encoder.encode(&["a photo of a cat."], &mut |_, _| {})?;
/// assert_eq!((prompts.rows(), prompts.columns()), (1, 512));
/// # Ok::<(), alfm_embed::EmbedError>(())
/// ```
pub struct CaptionEncoder {
    tokens: Tokens,
    /// What texts are filled up with on any device, if they are (SigLIP).
    padding: Option<u32>,
    network: PlacedTexts,
    similarity: Similarity,
}

/// How a model makes class probabilities of cosines: `exp(scale) cosine + bias`, in logits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Similarity {
    /// The natural logarithm of what cosines are multiplied with.
    pub logit_scale: f32,
    /// What is added (SigLIP).
    pub logit_bias: Option<f32>,
}

impl CaptionEncoder {
    /// Loads the tower from the model's folder: `config.json`, `model.safetensors` and `tokenizer.json`.
    ///
    /// # Errors
    /// [`EmbedError`], naming the file and what is wrong with it; a model without a text tower.
    pub fn load(folder: &Path) -> Result<Self, EmbedError> {
        Self::load_on(folder, Backend::Cpu)
    }

    /// The same on another device, as with [`BertEncoder::load_on`](crate::BertEncoder::load_on).
    ///
    /// # Errors
    /// As [`CaptionEncoder::load`]; [`EmbedError::Device`].
    pub fn load_on(folder: &Path, device: Backend) -> Result<Self, EmbedError> {
        let description = Description::read(folder)?;
        let sizes = &description.sizes;
        let tokens = Tokens::read(folder, sizes.positions, sizes.vocabulary)?;
        let padding = description.padding();
        let (network, similarity) = placed::load(&description, folder, device)?;
        Ok(Self { tokens, padding, network, similarity })
    }

    /// How the model makes class probabilities of cosines.
    pub fn similarity(&self) -> Similarity {
        self.similarity
    }
}

impl TextEncoder for CaptionEncoder {
    fn dimension(&self) -> usize {
        self.network.dimension()
    }

    fn encode(&self, texts: &[&str], progress: Progress<'_>) -> Result<Matrix, EmbedError> {
        progress(0, texts.len());
        let mut tokens = self.tokens.encode(texts)?;
        if let Some(padding) = self.padding {
            let longest = self.network.longest();
            tokens.iter_mut().for_each(|text| text.resize(longest, padding));
        }
        self.network.encode(&tokens, progress)
    }
}
