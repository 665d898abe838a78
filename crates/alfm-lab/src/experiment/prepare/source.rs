use std::collections::HashSet;
use std::sync::Arc;

use alfm_core::{ClassId, Matrix, SampleId, SeedTree};
use alfm_data::{
    Columns, Dataset, Hub, Items, Source as Origin, Split, read_classes, read_items, subset,
};
use alfm_prior::{ClassPrompts, Head};

use crate::Error;
use crate::error::{UNTRAINED, failed};
use crate::experiment::config::{DatasetConfig, ExperimentConfig, Subset};
use crate::experiment::embedder::Embedder;
use crate::experiment::prior::PriorConfig;
use crate::experiment::tuning::Tuner;
use crate::simulate::{Construction, Noise, NoiseInput};

/// A data set with its embeddings, before anything is made of it.
pub(super) struct Source {
    pub(super) data: Dataset,
    pub(super) target: Option<f64>,
    pub(super) seed: SeedTree,
    pub(super) pool: Split,
    /// The rows of the pool in its split.
    pub(super) pool_rows: Vec<usize>,
    /// Rows of that split.
    pub(super) split_rows: usize,
    pub(super) pool_labels: Vec<ClassId>,
    pub(super) pool_embeddings: Matrix,
    pub(super) test: Split,
    pub(super) test_labels: Vec<ClassId>,
    pub(super) test_embeddings: Matrix,
    /// None where no prior needs them.
    pub(super) prompts: Option<ClassPrompts>,
    /// The encoder's own, if it has one and a prior needs prompts.
    pub(super) head: Option<Head>,
}

impl Source {
    pub(super) fn load(
        config: &ExperimentConfig,
        dataset: &DatasetConfig,
        hub: &Hub,
        embedder: &mut dyn Embedder,
    ) -> Result<Self, Error> {
        let classes = dataset.classes.as_deref().map(read_classes).transpose()?;
        let columns = dataset.columns();
        let data = Dataset::load_with(&dataset.name, hub, &columns, classes.as_deref())?;
        let here = |error| in_source(&data, error);
        let seed = SeedTree::new(config.data_seed).child("data").child(&dataset.name);
        let (pool, taken) = part(&data, &dataset.pool, &[], &seed.child("pool")).map_err(here)?;
        let left = if dataset.test.split == dataset.pool.split { &taken[..] } else { &[] };
        let split_rows = data.split(&dataset.pool.split)?.len();
        let (test, _) = part(&data, &dataset.test, left, &seed.child("test")).map_err(here)?;
        let pool_labels = pool.all_labels().map_err(here)?;
        let test_labels = test.all_labels().map_err(here)?;
        let pool_embeddings = embedded(&pool, embedder)?;
        let test_embeddings = embedded(&test, embedder)?;
        // Not every encoder of images knows texts.
        let (prompts, head) = if config.prior.iter().any(PriorConfig::needs_prompts) {
            let head = embedder.head().map_err(failed("the items could not be embedded"))?;
            (Some(prompts(&data, embedder)?), head)
        } else {
            (None, None)
        };
        Ok(Self {
            pool_labels,
            test_labels,
            target: dataset.target,
            data,
            seed,
            pool,
            pool_rows: taken,
            split_rows,
            pool_embeddings,
            test,
            test_embeddings,
            prompts,
            head,
        })
    }

    pub(super) fn answers(
        &self,
        built: &Construction,
        noise: &Noise,
    ) -> Result<Vec<ClassId>, Error> {
        let ids: Vec<SampleId> =
            built.kept.iter().map(|row| self.pool.ids()[*row].clone()).collect();
        // Images have ids and rows only.
        let texts: Vec<&str> = match self.pool.items() {
            Items::Texts(texts) => built.kept.iter().map(|row| texts[*row].as_str()).collect(),
            _ => Vec::new(),
        };
        let rows: Vec<usize> = built.kept.iter().map(|row| self.pool_rows[*row]).collect();
        let input = NoiseInput::new(&built.labels, &built.schema)
            .with_items(&ids, &texts)
            .with_rows(&rows, self.split_rows)
            .with_merge(self.data.schema(), &built.class_map);
        noise.apply(&input)
    }

    /// What trains the encoder on the pool as it was built.
    pub(super) fn tuner(
        &self,
        built: &Construction,
        embedder: &mut dyn Embedder,
    ) -> Result<Arc<dyn Tuner>, Error> {
        let pool = self.pool.subset(&built.kept)?;
        embedder.tuner(&pool, &self.test).map_err(failed(UNTRAINED))
    }
}

fn embedded(split: &Split, embedder: &mut dyn Embedder) -> Result<Matrix, Error> {
    let matrix = match split.items() {
        Items::Images(images) => embedder.embed_images(images),
        _ => embedder.embed(&split.texts()?.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    matrix.map_err(failed("the items could not be embedded"))
}

fn prompts(data: &Dataset, embedder: &mut dyn Embedder) -> Result<ClassPrompts, Error> {
    let (classes, texts): (Vec<ClassId>, Vec<&str>) = data.manifest().prompts().unzip();
    let matrix = embedder.embed(&texts).map_err(failed("the items could not be embedded"))?;
    ClassPrompts::new(matrix.view(), &classes, data.schema().len())
}

/// Says which file of the user the data are from.
fn in_source(data: &Dataset, error: Error) -> Error {
    match &data.manifest().source {
        Origin::File { path } => error.in_file(path),
        _ => error,
    }
}

/// A part of a split, and its rows there.
fn part(
    data: &Dataset,
    wanted: &Subset,
    taken: &[usize],
    seed: &SeedTree,
) -> Result<(Split, Vec<usize>), Error> {
    let split = data.split(&wanted.split)?;
    let mut available: Vec<usize> =
        if wanted.rest { subset::rest(split.len(), taken) } else { (0..split.len()).collect() };
    if let Some(file) = &wanted.within {
        let file = read_items(file, &Columns::default())?;
        let known: HashSet<&String> = file.items.texts()?.iter().collect();
        let texts = split.texts()?;
        available.retain(|row| known.contains(&texts[*row]));
    }
    let rows = match wanted.limit {
        None => available,
        Some(limit) => {
            let left = split.subset(&available)?;
            let (labels, classes) = (left.all_labels()?, data.schema().len());
            let kept = match left.groups() {
                Some(groups) => subset::grouped(&labels, groups, classes, limit, seed),
                None => subset::stratified(&labels, classes, limit, seed),
            };
            kept.into_iter().map(|at| available[at]).collect()
        }
    };
    Ok((split.subset(&rows)?, rows))
}
