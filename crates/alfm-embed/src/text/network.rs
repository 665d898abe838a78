//! Networks of texts, run in batches where they are.

use alfm_core::Matrix;
use alfm_kernels::device::Backend;

use crate::parallel::for_each_in_parallel;
use crate::placed::{CARD_NUMBERS, attempt, card_batch};
use crate::text::batch::{Batch, plan, plan_filled};
use crate::{EmbedError, Progress};

/// Tokens of a batch on the processor: enough to keep the matrix products busy, few enough for its activations to
/// stay in the cache and for the batches to spread evenly over threads.
pub(crate) const BATCH_TOKENS: usize = 1024;

/// The most tokens of a batch on a card: about those of as many images as go together. It is always full, so a few long
/// texts cost as much as many.
const CARD_TOKENS: usize = 4096;

/// What turns tokens into embeddings, on whatever backend.
pub(crate) trait TextNetwork: Send + Sync {
    /// Length of an embedding.
    fn dimension(&self) -> usize;

    /// Tokens of the longest text.
    fn longest(&self) -> usize;

    /// Numbers of the largest tensor that a text of `length` tokens becomes on its way.
    fn numbers(&self, length: usize) -> usize;

    /// One embedding a text of the batch, in its order; `tokens` are those of all texts.
    fn run(&self, batch: &Batch, tokens: &[Vec<u32>]) -> Vec<f32>;
}

/// A network and where it is.
pub(crate) struct PlacedTexts {
    network: Box<dyn TextNetwork>,
    backend: Backend,
}

impl PlacedTexts {
    pub(crate) fn new(network: impl TextNetwork + 'static, backend: Backend) -> Self {
        Self { network: Box::new(network), backend }
    }

    /// Length of an embedding.
    pub(crate) fn dimension(&self) -> usize {
        self.network.dimension()
    }

    /// Tokens of the longest text.
    pub(crate) fn longest(&self) -> usize {
        self.network.longest()
    }

    /// One embedding a text, in the order of the texts.
    pub(crate) fn encode(
        &self,
        tokens: &[Vec<u32>],
        progress: Progress<'_>,
    ) -> Result<Matrix, EmbedError> {
        let width = self.dimension();
        let work = |batch: &Batch| self.network.run(batch, tokens);
        if self.backend == Backend::Cpu {
            return on_processor(tokens, width, work, progress);
        }
        let most =
            |length| card_batch(self.network.numbers(length)).min((CARD_TOKENS / length).max(1));
        let mut rows = Rows::new(tokens.len(), width, progress);
        for batch in plan_filled(&lengths(tokens), self.longest(), most) {
            self.check(&batch, tokens)?;
            rows.receive(&batch, &attempt(self.backend, || Ok(work(&batch)))?);
        }
        rows.finish()
    }

    /// Whether a tensor on a card may be as long as a single text of the batch makes it.
    fn check(&self, batch: &Batch, tokens: &[Vec<u32>]) -> Result<(), EmbedError> {
        if self.network.numbers(batch.groups[0].length) <= CARD_NUMBERS {
            return Ok(());
        }
        let row = batch.rows[0];
        Err(EmbedError::LongText { row, tokens: tokens[row].len(), device: self.backend.name() })
    }
}

/// One row of `width` numbers a text, in the order of the texts, the rows of a batch by `work`, one batch a thread.
pub(crate) fn on_processor(
    tokens: &[Vec<u32>],
    width: usize,
    work: impl Fn(&Batch) -> Vec<f32> + Sync,
    progress: Progress<'_>,
) -> Result<Matrix, EmbedError> {
    let mut rows = Rows::new(tokens.len(), width, progress);
    let batches = plan(&lengths(tokens), BATCH_TOKENS);
    for_each_in_parallel(&batches, work, |batch, values| rows.receive(batch, &values))?;
    rows.finish()
}

fn lengths(tokens: &[Vec<u32>]) -> Vec<usize> {
    tokens.iter().map(Vec::len).collect()
}

