use std::ops::Range;
use std::path::Path;

use alfm_core::Matrix;
use alfm_kernels::device::Backend;
use rayon::prelude::*;

use super::network::Description;
#[cfg(feature = "trunk")]
use super::network::Network;
use super::pictures::Pictures;
#[cfg(feature = "trunk")]
use super::placed::On;
use super::placed::Placed;
use super::preprocess::Preprocessing;
use crate::parallel::{for_each_in_parallel, one_ahead};
use crate::{EmbedError, ImageEncoder, Progress, placed};

/// Images that are prepared and uploaded together, where the network is on a card.
const PART: usize = 8;

/// An image encoder: ViT, DINOv2, the image towers of CLIP and SigLIP, ResNet, SqueezeNet 1.1; ViT, DINOv2 and ResNet
/// as timm publishes them, too.
///
/// Embeddings are what the reference calls them: the class token of ViT and DINOv2 behind the last normalisation,
/// the image features of CLIP (projected, not normalised) and SigLIP, the channel means of the convolutional ones.
///
/// Images are decoded, prepared and run in batches, one a thread; where the network is on a card, all threads prepare
/// the next batch while the card runs one. An embedding depends on its image and the device alone: it is the same,
/// bit for bit, whatever the other images and the number of threads.
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
    network: Box<dyn Placed>,
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
    /// [`EmbedError::UnknownModelType`], which lists the known ones; [`EmbedError::ImageSize`] for a size of 0 or above
    /// 4096; [`EmbedError`], naming the file and what is wrong with it.
    pub fn load(folder: &Path, size: Option<usize>) -> Result<Self, EmbedError> {
        Self::load_on(folder, size, Backend::Cpu)
    }

    /// The same on another device. There, single precision is added up in another order: embeddings agree with those
    /// of the processor within `1e-4` of the largest number.
    ///
    /// # Errors
    /// As [`VisionEncoder::load`]; [`EmbedError::Device`].
    pub fn load_on(
        folder: &Path,
        size: Option<usize>,
        device: Backend,
    ) -> Result<Self, EmbedError> {
        let description = Description::read(folder, size)?;
        let network = placed::load(&description, folder, device)?;
        Ok(Self { network, preprocessing: description.preprocessing })
    }

    /// An encoder of these parts.
    #[cfg(feature = "trunk")]
    pub(crate) fn new(network: Network, preprocessing: Preprocessing) -> Self {
        let size = preprocessing.output();
        Self { network: Box::new(On::processor(network, size)), preprocessing }
    }

    /// What is done to an image first.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The rows that go through the network together.
    fn batches(&self, count: usize) -> Vec<Range<usize>> {
        let size = self.network.batch();
        (0..count).step_by(size).map(|start| start..(start + size).min(count)).collect()
    }

    /// The image at position `row` as the network is given it, and its height and width.
    fn prepared(
        &self,
        row: usize,
        pictures: &dyn Pictures,
        values: &mut Vec<f32>,
    ) -> Result<[usize; 2], EmbedError> {
        let picture = pictures.decode(row).map_err(|source| EmbedError::Picture { row, source })?;
        let size = self.preprocessing.append(row, &picture, values)?;
        self.network.check(row, size)?;
        Ok(size)
    }

    /// Some images, one after the other, and the height and width of the last.
    fn part(
        &self,
        rows: Range<usize>,
        pictures: &dyn Pictures,
    ) -> Result<(Vec<f32>, [usize; 2]), EmbedError> {
        let (mut values, mut size) = (Vec::new(), [0, 0]);
        for row in rows {
            size = self.prepared(row, pictures, &mut values)?;
        }
        Ok((values, size))
    }

    fn embed(&self, rows: &Range<usize>, pictures: &dyn Pictures) -> Result<Vec<f32>, EmbedError> {
        let (values, size) = self.part(rows.clone(), pictures)?;
        self.network.run(vec![values], size)
    }

    /// The same in parts, on all threads; the first image at fault, whichever thread was first.
    fn parts(
        &self,
        rows: &Range<usize>,
        pictures: &dyn Pictures,
    ) -> Result<(Vec<Vec<f32>>, [usize; 2]), EmbedError> {
        let starts: Vec<usize> = rows.clone().step_by(PART).collect();
        let part = |start: usize| self.part(start..rows.end.min(start + PART), pictures);
        let parts: Vec<Result<_, EmbedError>> = starts.into_par_iter().map(part).collect();
        let parts: Vec<(Vec<f32>, [usize; 2])> = parts.into_iter().collect::<Result<_, _>>()?;
        let size = parts.first().map_or([0, 0], |(_, size)| *size);
        Ok((parts.into_iter().map(|(values, _)| values).collect(), size))
    }

    /// The embedding of an image that is prepared already: `3 x height x width` numbers as
    /// [`Preprocessing::apply`] gives them. Panics if there are more or fewer.
    ///
    /// # Errors
    /// [`EmbedError::SmallImage`], [`EmbedError::Device`].
    pub fn encode_prepared(
        &self,
        pixels: Vec<f32>,
        size: [usize; 2],
    ) -> Result<Vec<f32>, EmbedError> {
        self.network.check(0, size)?;
        self.network.run(vec![pixels], size)
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
        let mut receive = |rows: &Range<usize>, result: Result<Vec<f32>, EmbedError>| {
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
        let batches = self.batches(count);
        if self.network.on_card() {
            let prepare = |rows: &Range<usize>| self.parts(rows, pictures);
            one_ahead(&batches, prepare, |rows, prepared| {
                let (parts, size) = prepared?;
                receive(rows, Ok(self.network.run(parts, size)?));
                Ok(())
            })?;
        } else {
            for_each_in_parallel(&batches, |rows| self.embed(rows, pictures), receive)?;
        }
        match first_error {
            Some((_, error)) => Err(error),
            None => {
                Matrix::new(values, count, width).map_err(|source| EmbedError::NotFinite { source })
            }
        }
    }
}
