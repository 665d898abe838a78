use std::path::Path;

use alfm_core::Matrix;
use burn::tensor::Tensor;

use crate::error::read;
use crate::files::WEIGHTS;
use crate::layers::Cpu;
use crate::parallel::for_each_in_parallel;
use crate::text::batch::{Batch, plan};
use crate::text::config::{Family, ModelConfig};
use crate::text::tokens::Tokens;
use crate::text::transformer::Transformer;
use crate::weights::Weights;
use crate::{EmbedError, Progress};

/// Tokens of a batch: enough to keep the matrix products busy, few enough for its activations to
/// stay in the cache and for the batches to spread evenly over threads.
pub(crate) const BATCH_TOKENS: usize = 1024;

/// Tokenizer and transformer of a folder, run over texts for whatever head follows.
pub(crate) struct Model {
    pub(crate) tokens: Tokens,
    pub(crate) config: ModelConfig,
    transformer: Transformer,
}

/// A batch behind the transformer: what a head makes its rows of.
pub(crate) struct Hidden<'a> {
    pub(crate) batch: &'a Batch,
    /// `[tokens, width]`: the texts of the batch one after the other.
    pub(crate) vectors: Tensor<Cpu, 2>,
    /// Tokens of all texts; those of the batch are at `batch.rows`.
    tokens: &'a [Vec<u32>],
}

impl Hidden<'_> {
    /// Tokens of the batch's texts, in its order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &[u32]> {
        self.batch.rows.iter().map(|&row| self.tokens[row].as_slice())
    }
}

impl Model {
    /// Loads the folder's model, and `head` from the same weights: there, its names begin with `kept`.
    pub(crate) fn load<H>(
        folder: &Path,
        kept: impl FnOnce(Family) -> Option<&'static str>,
        head: impl FnOnce(&mut Weights<'_>, &ModelConfig, &Transformer) -> Result<H, EmbedError>,
    ) -> Result<(Self, H), EmbedError> {
        let config = ModelConfig::read(&folder.join("config.json"))?;
        let tokens = Tokens::read(folder, config.longest(), config.vocabulary)?;
        let path = folder.join(WEIGHTS);
        let bytes = read(&path)?;
        let family = config.family;
        let mut weights = Weights::open(&path, &bytes, family.prefix(), kept(family))?;
        let transformer = Transformer::load(&mut weights, &config)?;
        let head = head(&mut weights, &config, &transformer)?;
        weights.finish()?;
        Ok((Self { tokens, config, transformer }, head))
    }

    /// One row of `width` numbers a text, in the order of the texts, the rows of a batch by `head`.
    pub(crate) fn run(
        &self,
        texts: &[&str],
        width: usize,
        head: impl Fn(Hidden<'_>) -> Vec<f32> + Sync,
        progress: Progress<'_>,
    ) -> Result<Matrix, EmbedError> {
        progress(0, texts.len());
        let tokens = self.tokens.encode(texts)?;
        let work = |batch: &Batch| {
            let vectors = self.transformer.forward(batch, &tokens);
            head(Hidden { batch, vectors, tokens: &tokens })
        };
        rows_of_texts(&tokens, width, work, progress)
    }
}

/// One row of `width` numbers a text, in the order of the texts, the rows of a batch by `work`.
pub(crate) fn rows_of_texts(
    tokens: &[Vec<u32>],
    width: usize,
    work: impl Fn(&Batch) -> Vec<f32> + Sync,
    progress: Progress<'_>,
) -> Result<Matrix, EmbedError> {
    let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
    let batches = plan(&lengths, BATCH_TOKENS);
    let mut values = vec![0.0; tokens.len() * width];
    let mut done = 0;
    let receive = |batch: &Batch, rows: Vec<f32>| {
        for (&row, numbers) in batch.rows.iter().zip(rows.chunks_exact(width)) {
            values[row * width..(row + 1) * width].copy_from_slice(numbers);
        }
        done += batch.rows.len();
        progress(done, tokens.len());
    };
    for_each_in_parallel(&batches, work, receive)?;
    Matrix::new(values, tokens.len(), width).map_err(|source| EmbedError::NotFinite { source })
}
