use std::collections::BTreeMap;
use std::path::Path;

use burn::prelude::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{ElementConversion, Tensor, TensorData, TensorMetadata, TensorPrimitive};
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::Error;
use crate::layers::{Cpu, LayerNorm, Linear};

/// The tensors of a checkpoint, each taken once: what is left in the end has no place in the model.
pub(crate) struct Weights<'a, B: Backend = Cpu> {
    path: &'a Path,
    tensors: BTreeMap<String, Entry<'a, B>>,
}

/// Where a tensor is.
enum Entry<'a, B: Backend> {
    /// In a file, as its bytes.
    Stored(TensorView<'a>),
    /// On the backend, perhaps with a gradient to come.
    #[cfg_attr(not(feature = "trunk"), expect(dead_code, reason = "only training holds tensors"))]
    Held(FloatTensor<B>),
}

impl<B: Backend> Entry<'_, B> {
    fn shape(&self) -> Vec<usize> {
        match self {
            Self::Stored(view) => view.shape().to_vec(),
            Self::Held(tensor) => tensor.shape().to_vec(),
        }
    }
}

impl<'a, B: Backend> Weights<'a, B> {
    /// Reads the table of contents. Names lose `prefix`; a checkpoint that has it anywhere keeps its
    /// task heads outside of it, and those are dropped, but for the one whose names begin with `head`.
    ///
    /// # Errors
    /// For a file that is not safetensors, or was cut off.
    pub(crate) fn open(
        path: &'a Path,
        bytes: &'a [u8],
        prefix: &str,
        head: Option<&str>,
    ) -> Result<Self, Error> {
        let file = SafeTensors::deserialize(bytes).map_err(|source| {
            let message = "it is not a whole safetensors file: fetch it again";
            Error::input(message).in_file(path).because(source)
        })?;
        let all = file.tensors();
        let prefixed = all.iter().any(|(name, _)| name.starts_with(prefix));
        let tensors = all
            .into_iter()
            .filter_map(|(name, view)| {
                let kept = !prefixed || head.is_some_and(|head| name.starts_with(head));
                let name = if kept { name } else { name.strip_prefix(prefix)?.to_owned() };
                Some((modern(&name), Entry::Stored(view)))
            })
            .filter(|(name, _)| !unused(name))
            .collect();
        Ok(Self { path, tensors })
    }

    /// Tensors that are there already, by the names that [`Weights::open`] gives them.
    #[cfg(feature = "trunk")]
    pub(crate) fn held(
        path: &'a Path,
        tensors: impl IntoIterator<Item = (String, FloatTensor<B>)>,
    ) -> Self {
        let tensors = tensors.into_iter().map(|(name, tensor)| (name, Entry::Held(tensor)));
        Self { path, tensors: tensors.collect() }
    }

    /// Name, shape and values of every tensor of floats in the file.
    #[cfg(feature = "trunk")]
    pub(crate) fn stored(&self) -> impl Iterator<Item = (&str, Vec<usize>, Vec<f32>)> {
        self.tensors.iter().filter_map(|(name, entry)| match entry {
            Entry::Stored(view) => Some((name.as_str(), entry.shape(), floats(view)?)),
            Entry::Held(_) => None,
        })
    }

