use std::path::{Path, PathBuf};

use super::{Hub, RepoId, cache};
use crate::{Error, ErrorKind};

/// What every text encoder needs.
const REQUIRED: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];
/// What sentence-transformers models add: pooling, normalisation and maximum length.
const OPTIONAL: [&str; 3] = ["modules.json", "1_Pooling/config.json", "sentence_bert_config.json"];

/// A model's files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelFiles {
    /// The snapshot folder.
    pub folder: PathBuf,
    /// The revision: a commit, except in hand-made caches; `local` for a folder of one's own.
    pub revision: String,
}

impl Hub {
    /// The files of the text encoder `owner/name`, at the head of its main branch.
    ///
    /// A file that a plain BERT model lacks (pooling and length) may be absent; that the hub lacks it is
    /// remembered in the cache, as hub clients do.
    ///
    /// # Errors
    /// As [`Hub::file`]; for an id of another form.
    pub fn model(&self, id: &str) -> Result<ModelFiles, Error> {
        self.model_files(id, &REQUIRED, &OPTIONAL)
    }

    /// These files of the model `owner/name`, at the head of its main branch; an optional one may be absent.
    ///
    /// A folder that exists is taken as the model, before the hub, as transformers does.
    ///
    /// # Errors
    /// As [`Hub::file`]; for an id of another form; a folder without a required file.
    pub fn model_files(
        &self,
        id: &str,
        required: &[&str],
        optional: &[&str],
    ) -> Result<ModelFiles, Error> {
        if Path::new(id).is_dir() {
            return local(Path::new(id), required);
        }
        let repo = RepoId::model(id)?;
        for file in required {
            self.file(&repo, "main", file)?;
        }
        for file in optional {
            self.optional_file(&repo, "main", file)?;
        }
        let revision = self.revision(&repo, "main");
        Ok(ModelFiles { folder: cache::snapshot(&self.cache, &repo, "main"), revision })
    }

    fn optional_file(&self, repo: &RepoId, revision: &str, file: &str) -> Result<(), Error> {
        let settled = self.cached(repo, revision, file).is_some()
            || cache::known_absent(&self.cache, repo, revision, file);
        if settled {
            return Ok(());
        }
        match self.fetch(repo, revision, file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

/// The files of a model in a folder of one's own.
fn local(folder: &Path, required: &[&str]) -> Result<ModelFiles, Error> {
    if let Some(file) = required.iter().find(|file| !folder.join(file).is_file()) {
        let remedy = "give the folder that a model was saved to, or owner/name of one on the hub";
        let message = format!("the folder has no `{file}`: {remedy}");
        return Err(Error::new(ErrorKind::NotFound, message).in_file(folder));
    }
    Ok(ModelFiles { folder: folder.to_owned(), revision: "local".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_ones_own_is_a_model() {
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::new("/nowhere").with_offline(true);
        let id = folder.path().to_str().unwrap();
        let error = hub.model_files(id, &["config.json"], &[]).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::NotFound, Some(folder.path())));
        std::fs::write(folder.path().join("config.json"), "{}").unwrap();
        let files = hub.model_files(id, &["config.json"], &["modules.json"]).unwrap();
        assert_eq!((files.folder.as_path(), &*files.revision), (folder.path(), "local"));
    }
}
