//! A network of images where it runs: on the processor, or on a card.

use std::path::Path;

use alfm_kernels::device::Backend;
use burn::tensor::Tensor;

use super::network::{Description, Network, pictures};
use crate::EmbedError;
#[cfg(feature = "trunk")]
use crate::layers::Cpu;
use crate::layers::floats;
use crate::layers::kernels::Kernels;
use crate::placed::{Recipe, attempt, card_batch};
use crate::text::network::BATCH_TOKENS;

/// What an encoder asks of its network.
pub(crate) trait Placed: Send + Sync {
    /// Whether one caller at a time gets most out of it.
    fn on_card(&self) -> bool;

    /// Length of an embedding.
    fn dimension(&self) -> usize;

    /// Images that go through it together, if all have one size.
    fn batch(&self) -> usize;

    /// Whether anything is left of so small an image.
    fn check(&self, row: usize, size: [usize; 2]) -> Result<(), EmbedError>;

    /// Images of `3 x height x width` numbers each, in parts of some images, `images x dimension` numbers.
    fn run(&self, parts: Vec<Vec<f32>>, size: [usize; 2]) -> Result<Vec<f32>, EmbedError>;
}

impl Recipe for Description {
    type Placed = Box<dyn Placed>;

    fn place<B: Kernels>(
        &self,
        file: &Path,
        bytes: &[u8],
        backend: Backend,
    ) -> Result<Box<dyn Placed>, EmbedError> {
        let mut weights = self.open::<B>(file, bytes)?;
        let network = self.network(&mut weights)?;
        weights.finish()?;
        Ok(Box::new(On { network, backend, size: self.preprocessing.output() }))
    }
}

/// The one implementation.
pub(crate) struct On<B: Kernels> {
    network: Network<B>,
    backend: Backend,
    /// Height and width of all images, if they have one size.
    size: Option<[usize; 2]>,
}

#[cfg(feature = "trunk")]
impl On<Cpu> {
    pub(crate) fn processor(network: Network<Cpu>, size: Option<[usize; 2]>) -> Self {
        Self { network, backend: Backend::Cpu, size }
    }
}

impl<B: Kernels> Placed for On<B> {
    fn on_card(&self) -> bool {
        self.backend != Backend::Cpu
    }

    fn dimension(&self) -> usize {
        self.network.dimension()
    }

    fn batch(&self) -> usize {
        match (&self.network, self.size) {
            // Images of different sizes go nowhere together.
            (_, None) => 1,
            (network, Some(size)) if self.on_card() => card_batch(network.numbers(size)),
            (Network::Tower(tower), _) => (BATCH_TOKENS / tower.tokens()).max(1),
            // One image fills a convolution on the processor.
            _ => 1,
        }
    }

    fn check(&self, row: usize, size: [usize; 2]) -> Result<(), EmbedError> {
        self.network.check(row, size)
    }

    fn run(&self, parts: Vec<Vec<f32>>, size: [usize; 2]) -> Result<Vec<f32>, EmbedError> {
        let pixels: usize = parts.iter().map(Vec::len).sum();
        let count = pixels / (3 * size[0] * size[1]);
        let mut values = attempt(self.backend, || {
            let batch = self.batch_of(parts, count, size);
            Ok(floats(self.network.forward(batch).into_data()))
        })?;
        values.truncate(count * self.dimension());
        Ok(values)
    }
}

impl<B: Kernels> On<B> {
    /// The images as one tensor. A card's kernels are chosen by the size of the batch: there it is always the same,
    /// and so is an image's embedding.
    fn batch_of(
        &self,
        parts: Vec<Vec<f32>>,
        count: usize,
        [height, width]: [usize; 2],
    ) -> Tensor<B, 4> {
        let mut parts: Vec<Tensor<B, 4>> =
            parts.into_iter().map(|part| pictures(part, [height, width])).collect();
        let missing = if self.on_card() { self.batch().saturating_sub(count) } else { 0 };
        if missing > 0 {
            parts.push(Tensor::zeros([missing, 3, height, width], &Default::default()));
        }
        match parts.len() {
            1 => parts.remove(0),
            _ => Tensor::cat(parts, 0),
        }
    }
}
