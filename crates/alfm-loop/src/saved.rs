//! Saving and resuming, in one file: what is small as JSON, free labels as arrays, in the safetensors format.
//!
//! Models are not saved but made again, from the log and the free labels that they were made from: the same bytes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use alfm_core::files::write_atomically;
use alfm_core::{ClassId, Digest, Error, ErrorKind, LabelLog, Probabilities};
use alfm_select::{Advice, Advisor, CleanParts, CleanSet, Round};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};

use crate::config::LoopConfig;
use crate::learner::{ActiveLearner, LastFit};

/// Version of the saved form.
const FORMAT: u32 = 1;
/// The key of the JSON among the file's metadata.
const KEY: &str = "alfm";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<S> {
    format: u32,
    strategy: S,
    seed: u64,
    items: usize,
    ids: Digest,
    config: LoopConfig,
    log: LabelLog,
    /// Entries of the log at the last fit.
    #[serde(default)]
    fitted_at: Option<usize>,
    /// The round of that fit, and the last one if it is another; without their free labels.
    fitted_round: Option<Round>,
    last_round: Option<Round>,
    advisor: Advisor,
    advice: Advice,
}

impl ActiveLearner {
    /// Writes all that [`resume`](ActiveLearner::resume) needs beside the pool itself, as one file that is whole or not
    /// there.
    ///
    /// Items are told by a digest of their ids. 12 bytes for each free label, `4 K` more if it is a distribution.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let fit = self.fit.as_ref();
        let fitted = fit.and_then(|fit| fit.round.as_ref());
        let same = match (fitted, &self.round) {
            (Some(fitted), Some(last)) => Arc::ptr_eq(fitted, last),
            _ => false,
        };
        let last = self.round.as_ref().filter(|_| !same);
        let header = Header {
            format: FORMAT,
            strategy: self.strategy(),
            seed: self.seed,
            items: self.items.len(),
            ids: self.items.digest(),
            config: self.config.clone(),
            log: self.log.clone(),
            fitted_at: fit.map(|fit| fit.entries),
            fitted_round: fitted.map(|round| round.without_clean()),
            last_round: last.map(|round| round.without_clean()),
            advisor: self.advisor.clone(),
            advice: self.advice.clone(),
        };
        let refused = |error: serde_json::Error| {
            Error::new(ErrorKind::Input, "the state cannot be written").because(error)
        };
        let header = serde_json::to_string(&header).map_err(refused)?;
        let stored: Vec<Arrays> = [("fitted", fitted), ("last", last)]
            .into_iter()
            .filter_map(|(name, round)| Some(Arrays::new(name, &round?.clean.to_parts())))
            .collect();
        let metadata = HashMap::from([(KEY.to_owned(), header)]);
        let bytes = serialize(stored.iter().flat_map(Arrays::views), Some(metadata))
            .map_err(|error| Error::input("the state cannot be written").because(error))?;
        write_atomically(path, |out| out.write_all(&bytes)).map_err(|error| {
            Error::new(ErrorKind::System, "cannot write: check that the folder may be written")
                .in_file(path)
                .because(error)
        })
    }

    /// Goes on where a saved learner was: the log, the last suggestion and the model are what they were.
    ///
    /// The learner itself is made anew, with the same items, embeddings, prior, small model, strategy, seed and options.
    /// One fit, as after the last labels.
    ///
    /// # Errors
    /// A file that does not read or is of another version, and a pool, strategy, seed or options that are not those of
    /// the saved learner.
    pub fn resume(mut self, path: &Path) -> Result<Self, Error> {
        let unreadable = |error| {
            Error::new(ErrorKind::System, "cannot read: check its name")
                .in_file(path)
                .because(error)
        };
        let bytes = std::fs::read(path).map_err(unreadable)?;
        self.take_over(&bytes).map_err(|error| error.in_file(path))?;
        Ok(self)
    }

    fn take_over(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let broken = || Error::input("this is no saved learner: give a file that `save` wrote");
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| broken().because(error))?;
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|error| broken().because(error))?;
        let header =
            metadata.metadata().as_ref().and_then(|all| all.get(KEY)).ok_or_else(broken)?;
        let format: Format =
            serde_json::from_str(header).map_err(|error| broken().because(error))?;
        if format.format != FORMAT {
            let format = format.format;
            let message = format!("the state has format {format}, and this version reads {FORMAT}");
            return Err(Error::input(message));
        }
        let header: Header<serde_json::Value> =
            serde_json::from_str(header).map_err(|error| broken().because(error))?;
        let strategy =
            serde_json::to_value(self.strategy()).map_err(|error| broken().because(error))?;
        for (what, same) in [
            ("items", header.items == self.items.len() && header.ids == self.items.digest()),
            ("strategy", header.strategy == strategy),
            ("seed", header.seed == self.seed),
            ("options", header.config == self.config),
        ] {
            if !same {
                let message = format!("it was saved with other {what}: resume it with those");
                return Err(Error::input(message));
            }
        }
        let whole = |round: Option<Round>, name| -> Result<Option<Arc<Round>>, Error> {
            let Some(mut round) = round else { return Ok(None) };
            let weight = round.clean.weight();
            let parts = read_parts(&tensors, name, weight).ok_or_else(broken)?;
            round.clean = CleanSet::from_parts(&self.items, parts)?;
            Ok(Some(Arc::new(round)))
        };
        let fitted_round = whole(header.fitted_round, "fitted")?;
        let last_round = whole(header.last_round, "last")?;
        self.log = header.log;
        self.round = last_round.or_else(|| fitted_round.clone());
        (self.advisor, self.advice) = (header.advisor, header.advice);
        self.fit = match header.fitted_at {
            None => None,
            Some(entries) => {
                let then = self.log.entries().get(..entries).ok_or_else(broken)?;
                let log = LabelLog::replay(self.log.first_schema().clone(), then.iter().cloned())?;
                let fitted = self.train(&log, fitted_round.as_deref())?;
                Some(LastFit { fitted, entries, round: fitted_round })
            }
        };
        Ok(())
    }
}

