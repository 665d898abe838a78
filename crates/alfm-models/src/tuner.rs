//! Training of the encoder itself within an experiment.

use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::path::PathBuf;

use alfm_core::{Error, SeedTree};
use alfm_data::{Items, Split};
use alfm_embed::{Prepared, Trunk};
use alfm_lab::experiment::{Tuned, Tuner, TuningExamples};
use alfm_learn::{FineTuneConfig, ItemExamples};

use crate::pictures::Encoded;

/// Trains the encoder of a folder, each time from the published weights.
#[derive(Debug)]
pub(crate) struct FolderTuner {
    pub(crate) folder: PathBuf,
    pub(crate) image_size: Option<usize>,
    pub(crate) pool: Split,
    pub(crate) test: Split,
}

impl Tuner for FolderTuner {
    fn fit(
        &self,
        config: &FineTuneConfig,
        examples: &TuningExamples<'_>,
        seed: &SeedTree,
    ) -> Result<Tuned, Box<dyn StdError + Send + Sync>> {
        let trunk = Trunk::load(&self.folder, self.image_size)?;
        let (pool, test) = (Content::of(&self.pool)?, Content::of(&self.test)?);
        let (pool, test) = (trunk.prepare(pool.items())?, trunk.prepare(test.items())?);
        let TuningExamples { rows, labels, weights, classes, soft, .. } = *examples;
        let mut items = ItemExamples::new(&pool, rows, labels, weights, classes);
        items.soft = soft;
        let mut go_on = |_| ControlFlow::Continue(());
        let tuned = config.check()?.fit(trunk, &items, seed, None, &mut go_on)?;
        let features = |items: &Prepared<'_>| {
            let rows: Vec<usize> = (0..items.count()).collect();
            tuned.trunk().encode(items, &rows, &mut |_, _| {})
        };
        let (pool, test) = (features(&pool)?, features(&test)?);
        Ok(Tuned::new(tuned.into_classifier(), pool).with_others(test))
    }
}

/// Items of a split, as an encoder takes them.
enum Content<'a> {
    Texts(Vec<&'a str>),
    Images(Encoded<'a>),
}

impl<'a> Content<'a> {
    fn of(split: &'a Split) -> Result<Self, Error> {
        Ok(match split.items() {
            Items::Images(images) => Self::Images(Encoded(images)),
            _ => Self::Texts(split.texts()?.iter().map(String::as_str).collect()),
        })
    }

    fn items(&self) -> alfm_embed::Items<'_> {
        match self {
            Self::Texts(texts) => alfm_embed::Items::Texts(texts),
            Self::Images(images) => alfm_embed::Items::Pictures(images),
        }
    }
}
