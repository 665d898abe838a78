use std::error::Error;

use alfm_core::Digest;
use image::RgbImage;

use crate::Pictures;

/// What an encoder is given.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Items<'a> {
    /// Texts.
    Texts(&'a [&'a str]),
    /// Images, decoded when they are needed.
    Pictures(&'a dyn Pictures),
}

/// Items as an encoder reads them, see [`Trunk::prepare`](crate::Trunk::prepare).
pub struct Prepared<'a>(pub(super) Content<'a>);

pub(super) enum Content<'a> {
    /// Tokens of each text.
    Tokens(Vec<Vec<u32>>),
    Pictures(&'a dyn Pictures),
}

impl Prepared<'_> {
    /// How many there are.
    pub fn count(&self) -> usize {
        match &self.0 {
            Content::Tokens(tokens) => tokens.len(),
            Content::Pictures(pictures) => pictures.count(),
        }
    }

    /// A hash of the items: of their tokens, or of the images' own digests.
    pub fn digest(&self) -> Digest {
        match &self.0 {
            Content::Tokens(tokens) => Digest::of_parts(tokens.iter().map(|text| {
                text.iter().flat_map(|token| token.to_le_bytes()).collect::<Vec<u8>>()
            })),
            Content::Pictures(pictures) => {
                let digests = (0..pictures.count()).map(|row| pictures.digest(row).to_string());
                Digest::of_parts(digests)
            }
        }
    }
}

/// Some of the images, in this order.
pub(super) struct Chosen<'a> {
    pub(super) of: &'a dyn Pictures,
    pub(super) rows: &'a [usize],
}

impl Pictures for Chosen<'_> {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn decode(&self, row: usize) -> Result<RgbImage, Box<dyn Error + Send + Sync>> {
        self.of.decode(self.rows[row])
    }

    fn digest(&self, row: usize) -> Digest {
        self.of.digest(self.rows[row])
    }
}