    /// Takes the tensor `name`, which must have this shape.
    pub(crate) fn take<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
    ) -> Result<Tensor<B, D>, Error> {
        Ok(match self.entry(name, &shape)? {
            Entry::Stored(view) => {
                let values = self.values(name, &view)?;
                Tensor::from_data(TensorData::new(values, shape), &Default::default())
            }
            Entry::Held(tensor) => Tensor::from_primitive(TensorPrimitive::Float(tensor)),
        })
    }

    /// Takes the tensor `name`, which must have this shape, in parts of `rows` rows, the last perhaps of fewer. What
    /// is held already is one part.
    pub(crate) fn take_in_parts(
        &mut self,
        name: &str,
        shape: [usize; 2],
        rows: usize,
    ) -> Result<Vec<Tensor<B, 2>>, Error> {
        if shape[0] <= rows {
            return Ok(vec![self.take(name, shape)?]);
        }
        let view = match self.entry(name, &shape)? {
            Entry::Stored(view) => view,
            Entry::Held(tensor) => {
                return Ok(vec![Tensor::from_primitive(TensorPrimitive::Float(tensor))]);
            }
        };
        let values = self.values(name, &view)?;
        let parts = values.chunks(rows * shape[1]).map(|part| {
            let data = TensorData::new(part.to_vec(), [part.len() / shape[1], shape[1]]);
            Tensor::from_data(data, &Default::default())
        });
        Ok(parts.collect())
    }

    /// The tensor `name`, which must have this shape, wherever it is.
    fn entry(&mut self, name: &str, shape: &[usize]) -> Result<Entry<'a, B>, Error> {
        let Some(entry) = self.tensors.remove(name) else {
            return Err(self.refuse(format!(
                "it has no tensor `{name}`: its config.json describes another model"
            )));
        };
        if entry.shape() != shape {
            let found = entry.shape();
            return Err(self.refuse(format!(
                "tensor `{name}` has shape {found:?}, config.json says {shape:?}"
            )));
        }
        Ok(entry)
    }

    fn values(&self, name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, Error> {
        floats(view).ok_or_else(|| {
            let found = view.dtype();
            self.refuse(format!("tensor `{name}` is {found:?}, expected F32, F16, BF16 or F64"))
        })
    }

    fn refuse(&self, message: String) -> Error {
        Error::input(message).in_file(self.path)
    }

    /// Takes the tensor `name`, which must have this shape but for leading axes of length 1.
    pub(crate) fn take_flat<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
    ) -> Result<Tensor<B, D>, Error> {
        let plain = |shape: &[usize]| -> Vec<usize> {
            shape.iter().copied().skip_while(|length| *length == 1).collect()
        };
        match self.tensors.get_mut(name) {
            Some(entry) if plain(&entry.shape()) != plain(&shape) => {}
            Some(Entry::Stored(view)) => {
                if let Ok(flat) = TensorView::new(view.dtype(), shape.to_vec(), view.data()) {
                    *view = flat;
                }
            }
            Some(Entry::Held(tensor)) => *tensor = B::float_reshape(tensor.clone(), shape.into()),
            None => {}
        }
        self.take(name, shape)
    }

    /// Takes a tensor of one number.
    pub(crate) fn number(&mut self, name: &str) -> Result<f32, Error> {
        Ok(self.take_flat(name, [1])?.into_scalar().elem())
    }

    /// Takes the linear map `name`, without a bias, `[input -> output]`.
    pub(crate) fn map(
        &mut self,
        name: &str,
        input: usize,
        output: usize,
    ) -> Result<Linear<B>, Error> {
        let weight = self.take(&format!("{name}.weight"), [output, input])?;
        Ok(Linear::new(weight.transpose(), None))
    }

    /// Leaves all tensors whose names begin with `prefix` out of the model.
    pub(crate) fn discard_all(&mut self, prefix: &str) {
        self.tensors.retain(|name, _| !name.starts_with(prefix));
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        self.path
    }

    /// Whether the tensor `name` is there and not taken yet.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Leaves the tensor `name`, if it is there, out of the model.
    pub(crate) fn discard(&mut self, name: &str) {
        self.tensors.remove(name);
    }

    /// Takes the linear maps `names`, all `[input -> output]`, as one map side by side.
    pub(crate) fn linear(
        &mut self,
        names: &[&str],
        input: usize,
        output: usize,
    ) -> Result<Linear<B>, Error> {
        let mut weights = Vec::with_capacity(names.len());
        let mut biases = Vec::with_capacity(names.len());
        for name in names {
            // Checkpoints hold `[output, input]`.
            weights.push(self.take(&format!("{name}.weight"), [output, input])?.transpose());
            biases.push(self.take(&format!("{name}.bias"), [output])?);
        }
        Ok(Linear::new(Tensor::cat(weights, 1), Some(Tensor::cat(biases, 0))))
    }

    /// Takes the layer normalisation `name`.
    pub(crate) fn norm(
        &mut self,
        name: &str,
        width: usize,
        epsilon: f64,
    ) -> Result<LayerNorm<B>, Error> {
        let scale = self.take(&format!("{name}.weight"), [width])?;
        let shift = self.take(&format!("{name}.bias"), [width])?;
        Ok(LayerNorm::new(scale, shift, epsilon))
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// For tensors that the configured model does not have.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.tensors.first_key_value() {
            None => Ok(()),
            Some((tensor, _)) => Err(self.refuse(format!(
                "it has {} tensor(s) that its config.json has no place for, the first is `{tensor}`",
                self.tensors.len()
            ))),
        }
    }
}

/// Checkpoints that were converted from TensorFlow name the parts of a layer norm differently. Scales that are called
/// `gamma` keep their name.
fn modern(name: &str) -> String {
    name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
}

/// Tensors of the encoder that embeddings do not depend on: index buffers that old checkpoints
/// store, and the pooler, which only next-sentence prediction uses.
fn unused(name: &str) -> bool {
    name.starts_with("pooler.")
        || name.ends_with("position_ids")
        || name.ends_with("token_type_ids")
}

/// As [`numbers`] reads them.
pub(crate) fn bytes_of(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = view.data();
    Some(match view.dtype() {
        Dtype::F32 => numbers(bytes, f32::from_le_bytes),
        Dtype::F64 => numbers(bytes, |b| f64::from_le_bytes(b) as f32),
        Dtype::F16 => numbers(bytes, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => numbers(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        _ => return None,
    })
}

/// Little-endian numbers of `N` bytes each.
pub(crate) fn numbers<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
}
