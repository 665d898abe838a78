use std::path::Path;

use alfm_core::Matrix;

use crate::text::model::{Hidden, Model};
use crate::text::pooling::Head;
use crate::{EmbedError, Progress, TextEncoder};

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
    model: Model,
    head: Head,
}

impl BertEncoder {
    /// Loads a model from its folder: `config.json`, `model.safetensors` and `tokenizer.json`, and,
    /// where they are there, `modules.json` with its pooling and `sentence_bert_config.json`.
    ///
    /// # Errors
    /// [`EmbedError`], naming the file and what is wrong with it.
    pub fn load(folder: &Path) -> Result<Self, EmbedError> {
        let (model, head) = Model::load(folder, |_| None, |_, _, _| Head::read(folder))?;
        Ok(Self { model, head })
    }
}

impl TextEncoder for BertEncoder {
    fn dimension(&self) -> usize {
        self.model.config.width
    }

    fn encode(&self, texts: &[&str], progress: Progress<'_>) -> Result<Matrix, EmbedError> {
        let pool = |hidden: Hidden<'_>| self.head.forward(hidden.vectors, hidden.batch);
        self.model.run(texts, self.dimension(), pool, progress)
    }
}
