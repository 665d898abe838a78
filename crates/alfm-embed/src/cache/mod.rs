use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use alfm_core::files::write_atomically;
use alfm_core::{Digest, Matrix};
use alfm_kernels::device::Backend;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::image::pictures::Window;
use crate::weights::{bytes_of, numbers};
use crate::{EmbedError, ImageEncoder, Pictures, Progress, TextEncoder};

/// Items of a shard: a killed run loses less than one, and a shard still fills many batches.
const SHARD_ITEMS: usize = 2048;

/// Part of every key. To be raised when an encoder's numbers change for the same model.
const FORMAT: &str = "alfm-embeddings-1";

/// Name of the tensor in a shard.
const TENSOR: &str = "embeddings";

/// Embeddings on disk, by content, model id and revision.
///
/// Texts, or images, are cut into shards of 2048, in order. Each shard is a safetensors file named by the hash
/// of its items, the model and the revision, written whole or not at all: a killed run continues
/// behind the last finished shard, and items that were appended to a data set cost only themselves.
/// A shard that is damaged is computed again and reported.
///
/// ```
/// # use alfm_core::Matrix;
/// # use alfm_embed::{EmbedError, EmbeddingCache, Progress, TextEncoder};
/// # struct Length;
/// # impl TextEncoder for Length {
/// #     fn dimension(&self) -> usize { 1 }
/// #     fn encode(&self, texts: &[&str], _: Progress<'_>) -> Result<Matrix, EmbedError> {
/// #         let values = texts.iter().map(|text| text.len() as f32).collect();
/// #         Matrix::new(values, texts.len(), 1).map_err(|source| EmbedError::NotFinite { source })
/// #     }
/// # }
/// # let folder = tempfile::tempdir()?;
/// let cache = EmbeddingCache::new(folder.path(), "org/model", "1a2b3c");
/// let texts = ["to", "label"];
/// let first = cache.embed(&Length, &texts, &mut |_, _| {})?;
/// assert_eq!((first.matrix.view().values(), first.reused), (&[2.0, 5.0][..], 0));
/// let again = cache.embed(&Length, &texts, &mut |_, _| {})?;
/// assert_eq!((again.matrix, again.reused), (first.matrix, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct EmbeddingCache {
    folder: PathBuf,
    model: String,
    revision: String,
    image_size: Option<usize>,
    device: Backend,
    shard: usize,
}

/// Embeddings and where they came from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Embedded {
    /// `items x dimension`, in the order of the items.
    pub matrix: Matrix,
    /// How many items were found in the cache.
    pub reused: usize,
    /// Shards that were found and could not be used; they were computed again.
    pub rejected: Vec<RejectedShard>,
}

