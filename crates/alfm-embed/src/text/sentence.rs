use std::path::Path;

use alfm_kernels::device;
use burn::prelude::Backend;

use crate::EmbedError;
use crate::layers::kernels::Kernels;
use crate::placed::Recipe;
use crate::text::batch::Batch;
use crate::text::config::ModelConfig;
use crate::text::network::{PlacedTexts, TextNetwork};
use crate::text::pooling::Head;
use crate::text::transformer::Transformer;
use crate::weights::Weights;

/// What a sentence encoder's folder says of it, weights and tokenizer aside.
pub(crate) struct Description {
    pub(crate) config: ModelConfig,
    pub(crate) head: Head,
}

/// A transformer and the pooling behind it.
pub(crate) struct Sentence<B: Backend> {
    pub(crate) transformer: Transformer<B>,
    pub(crate) head: Head,
}

impl Recipe for Description {
    type Placed = PlacedTexts;

    fn place<B: Kernels>(
        &self,
        file: &Path,
        bytes: &[u8],
        backend: device::Backend,
    ) -> Result<PlacedTexts, EmbedError> {
        let mut weights = Weights::<B>::open(file, bytes, self.config.family.prefix(), None)?;
        let transformer = Transformer::load(&mut weights, &self.config)?;
        weights.finish()?;
        Ok(PlacedTexts::new(Sentence { transformer, head: self.head }, backend))
    }
}

impl<B: Kernels> TextNetwork for Sentence<B> {
    fn dimension(&self) -> usize {
        self.transformer.width()
    }

    fn longest(&self) -> usize {
        self.transformer.longest()
    }

    fn numbers(&self, length: usize) -> usize {
        self.transformer.numbers(length)
    }

    fn run(&self, batch: &Batch, tokens: &[Vec<u32>]) -> Vec<f32> {
        self.head.forward(self.transformer.forward(batch, tokens), batch)
    }
}
