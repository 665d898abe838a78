use std::fmt;

use crate::Error;

/// What a repository holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RepoKind {
    /// A dataset.
    Dataset,
    /// A model.
    Model,
}

/// A repository of the hub.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepoId {
    kind: RepoKind,
    /// Empty for the oldest models, which have none.
    owner: String,
    name: String,
}

impl RepoId {
    /// The dataset `owner/name`.
    ///
    /// # Errors
    /// For text of another form.
    pub fn dataset(id: &str) -> Result<Self, Error> {
        Self::new(RepoKind::Dataset, id)
    }

    /// The model `owner/name`, or `name` alone as the oldest ones are called (`bert-base-uncased`).
    ///
    /// # Errors
    /// For text of another form.
    pub fn model(id: &str) -> Result<Self, Error> {
        Self::new(RepoKind::Model, id)
    }

    fn new(kind: RepoKind, id: &str) -> Result<Self, Error> {
        // A name becomes part of a path, so that `..` and separators must not get through.
        let valid = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        match id.split_once('/') {
            Some((owner, name)) if valid(owner) && valid(name) => {
                Ok(Self { kind, owner: owner.to_owned(), name: name.to_owned() })
            }
            None if kind == RepoKind::Model && valid(id) => {
                Ok(Self { kind, owner: String::new(), name: id.to_owned() })
            }
            _ => Err(Error::input(format!("`{id}` is not a repository: write it as owner/name"))),
        }
    }

    /// What it holds.
    pub fn kind(&self) -> RepoKind {
        self.kind
    }

    /// The part before the slash; empty without one.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The part after the slash.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder within a hub cache.
    pub fn folder(&self) -> String {
        let kind = match self.kind {
            RepoKind::Dataset => "datasets",
            RepoKind::Model => "models",
        };
        format!("{kind}--{}", self.path().replace('/', "--"))
    }

    /// What it is called on the hub.
    fn path(&self) -> String {
        let Self { owner, name, .. } = self;
        if owner.is_empty() { name.clone() } else { format!("{owner}/{name}") }
    }

    /// The command that would fetch a file of it.
    pub(super) fn command(&self, file: &str) -> String {
        match self.kind {
            RepoKind::Dataset => match crate::catalog::name_of(self, file) {
                Some(name) => format!("`alfm data get {name}`"),
                None => format!("`hf download --repo-type dataset {}`", self.path()),
            },
            RepoKind::Model => format!("`alfm embed --model {}`", self.path()),
        }
    }
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RepoKind::Dataset => "dataset",
            RepoKind::Model => "model",
        };
        write!(f, "{kind} {}", self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_those_of_the_hub() {
        assert_eq!(RepoId::dataset("CogComp/trec").unwrap().folder(), "datasets--CogComp--trec");
        assert_eq!(RepoId::model("a/b-c.d").unwrap().folder(), "models--a--b-c.d");
        let old = RepoId::model("bert-base-uncased").unwrap();
        assert_eq!(old.folder(), "models--bert-base-uncased");
        assert_eq!(old.to_string(), "model bert-base-uncased");
    }

    #[test]
    fn a_name_cannot_leave_the_cache() {
        for text in ["trec", "a/b/c", "../b", "a/..", "a/", "/b", "a\\b/c", ""] {
            let error = RepoId::dataset(text).unwrap_err().to_string();
            assert_eq!(error, format!("`{text}` is not a repository: write it as owner/name"));
        }
        for text in ["..", "", ".hidden", "a\\b"] {
            RepoId::model(text).unwrap_err();
        }
    }
}
