//! Encoders whose weights can be trained.
//!
//! The parameters are the tensors of the published file, under their names there, and not those of the layers: each
//! step makes the layers of them anew, by the code that loads an encoder, so that whatever is folded or joined on
//! loading passes its gradient on to what the file holds. So inference has no part in this, every architecture can
//! be trained, and what was trained is saved as it was published.

mod body;
mod items;
mod parameter;

use std::path::{Path, PathBuf};

use alfm_core::Matrix;
use alfm_core::files::write_atomically;
use burn::prelude::Backend;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::ops::{FloatTensor, FloatTensorOps};
use burn::tensor::{Tensor, TensorData, TensorPrimitive};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::read;
use crate::files::WEIGHTS;
use crate::layers::{Cpu, Train, floats};
use crate::weights::Weights;
use crate::{EmbedError, Progress, model_files};
use body::Body;
pub use items::{Items, Prepared};
pub use parameter::Parameter;

/// Gradient of each parameter, in their order; `None` for one that the result does not depend on, or that is not
/// trained.
pub type Gradients = Vec<Option<Vec<f32>>>;

/// An encoder of texts or images whose weights can be changed: all architectures of [`BertEncoder`] and
/// [`VisionEncoder`].
///
/// Its features are the embeddings of those encoders, unit length included where a model has that. Batch
/// normalisation keeps its published mean and variance, as is usual with small batches; its gain and shift are
/// trained. There is no dropout.
///
/// [`BertEncoder`]: crate::BertEncoder
/// [`VisionEncoder`]: crate::VisionEncoder
///
/// ```no_run
/// use alfm_embed::{Items, Trunk};
/// let mut trunk = Trunk::load("snapshots/c9745ed1".as_ref(), None)?;
/// let items = trunk.prepare(Items::Texts(&["Where is my parcel?", "Thanks!"]))?;
/// // One step that makes the first feature of the first text larger.
/// let pass = trunk.forward(&items, &[0])?;
/// let mut upstream = vec![0.0; pass.features().len()];
/// upstream[0] = 1.0;
/// for (parameter, gradient) in trunk.parameters_mut().iter_mut().zip(pass.backward(upstream)) {
///     for (value, slope) in parameter.values.iter_mut().zip(gradient.unwrap_or_default()) {
///         *value += 1e-3 * slope;
///     }
/// }
/// # Ok::<(), alfm_embed::EmbedError>(())
/// ```
pub struct Trunk {
    folder: PathBuf,
    body: Body,
    parameters: Vec<Parameter>,
    dimension: usize,
}

impl Trunk {
    /// Loads a model from its folder as the hub lays it out; with `size`, for square images of that edge.
    ///
    /// # Errors
    /// As [`BertEncoder::load`](crate::BertEncoder::load) and [`VisionEncoder::load`](crate::VisionEncoder::load).
    pub fn load(folder: &Path, size: Option<usize>) -> Result<Self, EmbedError> {
        let body = Body::read(folder, size)?;
        let (parameters, dimension) = parameters(&body, folder)?;
        Ok(Self { folder: folder.to_owned(), body, parameters, dimension })
    }

    /// The tensors of another folder of this model, such as [`Trunk::save`] writes.
    ///
    /// # Errors
    /// [`EmbedError`], naming the tensor that does not fit.
    pub fn saved(&self, folder: &Path) -> Result<Vec<Parameter>, EmbedError> {
        Ok(parameters(&self.body, folder)?.0)
    }

