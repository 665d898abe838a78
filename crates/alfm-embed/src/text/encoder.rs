use std::path::Path;

use alfm_core::Matrix;
use alfm_kernels::device::Backend;

use crate::text::config::ModelConfig;
use crate::text::network::PlacedTexts;
use crate::text::pooling::Head;
use crate::text::sentence::Description;
use crate::text::tokens::Tokens;
use crate::{Error, Progress, TextEncoder, placed};

/// A sentence encoder of the BERT family: BERT and MiniLM, DistilBERT, MPNet, RoBERTa.
///
/// On the processor, texts are tokenized, sorted by length and run in batches without padding, one batch a thread
/// (as many threads as the current rayon pool has). On a card, every text is filled up to one of a few lengths, which
/// its own length decides, and texts of one length go together, always as many. Either way an embedding depends on
/// its text and the device alone: it is the same, bit for bit, whatever the other texts and the number of threads.
///
/// ```no_run
/// use alfm_embed::{BertEncoder, TextEncoder};
/// let encoder = BertEncoder::load("snapshots/c9745ed1".as_ref())?;
/// let embeddings = encoder.encode(&["Where is my parcel?"], &mut |_, _| {})?;
/// assert_eq!((embeddings.rows(), embeddings.columns()), (1, 384));
/// # Ok::<(), alfm_embed::Error>(())
/// ```
pub struct BertEncoder {
    tokens: Tokens,
    network: PlacedTexts,
}

impl BertEncoder {
    /// Loads a model from its folder: `config.json`, `model.safetensors` and `tokenizer.json`, and,
    /// where they are there, `modules.json` with its pooling, `sentence_bert_config.json`, and
    /// `config_sentence_transformers.json`, whose default prompt is put before every text.
    ///
    /// # Errors
    /// Naming the file and what is wrong with it.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        Self::load_on(folder, Backend::Cpu)
    }

    /// The same on another device. There, single precision is added up in another order: embeddings agree with those
    /// of the processor within `1e-4` of the largest number.
    ///
    /// # Errors
    /// As [`BertEncoder::load`], and of [`ErrorKind::Device`](alfm_core::ErrorKind::Device). What is encoded there
    /// may fail so as well, and for a text of thousands of tokens.
    pub fn load_on(folder: &Path, device: Backend) -> Result<Self, Error> {
        let config = ModelConfig::read(&folder.join("config.json"))?;
        let tokens = Tokens::read(folder, config.longest(), config.vocabulary)?;
        let tokens = tokens.with_prompt_of(folder)?;
        let description = Description { config, head: Head::read(folder)? };
        Ok(Self { tokens, network: placed::load(&description, folder, device)? })
    }
}

impl TextEncoder for BertEncoder {
    fn dimension(&self) -> usize {
        self.network.dimension()
    }

    fn encode(&self, texts: &[&str], progress: Progress<'_>) -> Result<Matrix, Error> {
        progress(0, texts.len());
        self.network.encode(&self.tokens.encode(texts)?, progress)
    }
}