/// The rows of all texts, filled in batch by batch.
struct Rows<'a> {
    values: Vec<f32>,
    count: usize,
    width: usize,
    done: usize,
    progress: Progress<'a>,
}

impl<'a> Rows<'a> {
    fn new(count: usize, width: usize, progress: Progress<'a>) -> Self {
        Self { values: vec![0.0; count * width], count, width, done: 0, progress }
    }

    fn receive(&mut self, batch: &Batch, rows: &[f32]) {
        let width = self.width;
        for (&row, numbers) in batch.rows.iter().zip(rows.chunks_exact(width)) {
            self.values[row * width..(row + 1) * width].copy_from_slice(numbers);
        }
        self.done += batch.rows.len();
        (self.progress)(self.done, self.count);
    }

    fn finish(self) -> Result<Matrix, EmbedError> {
        Matrix::new(self.values, self.count, self.width)
            .map_err(|source| EmbedError::NotFinite { source })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::error::read;
    use crate::files::WEIGHTS;
    use crate::layers::Cpu;
    use crate::placed::Recipe;
    use crate::text::config::ModelConfig;
    use crate::text::pooling::Head;
    use crate::text::sentence::Description;

    /// Attention to everything, with one head.
    struct Endless;

    impl TextNetwork for Endless {
        fn dimension(&self) -> usize {
            1
        }

        fn longest(&self) -> usize {
            usize::MAX
        }

        fn numbers(&self, length: usize) -> usize {
            length * length
        }

        fn run(&self, batch: &Batch, _: &[Vec<u32>]) -> Vec<f32> {
            vec![0.0; batch.rows.len()]
        }
    }

    #[test]
    fn a_text_that_is_too_long_for_a_card_is_named_before_anything_runs() {
        // 5,792 squared are 128 MiB of numbers; filled up, 4,097 tokens are 6,144.
        let tokens = [vec![0; 3], vec![0; 4097], vec![0; 4096], vec![0; 4097]];
        let on = |backend| PlacedTexts::new(Endless, backend).encode(&tokens, &mut |_, _| {});
        let error = on(Backend::Wgpu).unwrap_err();
        let EmbedError::LongText { row: 1, tokens: 4097, device: "wgpu" } = error else {
            panic!("{error}")
        };
        assert_eq!(on(Backend::Cpu).unwrap().rows(), 4);
    }

    /// What a card is given, on the processor: masks, positions and shares must be right wherever they are.
    #[test]
    fn what_fills_texts_up_changes_nothing_but_the_last_digits() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let golden = root.join("tests/golden");
        // Packages, which alone have this file, hold no goldens.
        if root.join("Cargo.toml.orig").exists() {
            return eprintln!("skipped: a package holds no goldens");
        }
        let tokens: Vec<Vec<u32>> =
            [2, 5, 8, 9, 14, 15].map(|length| (4..4 + length).collect()).to_vec();
        for model in ["bert", "distilbert", "mpnet", "roberta"] {
            let folder = golden.join(model);
            let config = ModelConfig::read(&folder.join("config.json")).unwrap();
            let description = Description { config, head: Head::read(&folder).unwrap() };
            let (file, bytes) = (folder.join(WEIGHTS), read(&folder.join(WEIGHTS)).unwrap());
            let texts = description.place::<Cpu>(&file, &bytes, Backend::Cpu).unwrap();
            let width = texts.dimension();
            let expected = texts.encode(&tokens, &mut |_, _| {}).unwrap();
            let mut seen = 0;
            for batch in plan_filled(&lengths(&tokens), texts.longest(), |_| 4) {
                let got = texts.network.run(&batch, &tokens);
                assert_eq!(got.len(), batch.rows.len() * width);
                for (row, got) in batch.rows.iter().zip(got.chunks(width)) {
                    for (a, b) in got.iter().zip(expected.view().row(*row)) {
                        assert!((a - b).abs() < 1e-5, "{model}, text {row}: {a}, not {b}");
                    }
                }
                seen += batch.rows.len();
            }
            assert_eq!(seen, tokens.len());
        }
    }
}
