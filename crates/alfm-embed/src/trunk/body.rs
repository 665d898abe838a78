use std::path::Path;

use alfm_core::Matrix;
use alfm_kernels::device::Backend;
use burn::tensor::Tensor;
use serde_json::Value;

use super::items::{Chosen, Content};
use super::{Items, Prepared};
use crate::error::{read_json, unreadable};
use crate::image::network::{Description, Network, pictures};
use crate::layers::kernels::Kernels;
use crate::layers::table::select;
use crate::text::batch::plan;
use crate::text::config::{Family, ModelConfig};
use crate::text::network::PlacedTexts;
use crate::text::pooling::Head;
use crate::text::sentence::Sentence;
use crate::text::tokens::Tokens;
use crate::text::transformer::Transformer;
use crate::weights::Weights;
use crate::{Error, ImageEncoder, Pictures, Progress, VisionEncoder, model_files};

/// What an encoder is apart from its weights.
pub(super) enum Body {
    Text(Box<TextBody>),
    Image(Description),
}

pub(super) struct TextBody {
    tokens: Tokens,
    config: ModelConfig,
    head: Head,
}

impl Body {
    /// Reads all files of the folder but the weights.
    pub(super) fn read(folder: &Path, size: Option<usize>) -> Result<Self, Error> {
        let path = folder.join("config.json");
        // Refuses what neither texts nor images have.
        model_files(&path)?;
        let fields: Value = read_json(&path)?;
        if Family::by_name(fields["model_type"].as_str().unwrap_or_default()).is_none() {
            return Ok(Self::Image(Description::read(folder, size)?));
        }
        let config = ModelConfig::read(&path)?;
        let tokens =
            Tokens::read(folder, config.longest(), config.vocabulary)?.with_prompt_of(folder)?;
        let head = Head::read(folder)?;
        Ok(Self::Text(Box::new(TextBody { tokens, config, head })))
    }

    /// The encoder's tensors in this file.
    pub(super) fn open<'a>(&self, file: &'a Path, bytes: &'a [u8]) -> Result<Weights<'a>, Error> {
        match self {
            Self::Text(text) => Weights::open(file, bytes, text.config.family.prefix(), None),
            Self::Image(description) => description.open(file, bytes),
        }
    }

    /// Takes all tensors; length of an embedding.
    pub(super) fn dimension(&self, weights: &mut Weights<'_>) -> Result<usize, Error> {
        match self {
            Self::Text(text) => {
                Transformer::load(weights, &text.config)?;
                Ok(text.config.width)
            }
            Self::Image(description) => Ok(description.network(weights)?.dimension()),
        }
    }

    pub(super) fn prepare<'a>(
        &self,
        items: Items<'a>,
        folder: &Path,
    ) -> Result<Prepared<'a>, Error> {
        let refuse = |takes: &str, given: &str| {
            let message = format!("the encoder takes {takes}, but was given {given}");
            Err(Error::input(format!("{message}: load a model of {given}")).in_file(folder))
        };
        match (self, items) {
            (Self::Text(text), Items::Texts(texts)) => {
                Ok(Prepared(Content::Tokens(text.tokens.encode(texts)?)))
            }
            (Self::Image(_), Items::Pictures(pictures)) => {
                Ok(Prepared(Content::Pictures(pictures)))
            }
            (Self::Text(_), Items::Pictures(_)) => refuse("texts", "images"),
            (Self::Image(_), Items::Texts(_)) => refuse("images", "texts"),
        }
    }

    /// Features of the items at `rows`, `[rows, dimension]`.
    pub(super) fn forward<B: Kernels>(
        &self,
        mut weights: Weights<'_, B>,
        items: &Prepared<'_>,
        rows: &[usize],
    ) -> Result<Tensor<B, 2>, Error> {
        match (self, &items.0) {
            (Self::Text(text), Content::Tokens(tokens)) => {
                let transformer = Transformer::load(&mut weights, &text.config)?;
                Ok(text.features(&transformer, &chosen(tokens, rows)))
            }
            (Self::Image(description), Content::Pictures(pictures)) => {
                let network = description.network(&mut weights)?;
                pictures_forward(description, &network, *pictures, rows)
            }
            _ => panic!("{MIXED}"),
        }
    }

    /// Embeddings of the items at `rows`, as the ordinary encoder makes them.
    pub(super) fn encode(
        &self,
        mut weights: Weights<'_>,
        items: &Prepared<'_>,
        rows: &[usize],
        progress: Progress<'_>,
    ) -> Result<Matrix, Error> {
        match (self, &items.0) {
            (Self::Text(text), Content::Tokens(tokens)) => {
                let transformer = Transformer::load(&mut weights, &text.config)?;
                let tokens = chosen(tokens, rows);
                let network = Sentence { transformer, head: text.head };
                PlacedTexts::new(network, Backend::Cpu).encode(&tokens, progress)
            }
            (Self::Image(description), Content::Pictures(pictures)) => {
                let network = description.network(&mut weights)?;
                let encoder = VisionEncoder::new(network, description.preprocessing.clone());
                let embeddings = encoder.encode(&Chosen { of: *pictures, rows }, progress);
                embeddings.map_err(|error| error.renumbered(|place| rows[place]))
            }
            _ => panic!("{MIXED}"),
        }
    }
}

/// A mistake of the caller, not of a user: items know no model.
const MIXED: &str = "these items were prepared for an encoder of another kind";

impl TextBody {
    /// All texts in one batch: `[texts, width]`, in their order.
    fn features<B: Kernels>(
        &self,
        transformer: &Transformer<B>,
        tokens: &[Vec<u32>],
    ) -> Tensor<B, 2> {
        let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
        let batches = plan(&lengths, usize::MAX);
        let [batch] = &batches[..] else { panic!("a batch without a text") };
        let features = self.head.features(&transformer.forward(batch, tokens), batch);
        let mut places = vec![0; batch.rows.len()];
        for (place, &row) in (0..).zip(&batch.rows) {
            places[row] = place;
        }
        select(&features, places)
    }
}

/// Neighbours of one size go through the network together.
fn pictures_forward<B: Kernels>(
    description: &Description,
    network: &Network<B>,
    images: &dyn Pictures,
    rows: &[usize],
) -> Result<Tensor<B, 2>, Error> {
    let mut prepared = Vec::with_capacity(rows.len());
    for &row in rows {
        let picture = images.decode(row).map_err(|source| unreadable(row, source))?;
        let mut values = Vec::new();
        let size = description.preprocessing.append(row, &picture, &mut values)?;
        network.check(row, size)?;
        prepared.push((size, values));
    }
    let alike = prepared.chunk_by(|(left, _), (right, _)| left == right);
    let features = alike.map(|alike| {
        let values = alike.iter().flat_map(|(_, values)| values).copied().collect();
        network.forward(pictures(values, alike[0].0))
    });
    Ok(Tensor::cat(features.collect(), 0))
}

fn chosen(tokens: &[Vec<u32>], rows: &[usize]) -> Vec<Vec<u32>> {
    rows.iter().map(|&row| tokens[row].clone()).collect()
}