/// Read before the rest, whose fields another version may not have.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// A clean set's arrays, in little-endian bytes.
struct Arrays(Vec<(String, Dtype, Vec<usize>, Vec<u8>)>);

impl Arrays {
    fn new(name: &str, parts: &CleanParts) -> Self {
        let count = parts.rows.len();
        let key = |part: &str| format!("{name}.{part}");
        let bytes =
            |values: &mut dyn Iterator<Item = [u8; 4]>| values.flatten().collect::<Vec<u8>>();
        let rows = bytes(&mut parts.rows.iter().map(|row| row.to_le_bytes()));
        let class =
            |class: &ClassId| u32::try_from(class.index()).unwrap_or(u32::MAX).to_le_bytes();
        let classes = bytes(&mut parts.classes.iter().map(class));
        let confidences = bytes(&mut parts.confidences.iter().map(|p| p.to_le_bytes()));
        let certified: Vec<u8> = parts.certified.iter().map(|sure| u8::from(*sure)).collect();
        let mut arrays = vec![
            (key("rows"), Dtype::U32, vec![count], rows),
            (key("classes"), Dtype::U32, vec![count], classes),
            (key("confidences"), Dtype::F32, vec![count], confidences),
            (key("certified"), Dtype::U8, vec![certified.len()], certified),
        ];
        if let Some(soft) = &parts.soft {
            let values = bytes(&mut soft.view().values().iter().map(|p| p.to_le_bytes()));
            arrays.push((key("soft"), Dtype::F32, vec![soft.rows(), soft.classes()], values));
        }
        Self(arrays)
    }

    fn views(&self) -> impl Iterator<Item = (&str, TensorView<'_>)> {
        self.0.iter().filter_map(|(name, kind, shape, bytes)| {
            let view = TensorView::new(*kind, shape.clone(), bytes).ok()?;
            Some((name.as_str(), view))
        })
    }
}

/// The arrays of a clean set; `None` where one is missing or of another type.
fn read_parts(tensors: &SafeTensors<'_>, name: &str, weight: f32) -> Option<CleanParts> {
    let array = |part: &str, kind| {
        let tensor = tensors.tensor(&format!("{name}.{part}")).ok()?;
        (tensor.dtype() == kind).then_some(tensor)
    };
    let words = |part: &str, kind| Some(array(part, kind)?.data().as_chunks::<4>().0.to_vec());
    let number = |bytes: [u8; 4]| u32::from_le_bytes(bytes);
    let soft = match array("soft", Dtype::F32) {
        None => None,
        Some(tensor) => {
            let [rows, columns] = *tensor.shape() else { return None };
            let values = tensor.data().as_chunks::<4>().0.iter().map(|p| f32::from_le_bytes(*p));
            Some(Probabilities::new(values.collect(), rows, columns).ok()?)
        }
    };
    Some(CleanParts {
        rows: words("rows", Dtype::U32)?.into_iter().map(number).collect(),
        classes: words("classes", Dtype::U32)?
            .into_iter()
            .map(|class| ClassId::new(number(class)))
            .collect(),
        confidences: words("confidences", Dtype::F32)?
            .into_iter()
            .map(f32::from_le_bytes)
            .collect(),
        certified: array("certified", Dtype::U8)?.data().iter().map(|sure| *sure != 0).collect(),
        soft,
        weight,
    })
}
