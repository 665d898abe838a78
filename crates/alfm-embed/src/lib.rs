#![doc = include_str!("../README.md")]
//!
//! [`BertEncoder`] turns texts into one vector each: it reads a sentence-transformers folder as the
//! Hugging Face hub lays it out (BERT, MiniLM, DistilBERT, MPNet, RoBERTa).
//! [`MaskedLm`] tells how much every token of a text surprises a masked language model.
//! [`VisionEncoder`] does so with images (ViT, DINOv2, CLIP, SigLIP, ResNet, SqueezeNet), and [`CaptionEncoder`]
//! with the texts that CLIP and SigLIP compare them with.
//! All but the language model run on cards, too (`load_on`, features `wgpu` and `cuda`).
//! With the feature `trunk`, `Trunk` is an encoder of either kind whose weights can be trained.
//! [`EmbeddingCache`] keeps what was computed, by content, model and revision, so that nothing is
//! computed twice and a killed run continues.

mod cache;
mod error;
mod files;
mod image;
mod layers;
mod parallel;
mod placed;
mod text;
#[cfg(feature = "trunk")]
mod trunk;
mod weights;

use alfm_core::Matrix;
pub use alfm_core::{Error, ErrorKind};
pub use alfm_kernels::device::Backend;

pub use cache::{Embedded, EmbeddingCache, RejectedShard};
pub use files::{ModelFiles, fingerprint, model_files};
pub use image::captions::{CaptionEncoder, Similarity};
pub use image::encoder::VisionEncoder;
pub use image::pictures::Pictures;
pub use image::preprocess::{Filter, Middle, Preprocessing, Resize, Target};
pub use text::encoder::BertEncoder;
pub use text::masked::MaskedLm;
#[cfg(feature = "trunk")]
pub use trunk::{Gradients, Items, Parameter, Pass, Prepared, Trunk};

/// Called with (items done, items in all), as work goes on; a program draws its bar from it.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// Something that turns texts into vectors of one length.
///
/// ```
/// use alfm_core::Matrix;
/// use alfm_embed::{Error, Progress, TextEncoder};
///
/// /// One column: the number of bytes.
/// struct Length;
///
/// impl TextEncoder for Length {
///     fn dimension(&self) -> usize {
///         1
///     }
///
///     fn encode(&self, texts: &[&str], progress: Progress<'_>) -> Result<Matrix, Error> {
///         progress(texts.len(), texts.len());
///         let values = texts.iter().map(|text| text.len() as f32).collect();
///         Matrix::new(values, texts.len(), 1)
///     }
/// }
///
/// let matrix = Length.encode(&["to", "label"], &mut |_, _| {})?;
/// assert_eq!(matrix.view().values(), [2.0, 5.0]);
/// # Ok::<(), Error>(())
/// ```
pub trait TextEncoder: Send + Sync {
    /// Length of an embedding.
    fn dimension(&self) -> usize;

    /// One embedding per text, in the order of the texts: `texts x dimension`.
    ///
    /// # Errors
    /// Naming the text at fault.
    fn encode(&self, texts: &[&str], progress: Progress<'_>) -> Result<Matrix, Error>;
}

/// Something that turns images into vectors of one length.
pub trait ImageEncoder: Send + Sync {
    /// Length of an embedding.
    fn dimension(&self) -> usize;

    /// One embedding per image, in the order of the images: `images x dimension`.
    ///
    /// # Errors
    /// Naming the first image at fault.
    fn encode(&self, pictures: &dyn Pictures, progress: Progress<'_>) -> Result<Matrix, Error>;
}