    /// Length of an embedding.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The tensors of the model, by name.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The same, to change their values.
    pub fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// Makes items ready for the encoder: texts become tokens, images stay as they are.
    ///
    /// # Errors
    /// [`EmbedError::Items`] where they are of the other kind; [`EmbedError`], naming the text at fault.
    pub fn prepare<'a>(&self, items: Items<'a>) -> Result<Prepared<'a>, EmbedError> {
        self.body.prepare(items, &self.folder)
    }

    /// Features of the items at these rows, kept ready for [`Pass::backward`].
    ///
    /// # Errors
    /// [`EmbedError`], naming the image at fault.
    ///
    /// # Panics
    /// Where `rows` is empty, a row is not there, or the items were prepared for an encoder of the other kind.
    pub fn forward(&self, items: &Prepared<'_>, rows: &[usize]) -> Result<Pass, EmbedError> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(rayon::current_num_threads())
            .build()
            .map_err(|source| EmbedError::Threads { source })?;
        let leaves: Vec<_> = self.parameters.iter().map(leaf).collect();
        let weights = Weights::held(&self.folder, self.named::<Train>(&leaves));
        let features = threads.install(|| self.body.forward(weights, items, rows))?;
        Ok(Pass { features, leaves, threads })
    }

    /// Embeddings of the items at these rows, `rows x dimension`: bit for bit those of the ordinary encoder that is
    /// loaded from what [`Trunk::save`] writes.
    ///
    /// # Errors
    /// [`EmbedError`], naming the image at fault.
    pub fn encode(
        &self,
        items: &Prepared<'_>,
        rows: &[usize],
        progress: Progress<'_>,
    ) -> Result<Matrix, EmbedError> {
        let tensors: Vec<_> = self.parameters.iter().map(tensor::<Cpu>).collect();
        let weights = Weights::held(&self.folder, self.named::<Cpu>(&tensors));
        self.body.encode(weights, items, rows, progress)
    }

    /// Writes a folder that the ordinary encoder loads: the weights, whole or not at all, and copies of the files
    /// that stand beside them.
    ///
    /// # Errors
    /// [`EmbedError::Save`]; [`EmbedError::Read`] for a file to copy.
    pub fn save(&self, folder: &Path) -> Result<(), EmbedError> {
        let files = model_files(&self.folder.join("config.json"))?;
        let required = files.required.iter().filter(|name| **name != WEIGHTS);
        let optional = files.optional.iter().filter(|name| self.folder.join(name).exists());
        for name in required.chain(optional).chain(&["config.json"]) {
            write(&folder.join(name), &read(&self.folder.join(name))?)?;
        }
        write(&folder.join(WEIGHTS), &Parameter::file(&self.parameters))
    }

    fn named<'a, B: Backend>(
        &'a self,
        tensors: &'a [FloatTensor<B>],
    ) -> impl Iterator<Item = (String, FloatTensor<B>)> + use<'a, B> {
        let names = self.parameters.iter().map(|parameter| parameter.name.clone());
        names.zip(tensors.iter().cloned())
    }
}

/// Features of a batch, and what made them.
pub struct Pass {
    features: Tensor<Train, 2>,
    /// One a parameter, in their order.
    leaves: Vec<FloatTensor<Train>>,
    /// Its own: Burn holds a lock while it goes back through the graph, and a thread that waits for a part of a matrix
    /// product meanwhile must not take up other work that wants the lock, such as another fit.
    threads: ThreadPool,
}

impl Pass {
    /// One row an item, in the order of the rows that were asked for.
    pub fn features(&self) -> Vec<f32> {
        floats(self.features.clone().into_data())
    }

    /// From the gradient with respect to the features, as many numbers, to those with respect to the parameters.
    ///
    /// # Panics
    /// Where `upstream` has another length than the features.
    pub fn backward(self, upstream: Vec<f32>) -> Gradients {
        let shape = self.features.dims();
        let upstream = Tensor::from_data(TensorData::new(upstream, shape), &Default::default());
        let features = self.features;
        let gradients = self.threads.install(|| (features * upstream).sum().backward());
        let of = |leaf| {
            let gradient = Train::grad(leaf, &gradients)?;
            let length = burn::tensor::TensorMetadata::shape(&gradient).num_elements();
            let flat = Cpu::float_reshape(gradient, [length].into());
            Some(floats(Tensor::<Cpu, 1>::from_primitive(TensorPrimitive::Float(flat)).into_data()))
        };
        self.leaves.iter().map(of).collect()
    }
}

/// The tensors in a folder's weights, and the length of an embedding.
fn parameters(body: &Body, folder: &Path) -> Result<(Vec<Parameter>, usize), EmbedError> {
    let path = folder.join(WEIGHTS);
    let bytes = read(&path)?;
    let mut weights = body.open(&path, &bytes)?;
    let parameters = Parameter::all(&weights);
    // Every tensor is checked here, so that a training step meets no bad one.
    let dimension = body.dimension(&mut weights)?;
    weights.finish()?;
    Ok((parameters, dimension))
}

fn tensor<B: Backend>(parameter: &Parameter) -> FloatTensor<B> {
    let data = TensorData::new(parameter.values.clone(), parameter.shape.clone());
    B::float_from_data(data, &Default::default())
}

fn leaf(parameter: &Parameter) -> FloatTensor<Train> {
    Train::float_set_require_grad(tensor::<Train>(parameter), parameter.trained)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), EmbedError> {
    write_atomically(path, |out| out.write_all(bytes))
        .map_err(|source| EmbedError::Save { path: path.to_owned(), source })
}
