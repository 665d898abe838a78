use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use alfm_core::Matrix;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::batch::{Batch, plan};
use crate::config::ModelConfig;
use crate::error::read;
use crate::pooling::Head;
use crate::tokens::Tokens;
use crate::transformer::Transformer;
use crate::weights::Weights;
use crate::{EmbedError, Progress, TextEncoder};

/// Tokens of a batch: enough to keep the matrix products busy, few enough for its activations to
/// stay in the cache and for the batches to spread evenly over threads.
const BATCH_TOKENS: usize = 1024;

/// A sentence encoder of the BERT family: BERT and MiniLM, DistilBERT, MPNet, RoBERTa.
///
/// Texts are tokenized, sorted by length and run in batches without padding, one batch a thread
/// (as many threads as the current rayon pool has). An embedding depends on its text alone: it is the
/// same, bit for bit, whatever the other texts and the number of threads.
///
/// ```no_run
/// use alfm_embed::{BertEncoder, TextEncoder};
/// let encoder = BertEncoder::load("snapshots/c9745ed1".as_ref())?;
/// let embeddings = encoder.encode(&["Where is my parcel?"], &mut |_, _| {})?;
/// assert_eq!((embeddings.rows(), embeddings.columns()), (1, 384));
/// # Ok::<(), alfm_embed::EmbedError>(())
/// ```
pub struct BertEncoder {
    tokens: Tokens,
    transformer: Transformer,
    head: Head,
    width: usize,
}

impl BertEncoder {
    /// Loads a model from its folder: `config.json`, `model.safetensors` and `tokenizer.json`, and,
    /// where they are there, `modules.json` with its pooling and `sentence_bert_config.json`.
    ///
    /// # Errors
    /// [`EmbedError`], naming the file and what is wrong with it.
    pub fn load(folder: &Path) -> Result<Self, EmbedError> {
        let config = ModelConfig::read(&folder.join("config.json"))?;
        let tokens = Tokens::read(folder, &config)?;
        let head = Head::read(folder)?;
        let path = folder.join("model.safetensors");
        let bytes = read(&path)?;
        let mut weights = Weights::open(&path, &bytes, config.family.prefix())?;
        let transformer = Transformer::load(&mut weights, &config)?;
        weights.finish()?;
        Ok(Self { tokens, transformer, head, width: config.width })
    }

    fn run(&self, batch: &Batch, tokens: &[Vec<u32>]) -> Vec<f32> {
        self.head.forward(self.transformer.forward(batch, tokens), batch)
    }
}

impl TextEncoder for BertEncoder {
    fn dimension(&self) -> usize {
        self.width
    }

    fn encode(&self, texts: &[&str], progress: Progress<'_>) -> Result<Matrix, EmbedError> {
        progress(0, texts.len());
        let tokens = self.tokens.encode(texts)?;
        let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
        let batches = plan(&lengths, BATCH_TOKENS);
        let mut values = vec![0.0; texts.len() * self.width];
        let mut done = 0;
        let receive = |batch: &Batch, vectors: Vec<f32>| {
            for (&row, vector) in batch.rows.iter().zip(vectors.chunks_exact(self.width)) {
                values[row * self.width..(row + 1) * self.width].copy_from_slice(vector);
            }
            done += batch.rows.len();
            progress(done, texts.len());
        };
        for_each_in_parallel(&batches, |batch| self.run(batch, &tokens), receive)?;
        Matrix::new(values, texts.len(), self.width)
            .map_err(|source| EmbedError::NotFinite { source })
    }
}

/// Runs `work` on every batch, one thread a batch, and hands the results to `receive` on the calling
/// thread as they come.
///
/// Each worker runs inside a rayon pool of one thread: what Burn would spread over all threads stays
/// on the worker. Short operations, which these are, gain nothing from being split.
fn for_each_in_parallel<T: Send>(
    batches: &[Batch],
    work: impl Fn(&Batch) -> T + Sync,
    mut receive: impl FnMut(&Batch, T),
) -> Result<(), EmbedError> {
    let workers = rayon::current_num_threads().min(batches.len());
    let pools = (0..workers)
        .map(|_| ThreadPoolBuilder::new().num_threads(1).build())
        .collect::<Result<Vec<ThreadPool>, _>>()
        .map_err(|source| EmbedError::Threads { source })?;
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for pool in &pools {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                pool.install(|| {
                    while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if sender.send((batch, work(batch))).is_err() {
                            return;
                        }
                    }
                });
            });
        }
        drop(sender);
        for (batch, result) in results {
            receive(batch, result);
        }
    });
    Ok(())
}
