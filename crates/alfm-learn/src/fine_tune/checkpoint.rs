use std::collections::HashMap;
use std::path::{Path, PathBuf};

use alfm_core::files::write_atomically;
use alfm_core::{Digest, SeedTree};
use alfm_embed::Trunk;
use rand::Rng;
use safetensors::tensor::{TensorView, serialize};
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::ItemExamples;
use super::head::Head;
use super::state::{EpochLoss, State};
use crate::{Error, ErrorKind, FineTuneConfig};

/// A folder with the state behind the last epoch, `last.safetensors`, and the encoder of the best, `best`.
///
/// The encoder of a better epoch is written first. Killed between the two files, the fit goes on from the epoch
/// before, comes to the same encoder, and writes it again.
pub(super) struct Checkpoints {
    last: PathBuf,
    best: PathBuf,
    fit: String,
}

/// What the state is beside numbers.
#[derive(Serialize, Deserialize)]
struct Header {
    /// Digest of all that a fit depends on.
    fit: String,
    history: Vec<EpochLoss>,
}

/// Key of the header among the metadata of the file.
const HEADER: &str = "fine-tune";

impl Checkpoints {
    /// Of a fit from this encoder.
    pub(super) fn new(
        folder: &Path,
        config: &FineTuneConfig,
        trunk: &Trunk,
        examples: &ItemExamples<'_>,
        seed: &SeedTree,
    ) -> Self {
        Self {
            last: folder.join("last.safetensors"),
            best: folder.join("best"),
            fit: digest(config, trunk, examples, seed),
        }
    }

    /// Writes the state, and its encoder as the best one if it is.
    pub(super) fn save(&self, state: &State, best: bool) -> Result<(), Error> {
        if best {
            state.trunk.save(&self.best)?;
        }
        let arrays: Vec<(String, Vec<u8>)> =
            arrays(state).into_iter().map(|(name, values)| (name, bytes(values))).collect();
        let views = arrays.iter().map(|(name, bytes)| {
            let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes);
            (name, view.expect("four bytes a number"))
        });
        let header = Header { fit: self.fit.clone(), history: state.history.clone() };
        let header = serde_json::to_string(&header).expect("plain fields become JSON");
        let file = serialize(views, Some(HashMap::from([(HEADER.to_owned(), header)])))
            .expect("names and lengths become JSON");
        write_atomically(&self.last, |out| out.write_all(&file))
            .map_err(|source| self.inaccessible(source))
    }

    /// Brings a fresh state to where the fit was left; whether it was begun.
    pub(super) fn load(&self, state: &mut State) -> Result<bool, Error> {
        let file = match std::fs::read(&self.last) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(self.inaccessible(source)),
        };
        let broken = |reason| {
            let remedy = "delete its folder, or give another";
            Error::input(format!("the checkpoint cannot be used ({reason}): {remedy}"))
                .in_file(&self.last)
        };
        let header = header(&file).map_err(broken)?;
        if header.fit != self.fit {
            let message = "the checkpoint belongs to a fit with other examples, settings, seed or encoder: delete \
                           its folder, or give another";
            return Err(Error::input(message).in_file(&self.last));
        }
        let arrays = SafeTensors::deserialize(&file).map_err(|error| broken(error.to_string()))?;
        let array = |name: &str| match arrays.tensor(name) {
            Ok(view) => Ok(floats(view.data())),
            Err(_) => Err(broken(format!("{name} is missing"))),
        };
        state.history = header.history;
        for (at, name) in names(state).iter().enumerate() {
            *state.values_mut()[at] = array(&format!("value.{name}"))?;
            state.moments[at].first = array(&format!("first.{name}"))?;
            state.moments[at].second = array(&format!("second.{name}"))?;
        }
        if state.best_epoch().is_some() {
            let [weights, intercepts] = BEST.map(array);
            let values = state.trunk.saved(&self.best)?.into_iter().map(|p| p.values);
            let head = Head { weights: weights?, intercepts: intercepts? };
            state.best = Some((values.collect(), head));
        }
        Ok(true)
    }

    fn inaccessible(&self, source: std::io::Error) -> Error {
        let message = "the checkpoint cannot be read or written: check the folder's permissions and free space";
        Error::new(ErrorKind::System, message).in_file(&self.last).because(source)
    }
}

/// Names of the best epoch's head.
const BEST: [&str; 2] = ["best.weights", "best.intercepts"];

/// Names of the state's values, in their order.
fn names(state: &State) -> Vec<String> {
    let trunk =
        state.trunk.parameters().iter().map(|parameter| format!("trunk.{}", parameter.name));
    trunk.chain(["head.weights".to_owned(), "head.intercepts".to_owned()]).collect()
}

/// All numbers of a state but the best encoder's.
fn arrays(state: &State) -> Vec<(String, &[f32])> {
    let mut arrays = Vec::new();
    for ((name, values), moments) in names(state).iter().zip(state.values()).zip(&state.moments) {
        arrays.push((format!("value.{name}"), values));
        arrays.push((format!("first.{name}"), &moments.first));
        arrays.push((format!("second.{name}"), &moments.second));
    }
    if let Some((_, head)) = &state.best {
        let [weights, intercepts] = BEST.map(str::to_owned);
        arrays.push((weights, &head.weights));
        arrays.push((intercepts, &head.intercepts));
    }
    arrays
}

fn header(file: &[u8]) -> Result<Header, String> {
    let (_, metadata) = SafeTensors::read_metadata(file).map_err(|error| error.to_string())?;
    let header = metadata.metadata().as_ref().and_then(|fields| fields.get(HEADER));
    let header = header.ok_or_else(|| "it is not of this program".to_owned())?;
    serde_json::from_str(header).map_err(|error| error.to_string())
}

/// A hash of all that a fit depends on.
fn digest(
    config: &FineTuneConfig,
    trunk: &Trunk,
    examples: &ItemExamples<'_>,
    seed: &SeedTree,
) -> String {
    let config = serde_json::to_vec(config).expect("plain fields become JSON");
    let mut drawn = vec![0; 32];
    seed.rng().fill_bytes(&mut drawn);
    let number = |number: usize| (number as u64).to_le_bytes();
    let rows: Vec<u8> = examples.rows.iter().flat_map(|row| number(*row)).collect();
    let labels = examples.labels.iter().flat_map(|class| number(class.index())).collect();
    let soft = examples.soft.map_or(Vec::new(), |soft| bytes(soft.values()));
    let classes = number(examples.classes).to_vec();
    let items = examples.items.digest().to_string().into_bytes();
    let mut parts =
        vec![config, drawn, rows, labels, bytes(examples.weights), soft, classes, items];
    for parameter in trunk.parameters() {
        parts.push(parameter.name.clone().into_bytes());
        parts.push(bytes(&parameter.values));
    }
    Digest::of_parts(parts).to_string()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}
