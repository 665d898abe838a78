use std::path::{Path, PathBuf};

use alfm_core::CoreError;
use alfm_kernels::device::DeviceError;

/// What can go wrong when an encoder is loaded or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// A device that is not there, or that failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A file of the model's folder cannot be read.
    #[error("cannot read {path}: a model folder holds config.json, model.safetensors and tokenizer.json", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that is not the JSON it should be.
    #[error("{path} is not the JSON expected of it: fetch the file again", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where it breaks off.
        #[source]
        source: serde_json::Error,
    },
    /// An architecture that is not built here.
    #[error("{path}: model_type or architecture `{found}` is unknown; the known ones are {known}", path = path.display())]
    UnknownModelType {
        /// The configuration.
        path: PathBuf,
        /// Its `model_type` or `architecture`, empty where it has neither.
        found: String,
        /// The known types, joined.
        known: String,
    },
    /// A setting that the encoder does not have, or a size that is impossible.
    #[error("{path}: {field} is {found}, but {expected}", path = path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// The setting.
        field: &'static str,
        /// Its value.
        found: String,
        /// What is expected of it.
        expected: String,
    },
    /// A weights file that is not safetensors, or was cut off.
    #[error("{path} is not a whole safetensors file: fetch it again", path = path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// A tensor that the configuration asks for and the weights do not hold.
    #[error("{path} has no tensor `{tensor}`: its config.json describes another model", path = path.display())]
    MissingTensor {
        /// The weights.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// Weights without the head that masked language models are trained with.
    #[error("{path} has no masked-language-model head (missing: {missing}): use an encoder that was trained as a masked language model and published with its head", path = path.display(), missing = missing.join(", "))]
    NoLmHead {
        /// The weights.
        path: PathBuf,
        /// The tensors that are not there.
        missing: Vec<String>,
    },
    /// Tensors that the configured model does not have.
    #[error("{path} has {count} tensor(s) that its config.json has no place for, the first is `{tensor}`", path = path.display())]
    ExtraTensors {
        /// The weights.
        path: PathBuf,
        /// The first such tensor, by name.
        tensor: String,
        /// How many there are.
        count: usize,
    },
    /// A tensor of another shape than the configuration says.
    #[error("{path}: tensor `{tensor}` has shape {found:?}, config.json says {expected:?}", path = path.display())]
    TensorShape {
        /// The weights.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Shape that follows from the configuration.
        expected: Vec<usize>,
        /// Its shape.
        found: Vec<usize>,
    },
    /// A tensor whose element type is not a float.
    #[error("{path}: tensor `{tensor}` is {found}, expected F32, F16, BF16 or F64", path = path.display())]
    TensorType {
        /// The weights.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its element type.
        found: String,
    },
    /// A tokenizer that cannot be read, or whose truncation cannot be set.
    #[error("{path} is not a usable tokenizer: fetch it again", path = path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: tokenizers::Error,
    },
    /// A maximum length that leaves no room for a text.
    #[error(
        "a maximum length of {found} is too short: {special} special tokens and at least one of the text must fit"
    )]
    MaxLength {
        /// The length in tokens.
        found: usize,
        /// Special tokens that frame a text.
        special: usize,
    },
    /// A text that the tokenizer refuses.
    #[error("text {row} cannot be tokenized")]
    Tokenize {
        /// Position of the text.
        row: usize,
        /// Why.
        #[source]
        source: tokenizers::Error,
    },
    /// A text without a single token: there is nothing to pool.
    #[error("text {row} has no tokens: remove it, or use a tokenizer that adds special tokens")]
    NoTokens {
        /// Position of the text.
        row: usize,
    },
    /// A token that the model has no embedding for.
    #[error(
        "text {row}: token {token} is outside the vocabulary of {vocabulary}: tokenizer.json and config.json belong to different models"
    )]
    UnknownToken {
        /// Position of the text.
        row: usize,
        /// The token.
        token: u32,
        /// Size of the model's vocabulary.
        vocabulary: usize,
    },
    /// A text whose scores of attention are more than a tensor on a card may hold.
    #[error(
        "text {row} has {tokens} tokens, too many for this model on device `{device}`: encode it on `cpu`, or lower \
         max_seq_length in sentence_bert_config.json"
    )]
    LongText {
        /// Position of the text.
        row: usize,
        /// Its tokens.
        tokens: usize,
        /// The device.
        device: &'static str,
    },
    /// An image that can't be had.
    #[error("image {row} cannot be read: repair it, or leave it out")]
    Picture {
        /// Position of the image.
        row: usize,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An image without a pixel.
    #[error("image {row} has no pixels: leave it out")]
    EmptyImage {
        /// Position of the image.
        row: usize,
    },
    /// An image of which nothing is left behind the poolings of a network.
    #[error("image {row} is {} x {} for the model, which needs {smallest} pixels: give it a larger size", size[0], size[1])]
    SmallImage {
        /// Position of the image.
        row: usize,
        /// Height and width that the model is given.
        size: [usize; 2],
        /// The least edge.
        smallest: usize,
    },
    /// A size that a model cannot be given.
    #[error("an image size of {found} pixels: give 1 to {most}, or leave it out")]
    ImageSize {
        /// The edge.
        found: usize,
        /// The longest.
        most: usize,
    },
    /// An image that is so thin that it grows beyond measure when its shorter edge becomes that of the model.
    #[error(
        "image {row} is {} x {}, and would be {} x {} for the model: cut it to a squarer shape, or leave it out",
        size[0], size[1], resized[0], resized[1]
    )]
    ThinImage {
        /// Position of the image.
        row: usize,
        /// Its height and width.
        size: [usize; 2],
        /// Height and width behind resizing.
        resized: [usize; 2],
    },
    /// An image that can't be brought to the model's size.
    #[error("image {row} cannot be resized")]
    Resize {
        /// Position of the image.
        row: usize,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A thread that could not be started.
    #[error("cannot start a worker thread: lower RAYON_NUM_THREADS")]
    Threads {
        /// Why.
        #[source]
        source: rayon::ThreadPoolBuildError,
    },
    /// Numbers that are not finite: the weights are damaged.
    #[error("the model returned a number that is not finite: its weights are damaged")]
    NotFinite {
        /// Where.
        #[source]
        source: CoreError,
    },
    /// A cache that cannot be written.
    #[error("cannot write the embedding cache at {path}: check the folder's permissions and free space", path = path.display())]
    CacheWrite {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Images for an encoder of texts, or the other way round.
    #[error("the encoder in {folder} takes {takes}, but was given {given}: load a model of {given}", folder = folder.display())]
    Items {
        /// The model's folder.
        folder: PathBuf,
        /// What it takes.
        takes: &'static str,
        /// What it was given.
        given: &'static str,
    },
    /// A trained encoder that can't be written.
    #[error("cannot write the encoder to {path}: check the folder's permissions and free space", path = path.display())]
    Save {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A setting of the cache out of range.
    #[error("{field} is {found}: {expected}")]
    CacheSetting {
        /// The setting.
        field: &'static str,
        /// Its value.
        found: usize,
        /// What is expected of it.
        expected: &'static str,
    },
}

impl EmbedError {
    /// The same error for items that stand `rows` further on.
    pub(crate) fn behind(self, rows: usize) -> Self {
        self.renumbered(|row| row + rows)
    }

    /// The same error, with the item's position by another count.
    pub(crate) fn renumbered(mut self, place: impl Fn(usize) -> usize) -> Self {
        match &mut self {
            Self::Tokenize { row, .. }
            | Self::NoTokens { row }
            | Self::UnknownToken { row, .. }
            | Self::LongText { row, .. }
            | Self::Picture { row, .. }
            | Self::EmptyImage { row }
            | Self::SmallImage { row, .. }
            | Self::ThinImage { row, .. }
            | Self::Resize { row, .. } => {
                *row = place(*row);
            }
            _ => {}
        }
        self
    }
}

/// The bytes of a file of the model's folder.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, EmbedError> {
    std::fs::read(path).map_err(|source| EmbedError::Read { path: path.to_owned(), source })
}

/// A JSON file of the model's folder.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, EmbedError> {
    serde_json::from_slice(&read(path)?)
        .map_err(|source| EmbedError::Json { path: path.to_owned(), source })
}
