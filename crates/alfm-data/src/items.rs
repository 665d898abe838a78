use crate::{Error, Image};

/// What the items are.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Items {
    /// Texts.
    Texts(Vec<String>),
    /// Images, still encoded.
    Images(Vec<Image>),
}

impl Items {
    /// The error of those who need items of another kind.
    pub(crate) fn not(&self, expected: &str) -> Error {
        let found = self.kind();
        let remedy = "choose a data set, or an encoder, of the other kind";
        Error::input(format!("the items are {found}, not {expected}: {remedy}"))
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Images(images) => images.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they are, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Texts(_) => "texts",
            Self::Images(_) => "images",
        }
    }

    /// Some of them, in the order asked for.
    pub(crate) fn gather(&self, rows: &[usize]) -> Self {
        match self {
            Self::Texts(texts) => Self::Texts(rows.iter().map(|&row| texts[row].clone()).collect()),
            Self::Images(images) => {
                Self::Images(rows.iter().map(|&row| images[row].clone()).collect())
            }
        }
    }

    /// What a digest of them counts: a text, or the digest of an image.
    pub(crate) fn contents(&self) -> Box<dyn Iterator<Item = String> + '_> {
        match self {
            Self::Texts(texts) => Box::new(texts.iter().cloned()),
            Self::Images(images) => Box::new(images.iter().map(|image| image.digest().to_string())),
        }
    }
}
