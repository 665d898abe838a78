use std::ops::Range;
use std::path::Path;

use alfm_core::Matrix;

use super::network::{Description, Network};
use super::pictures::Pictures;
use super::preprocess::Preprocessing;
use crate::error::read;
use crate::files::WEIGHTS;
use crate::layers::floats;
use crate::parallel::for_each_in_parallel;
use crate::text::model::BATCH_TOKENS;
use crate::{EmbedError, ImageEncoder, Progress};

/// An image encoder: ViT, DINOv2, the image towers of CLIP and SigLIP, ResNet, SqueezeNet 1.1; ViT, DINOv2 and ResNet
/// as timm publishes them, too.
///
/// Embeddings are what the reference calls them: the class token of ViT and DINOv2 behind the last normalisation,
/// the image features of CLIP (projected, not normalised) and SigLIP, the channel means of the convolutional ones.
///
/// Images are decoded, prepared and run in batches, one a thread. An embedding depends on its image alone: it is
/// the same, bit for bit, whatever the other images and the number of threads.
///
/// ```no_run
/// use alfm_embed::{ImageEncoder, VisionEncoder};
/// let encoder = VisionEncoder::load("snapshots/3d74acf9".as_ref(), None)?;
/// let images: &[_] = &[image::RgbImage::new(640, 480)];
/// let embeddings = encoder.encode(&images, &mut |_, _| {})?;
/// assert_eq!((embeddings.rows(), embeddings.columns()), (1, 512));
/// # Ok::<(), alfm_embed::EmbedError>(())
/// ```
pub struct VisionEncoder {
    network: Network,
    preprocessing: Preprocessing,
}

impl VisionEncoder {
    /// Loads a model from its folder as the hub lays it out: `config.json`, `preprocessor_config.json` (timm's models
    /// have none) and `model.safetensors`.
    ///
    /// With `size` the model is given square images of that edge instead of the published one; a table of positions
    /// is stretched to it.
    ///
    /// # Errors
    /// [`EmbedError::UnknownModelType`], which lists the known ones; [`EmbedError::ImageSize`] for a size of 0;
    /// [`EmbedError`], naming the file and what is wrong with it.
    pub fn load(folder: &Path, size: Option<usize>) -> Result<Self, EmbedError> {
        let description = Description::read(folder, size)?;
        let file = folder.join(WEIGHTS);
        let bytes = read(&file)?;
        let mut weights = description.open(&file, &bytes)?;
        let network = description.network(&mut weights)?;
        weights.finish()?;
        Ok(Self { network, preprocessing: description.preprocessing })
    }

    /// An encoder of these parts.
    #[cfg(feature = "trunk")]
    pub(crate) fn new(network: Network, preprocessing: Preprocessing) -> Self {
        Self { network, preprocessing }
    }

    /// What is done to an image first.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The rows that go through the network together.
    fn batches(&self, count: usize) -> Vec<Range<usize>> {
        let size = match (&self.network, self.preprocessing.output()) {
            (Network::Tower(tower), Some(_)) => (BATCH_TOKENS / tower.tokens()).max(1),
            // One image fills a convolution, and images of different sizes go nowhere together.
            _ => 1,
        };
        (0..count).step_by(size).map(|start| start..(start + size).min(count)).collect()
    }

    fn embed(&self, rows: &Range<usize>, pictures: &dyn Pictures) -> Result<Vec<f32>, EmbedError> {
        let (mut values, mut size) = (Vec::new(), [0, 0]);
        for row in rows.clone() {
            let picture =
                pictures.decode(row).map_err(|source| EmbedError::Picture { row, source })?;
            size = self.preprocessing.append(row, &picture, &mut values)?;
        }
        self.network.check(rows.start, size)?;
        Ok(floats(self.network.run(values, rows.len(), size).into_data()))
    }

    /// The embedding of an image that is prepared already: `3 x height x width` numbers as
    /// [`Preprocessing::apply`] gives them. Panics if there are more or fewer.
    ///
    /// # Errors
    /// [`EmbedError::SmallImage`].
    pub fn encode_prepared(
        &self,
        pixels: Vec<f32>,
        size: [usize; 2],
    ) -> Result<Vec<f32>, EmbedError> {
        self.network.check(0, size)?;
        Ok(floats(self.network.run(pixels, 1, size).into_data()))
    }
}

impl ImageEncoder for VisionEncoder {
    fn dimension(&self) -> usize {
        self.network.dimension()
    }

    fn encode(
        &self,
        pictures: &dyn Pictures,
        progress: Progress<'_>,
    ) -> Result<Matrix, EmbedError> {
        let (count, width) = (pictures.count(), self.dimension());
        progress(0, count);
        let mut values = vec![0.0; count * width];
        let (mut done, mut first_error) = (0, None);
        let receive = |rows: &Range<usize>, result: Result<Vec<f32>, EmbedError>| {
            match result {
                Ok(found) => values[rows.start * width..rows.end * width].copy_from_slice(&found),
                // Which batch ends first depends on timing; which error is told must not.
                Err(error) if first_error.as_ref().is_none_or(|(at, _)| rows.start < *at) => {
                    first_error = Some((rows.start, error));
                }
                Err(_) => {}
            }
            done += rows.len();
            progress(done, count);
        };
        for_each_in_parallel(&self.batches(count), |rows| self.embed(rows, pictures), receive)?;
        match first_error {
            Some((_, error)) => Err(error),
            None => {
                Matrix::new(values, count, width).map_err(|source| EmbedError::NotFinite { source })
            }
        }
    }
}