/// A damaged cache file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectedShard {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl EmbeddingCache {
    /// A cache in `folder`, for one revision of one model, such as
    /// `sentence-transformers/all-MiniLM-L6-v2`. Nothing is read or written yet.
    pub fn new(
        folder: impl Into<PathBuf>,
        model: impl Into<String>,
        revision: impl Into<String>,
    ) -> Self {
        Self {
            folder: folder.into(),
            model: model.into(),
            revision: revision.into(),
            image_size: None,
            device: Backend::Cpu,
            shard: SHARD_ITEMS,
        }
    }

    /// Items per shard instead of 2048. Another number finds other shards.
    ///
    /// # Errors
    /// [`EmbedError::CacheSetting`] for 0.
    pub fn with_shard_texts(mut self, texts: usize) -> Result<Self, EmbedError> {
        if texts == 0 {
            return Err(EmbedError::CacheSetting {
                field: "texts per shard",
                found: texts,
                expected: "at least 1 is needed",
            });
        }
        self.shard = texts;
        Ok(self)
    }

    /// For images that the encoder is given at this edge, in pixels, in place of the published one: what
    /// [`VisionEncoder::load`](crate::VisionEncoder::load) was told. Their embeddings are others.
    #[must_use]
    pub fn with_image_size(mut self, edge: Option<usize>) -> Self {
        self.image_size = edge;
        self
    }

    /// For an encoder on this device, the processor by default. What is computed on another differs in its last digits
    /// and is kept apart.
    #[must_use]
    pub fn with_device(mut self, device: Backend) -> Self {
        self.device = device;
        self
    }

    /// The embeddings of `texts`, from the cache where it has them and from `encoder` otherwise.
    ///
    /// # Errors
    /// What the encoder returns, its rows counted in `texts`; [`EmbedError::CacheWrite`].
    pub fn embed(
        &self,
        encoder: &dyn TextEncoder,
        texts: &[&str],
        progress: Progress<'_>,
    ) -> Result<Embedded, EmbedError> {
        let path =
            |rows: Range<usize>| self.path(None, texts[rows].iter().map(|text| text.as_bytes()));
        let encode =
            |rows: Range<usize>, progress: Progress<'_>| encoder.encode(&texts[rows], progress);
        self.shards(texts.len(), encoder.dimension(), path, encode, progress)
    }

    /// The same for images, which are known by their digests and the size at which the encoder is given them.
    ///
    /// # Errors
    /// What the encoder returns, its rows counted in `pictures`; [`EmbedError::CacheWrite`].
    pub fn embed_images(
        &self,
        encoder: &dyn ImageEncoder,
        pictures: &dyn Pictures,
        progress: Progress<'_>,
    ) -> Result<Embedded, EmbedError> {
        let size = self.image_size.map(|edge| format!("{edge}px"));
        let path = |rows: Range<usize>| {
            let digests: Vec<String> = rows.map(|row| pictures.digest(row).to_string()).collect();
            self.path(size.as_deref(), digests.iter().map(String::as_bytes))
        };
        let encode = |rows: Range<usize>, progress: Progress<'_>| {
            let window = Window { of: pictures, start: rows.start, count: rows.len() };
            encoder.encode(&window, progress)
        };
        self.shards(pictures.count(), encoder.dimension(), path, encode, progress)
    }

    fn shards(
        &self,
        count: usize,
        dimension: usize,
        path: impl Fn(Range<usize>) -> PathBuf,
        encode: impl Fn(Range<usize>, Progress<'_>) -> Result<Matrix, EmbedError>,
        progress: Progress<'_>,
    ) -> Result<Embedded, EmbedError> {
        let mut values = Vec::with_capacity(count * dimension);
        let (mut reused, mut rejected) = (0, Vec::new());
        for start in (0..count).step_by(self.shard) {
            let shard = start..(start + self.shard).min(count);
            let path = path(shard.clone());
            match read_shard(&path, shard.len(), dimension) {
                Found::Values(found) => {
                    values.extend(found);
                    reused += shard.len();
                }
                found => {
                    if let Found::Damaged(reason) = found {
                        rejected.push(RejectedShard { path: path.clone(), reason });
                    }
                    let mut shifted = |done, _| progress(start + done, count);
                    let matrix =
                        encode(shard.clone(), &mut shifted).map_err(|error| error.behind(start))?;
                    write_shard(&path, &matrix, self)?;
                    values.extend(matrix.into_values());
                }
            }
            progress(shard.end, count);
        }
        let matrix = Matrix::new(values, count, dimension)
            .map_err(|source| EmbedError::NotFinite { source })?;
        Ok(Embedded { matrix, reused, rejected })
    }

    fn path<'a>(&'a self, size: Option<&'a str>, items: impl Iterator<Item = &'a [u8]>) -> PathBuf {
        let device = (self.device != Backend::Cpu).then(|| self.device.name());
        let key = [FORMAT, &self.model, &self.revision].into_iter().chain(size).chain(device);
        let key = key.map(str::as_bytes);
        let digest = Digest::of_parts(key.chain(items));
        let file = format!("{digest}.safetensors");
        self.folder.join(format!("models--{}", folder_name(&self.model))).join(file)
    }
}

/// A model id as a folder name: the hub's own way for `/`, and nothing that leaves the folder.
fn folder_name(model: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    model.replace('/', "--").replace(|c| !plain(c), "_")
}

enum Found {
    Nothing,
    Values(Vec<f32>),
    Damaged(String),
}

fn read_shard(path: &Path, texts: usize, dimension: usize) -> Found {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return Found::Damaged(format!("it cannot be read: {error}")),
    };
    match parse_shard(&bytes, texts, dimension) {
        Ok(values) => Found::Values(values),
        Err(reason) => Found::Damaged(reason),
    }
}

fn parse_shard(bytes: &[u8], texts: usize, dimension: usize) -> Result<Vec<f32>, String> {
    let not_whole = |error| format!("it is not a whole safetensors file: {error}");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_whole)?;
    let file = SafeTensors::deserialize(bytes).map_err(not_whole)?;
    let view = file.tensor(TENSOR).map_err(|_| format!("it has no tensor `{TENSOR}`"))?;
    if view.dtype() != Dtype::F32 || view.shape() != [texts, dimension] {
        let found = (view.dtype(), view.shape());
        return Err(format!("it holds {found:?}, {texts} x {dimension} F32 was expected"));
    }
    let written = header.metadata().as_ref().and_then(|fields| fields.get("sha256"));
    if written != Some(&Digest::of(view.data()).to_string()) {
        return Err("its values are not those that were written: the hashes differ".to_owned());
    }
    Ok(numbers(view.data(), f32::from_le_bytes))
}

fn write_shard(path: &Path, matrix: &Matrix, cache: &EmbeddingCache) -> Result<(), EmbedError> {
    let failed = |source| EmbedError::CacheWrite { path: path.to_owned(), source };
    let bytes = bytes_of(matrix.view().values());
    let fields = HashMap::from([
        ("model".to_owned(), cache.model.clone()),
        ("revision".to_owned(), cache.revision.clone()),
        ("sha256".to_owned(), Digest::of(&bytes).to_string()),
    ]);
    let shape = vec![matrix.rows(), matrix.columns()];
    let file = TensorView::new(Dtype::F32, shape, &bytes)
        .and_then(|view| safetensors::serialize([(TENSOR, view)], Some(fields)))
        .map_err(|error| failed(std::io::Error::other(error)))?;
    write_atomically(path, |out| out.write_all(&file)).map_err(failed)
}

#[cfg(test)]
mod tests;
