//! Models that a test may damage.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use alfm_embed::{BertEncoder, Error};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::golden;

/// A copy of a golden model that a test may damage.
pub(crate) struct Model {
    folder: tempfile::TempDir,
}

impl Model {
    pub(crate) fn bert() -> Self {
        let optional = ["modules.json", "sentence_bert_config.json", "1_Pooling/config.json"];
        Self::copy("bert", &optional)
    }

    pub(crate) fn masked(family: &str) -> Self {
        Self::copy(&format!("masked/{family}"), &[])
    }

    fn copy(name: &str, optional: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("1_Pooling")).unwrap();
        let required = ["config.json", "model.safetensors", "tokenizer.json"];
        for file in required.iter().chain(optional) {
            std::fs::copy(golden(name).join(file), folder.path().join(file)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn load(&self) -> Result<BertEncoder, Error> {
        BertEncoder::load(self.folder.path())
    }

    pub(crate) fn refusal(&self) -> String {
        self.load().err().expect("a damaged model is refused").to_string()
    }

    pub(crate) fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) -> &Self {
        let mut value = serde_json::from_slice(&std::fs::read(self.path(file)).unwrap()).unwrap();
        change(&mut value);
        std::fs::write(self.path(file), value.to_string()).unwrap();
        self
    }

    pub(crate) fn set(&self, field: &str, value: Value) -> &Self {
        self.edit("config.json", |config| config[field] = value)
    }

    /// Rewrites the weights through a table of name, type, shape and bytes.
    pub(crate) fn reweigh(&self, change: impl FnOnce(&mut HashMap<String, Stored>)) -> &Self {
        let bytes = std::fs::read(self.path("model.safetensors")).unwrap();
        let mut table = tensors(&bytes);
        change(&mut table);
        let views = table.iter().map(|(name, (dtype, shape, data))| {
            (name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
        let file = safetensors::serialize(views, None).unwrap();
        std::fs::write(self.path("model.safetensors"), file).unwrap();
        self
    }
}

/// Type, shape and bytes of a tensor.
pub(crate) type Stored = (Dtype, Vec<usize>, Vec<u8>);

fn tensors(bytes: &[u8]) -> HashMap<String, Stored> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let stored = |view: TensorView<'_>| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
    file.tensors().into_iter().map(|(name, view)| (name, stored(view))).collect()
}
