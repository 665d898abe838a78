//! From a configuration to tasks: data, imbalance, noise, embeddings and prior.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::sync::Arc;

use alfm_core::{ClassId, ClassSchema, Digest, Matrix, Predictions, SampleId, ScoreKind, SeedTree};
use alfm_data::arrays::{read_label_matrix, read_matrix};
use alfm_data::simulate::{Construction, Imbalance, Noise, NoiseInput};
use alfm_data::{Dataset, Hub, Image, Items, Split, read_label_column, subset};
use alfm_learn::LearnerConfig;
use alfm_prior::weak_labels::Votes;
use alfm_prior::{
    Calibrator, ClassPrompts, Head, LabelShift, Reliability, ensemble, from_hard_labels,
    from_matrix, rotated, uniform, zero_shot_by,
};

use super::config::{DatasetConfig, ExperimentConfig, Subset};
use super::prior::PriorConfig;
use super::tuning::Tuner;
use crate::LabError;
use crate::metrics::{Scores, class_counts, majority_class};
use crate::record::{DataFacts, Setting};

/// What turns items into embeddings; the program brings the encoder, so that this crate needs none.
pub trait Embedder {
    /// One embedding a text, in the order given.
    ///
    /// # Errors
    /// Whatever the encoder returns; likewise below.
    fn embed(&mut self, texts: &[&str]) -> Result<Matrix, Box<dyn Error + Send + Sync>>;

    /// One embedding an image, in the order given; in the space of the texts, if there is one for both.
    /// Without another implementation that is an error.
    #[expect(clippy::missing_errors_doc, reason = "as `embed`")]
    fn embed_images(&mut self, _images: &[Image]) -> Result<Matrix, Box<dyn Error + Send + Sync>> {
        Err(Box::new(LabError::TextsOnly))
    }

    /// How the encoder's own model makes class probabilities of cosines, if it was trained to (CLIP, SigLIP).
    #[expect(clippy::missing_errors_doc, reason = "as `embed`")]
    fn head(&mut self) -> Result<Option<Head>, Box<dyn Error + Send + Sync>> {
        Ok(None)
    }

    /// What trains the encoder on a pool. Without another implementation that is an error.
    #[expect(clippy::missing_errors_doc, reason = "as `embed`")]
    fn tuner(
        &mut self,
        _pool: &Split,
        _test: &Split,
    ) -> Result<Arc<dyn Tuner>, Box<dyn Error + Send + Sync>> {
        Err(Box::new(LabError::NoTuner))
    }
}

/// One setting with everything that its runs share.
#[derive(Debug)]
pub struct Task {
    /// Its name.
    pub setting: Setting,
    /// The classes after merging.
    pub schema: ClassSchema,
    /// The items of the pool.
    pub ids: Vec<SampleId>,
    /// Their embeddings, `N x D`.
    pub pool: Matrix,
    /// Their clean classes: for metrics only.
    pub clean: Vec<ClassId>,
    /// Their classes as the oracle answers.
    pub observed: Vec<ClassId>,
    /// The prior, `N x K`.
    pub prior: Matrix,
    /// Embeddings of the test set.
    pub test: Matrix,
    /// Its clean classes.
    pub test_labels: Vec<ClassId>,
    /// The small model.
    pub learner: LearnerConfig,
    /// What trains the encoder, if a small model of the experiment is the encoder itself.
    pub tuner: Option<Arc<dyn Tuner>>,
    /// What the records say of the data.
    pub facts: DataFacts,
}

/// Loads, thins, disturbs, embeds: one task a setting, in the order of the configuration.
///
/// # Errors
/// As the data set, the constructions, the encoder and the prior say.
pub fn prepare(
    config: &ExperimentConfig,
    hub: &Hub,
    embedder: &mut dyn Embedder,
) -> Result<Vec<Task>, LabError> {
    let mut tasks = Vec::new();
    for dataset_config in &config.dataset {
        let source = Source::load(config, dataset_config, hub, embedder)?;
        for imbalance in &dataset_config.imbalance {
            let seed = source.seed.child("imbalance");
            let built = imbalance.apply(&source.pool_labels, source.data.schema(), &seed)?;
            let tuner = match config.learner.iter().any(trains_encoder) {
                true => Some(source.tuner(&built, embedder)?),
                false => None,
            };
            for noise in &dataset_config.noise {
                let observed = source.answers(&built, noise)?;
                for prior in &config.prior {
                    for learner in &config.learner {
                        let names = Names { imbalance, noise, prior, learner };
                        let task = source.task(&names, &built, &observed)?;
                        tasks.push(Task { tuner: tuner.clone(), ..task });
                    }
                }
            }
        }
    }
    Ok(tasks)
}

fn trains_encoder(learner: &LearnerConfig) -> bool {
    matches!(learner, LearnerConfig::FineTune(_))
}

/// A data set with its embeddings, before anything is made of it.
struct Source {
    data: Dataset,
    target: Option<f64>,
    seed: SeedTree,
    pool: Split,
    /// The rows of the pool in its split.
    pool_rows: Vec<usize>,
    /// Rows of that split.
    split_rows: usize,
    pool_labels: Vec<ClassId>,
    pool_embeddings: Matrix,
    test: Split,
    test_labels: Vec<ClassId>,
    test_embeddings: Matrix,
    /// None where no prior needs them.
    prompts: Option<ClassPrompts>,
    /// The encoder's own, if it has one and a prior needs prompts.
    head: Option<Head>,
}

/// What makes one setting differ from another of the same data set.
struct Names<'a> {
    imbalance: &'a Imbalance,
    noise: &'a Noise,
    prior: &'a PriorConfig,
    learner: &'a LearnerConfig,
}

impl Source {
    fn load(
        config: &ExperimentConfig,
        dataset: &DatasetConfig,
        hub: &Hub,
        embedder: &mut dyn Embedder,
    ) -> Result<Self, LabError> {
        let data = Dataset::load(&dataset.name, hub)?;
        let seed = SeedTree::new(config.data_seed).child("data").child(&dataset.name);
        let (pool, taken) = part(&data, &dataset.pool, &[], hub, &seed.child("pool"))?;
        let left = if dataset.test.split == dataset.pool.split { &taken[..] } else { &[] };
        let split_rows = data.split(&dataset.pool.split)?.len();
        let (test, _) = part(&data, &dataset.test, left, hub, &seed.child("test"))?;
        let pool_embeddings = embedded(&pool, embedder)?;
        let test_embeddings = embedded(&test, embedder)?;
        // Not every encoder of images knows texts.
        let (prompts, head) = match config.prior.iter().any(PriorConfig::needs_prompts) {
            true => {
                let head = embedder.head().map_err(LabError::Embedding)?;
                (Some(prompts(&data, embedder)?), head)
            }
            false => (None, None),
        };
        Ok(Self {
            pool_labels: pool.all_labels()?,
            test_labels: test.all_labels()?,
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

    fn answers(&self, built: &Construction, noise: &Noise) -> Result<Vec<ClassId>, LabError> {
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
        Ok(noise.apply(&input)?)
    }

    /// The prior, summed over classes that were merged.
    fn prior(&self, config: &PriorConfig, built: &Construction) -> Result<Matrix, LabError> {
        let prior = self.unmerged_prior(config, built)?;
        let classes = built.schema.len();
        let mut merged = vec![0.0; prior.rows() * classes];
        for (row, out) in prior.view().iter().zip(merged.chunks_exact_mut(classes)) {
            for (p, class) in row.iter().zip(&built.class_map) {
                out[class.index()] += p;
            }
        }
        Ok(Matrix::new(merged, prior.rows(), classes)?)
    }

    /// The prior over the original classes.
    fn unmerged_prior(
        &self,
        config: &PriorConfig,
        built: &Construction,
    ) -> Result<Matrix, LabError> {
        let schema = self.data.schema();
        let similar = |temperature: &Option<f64>| {
            let items = self.pool_embeddings.view().gather(built.kept.iter().copied());
            let prompts = self.prompts.as_ref().ok_or(LabError::Empty { what: "class prompts" })?;
            Ok::<_, LabError>(zero_shot_by(items.view(), prompts, *temperature, self.head)?)
        };
        // Files speak of the whole split: the pool's part of it, and of that what the imbalance kept.
        let kept = || built.kept.iter().map(|row| self.pool_rows[*row]);
        Ok(match config {
            PriorConfig::ZeroShot { temperature } => similar(temperature)?,
            PriorConfig::Rotated { temperature } => rotated(similar(temperature)?.view())?,
            PriorConfig::File { file, logits } => {
                let kind = if *logits { ScoreKind::Logits } else { ScoreKind::Probabilities };
                let read = read_matrix(file)?;
                from_matrix(read.view()?, kind, self.split_rows, schema.len())?
                    .view()
                    .gather(kept())
            }
            PriorConfig::HardLabels { file, label, reliability } => {
                let labels = read_label_column(file, label, schema)?;
                let (expected, got) = (self.split_rows, labels.len());
                if got != expected {
                    return Err(LabError::Length { what: "hard labels", expected, got });
                }
                let labels: Vec<_> = kept().map(|row| labels[row]).collect();
                let reliability = Reliability::Scalar { probability: *reliability };
                from_hard_labels(&labels, schema.len(), &reliability)?
            }
            PriorConfig::WeakLabels { file, model } => {
                let read = read_label_matrix(file)?;
                let (expected, got) = (self.split_rows, read.rows);
                if got != expected {
                    return Err(LabError::Length { what: "rows of votes", expected, got });
                }
                // The rules are known by all that they say, in the part of the split that is left out, too.
                let votes = Votes::new(&read.labels, read.rows, read.columns, schema.len())?;
                model.prior(&votes)?.view().gather(kept())
            }
            PriorConfig::Ensemble { of, weights, pool } => {
                let members = of.iter().map(|member| self.unmerged_prior(member, built));
                let members = members.collect::<Result<Vec<Matrix>, LabError>>()?;
                let views: Vec<_> = members.iter().map(Matrix::view).collect();
                let even = vec![1.0; members.len()];
                ensemble(&views, if weights.is_empty() { &even } else { weights }, *pool)?
            }
            PriorConfig::LabelShift { of } => {
                let prior = self.unmerged_prior(of, built)?;
                LabelShift::fit(prior.view(), None)?.apply(prior.view())?
            }
            PriorConfig::Uniform => uniform(built.kept.len(), schema.len())?,
        })
    }

    /// What trains the encoder on the pool as it was built.
    fn tuner(
        &self,
        built: &Construction,
        embedder: &mut dyn Embedder,
    ) -> Result<Arc<dyn Tuner>, LabError> {
        let pool = self.pool.subset(&built.kept)?;
        embedder.tuner(&pool, &self.test).map_err(LabError::Tuning)
    }

    fn task(
        &self,
        names: &Names<'_>,
        built: &Construction,
        observed: &[ClassId],
    ) -> Result<Task, LabError> {
        let prior = self.prior(names.prior, built)?;
        let test_labels = built.map(&self.test_labels)?;
        Ok(Task {
            setting: Setting {
                dataset: self.data.name().into(),
                imbalance: imbalance_label(names.imbalance),
                noise: noise_label(names.noise),
                prior: names.prior.label(self.head),
                learner: learner_label(names.learner),
            },
            facts: self.facts(built, observed, &prior, &test_labels)?,
            schema: built.schema.clone(),
            ids: built.kept.iter().map(|row| self.pool.ids()[*row].clone()).collect(),
            pool: self.pool_embeddings.view().gather(built.kept.iter().copied()),
            clean: built.labels.clone(),
            observed: observed.to_vec(),
            prior,
            test: self.test_embeddings.clone(),
            test_labels,
            learner: names.learner.clone(),
            tuner: None,
        })
    }

    fn facts(
        &self,
        built: &Construction,
        observed: &[ClassId],
        prior: &Matrix,
        test_labels: &[ClassId],
    ) -> Result<DataFacts, LabError> {
        let classes = built.schema.len();
        let pool = class_counts(&built.labels, classes)?;
        let majority = majority_class(&pool);
        let predictions = Predictions::new(prior.view(), ScoreKind::Probabilities)?;
        let values = |matrix: &Matrix| {
            Digest::of_parts(matrix.view().values().iter().map(|value| value.to_le_bytes()))
        };
        let digests = BTreeMap::from([
            ("pool".to_owned(), self.pool.digest()),
            ("test".to_owned(), self.test.digest()),
            ("pool-embeddings".to_owned(), values(&self.pool_embeddings)),
            ("test-embeddings".to_owned(), values(&self.test_embeddings)),
            ("prior".to_owned(), values(prior)),
        ]);
        Ok(DataFacts {
            classes: built.schema.names().to_vec(),
            digests,
            observed: class_counts(observed, classes)?,
            test: class_counts(test_labels, classes)?,
            gamma: built.gamma,
            epsilon: built.epsilon,
            wrong_answers: observed.iter().zip(&built.labels).filter(|(a, b)| a != b).count(),
            target: self.target,
            prior: Scores::measure(&predictions, &built.labels, majority)?,
            pool,
        })
    }
}

fn embedded(split: &Split, embedder: &mut dyn Embedder) -> Result<Matrix, LabError> {
    let matrix = match split.items() {
        Items::Images(images) => embedder.embed_images(images),
        _ => embedder.embed(&split.texts()?.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    matrix.map_err(LabError::Embedding)
}

fn prompts(data: &Dataset, embedder: &mut dyn Embedder) -> Result<ClassPrompts, LabError> {
    let (classes, texts): (Vec<ClassId>, Vec<&str>) = data.manifest().prompts().unzip();
    let matrix = embedder.embed(&texts).map_err(LabError::Embedding)?;
    Ok(ClassPrompts::new(matrix.view(), &classes, data.schema().len())?)
}

/// A part of a split, and its rows there.
fn part(
    data: &Dataset,
    wanted: &Subset,
    taken: &[usize],
    hub: &Hub,
    seed: &SeedTree,
) -> Result<(Split, Vec<usize>), LabError> {
    let split = data.split(&wanted.split)?;
    let mut available: Vec<usize> = match wanted.rest {
        true => subset::rest(split.len(), taken),
        false => (0..split.len()).collect(),
    };
    if let Some(file) = &wanted.within {
        let file = Dataset::load(&file.to_string_lossy(), hub)?;
        let mut known = HashSet::new();
        for split in file.splits().values() {
            known.extend(split.texts()?);
        }
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

fn imbalance_label(imbalance: &Imbalance) -> String {
    match imbalance {
        Imbalance::Natural => "natural".into(),
        Imbalance::Merge { classes, .. } => format!("merge({classes})"),
        Imbalance::LongTailed { factor } => format!("long-tailed({factor})"),
        Imbalance::Step { factor } => format!("step({factor})"),
        other => tag(other),
    }
}

fn noise_label(noise: &Noise) -> String {
    match noise {
        Noise::None => "none".into(),
        Noise::Uniform { rate, .. } => format!("uniform({rate})"),
        Noise::PairFlip { rate, .. } => format!("pair-flip({rate})"),
        Noise::Human { label, .. } => format!("human({})", label.names().join("+")),
        Noise::HumanRows { labels, .. } => format!("human({})", labels.key().unwrap_or("rows")),
        other => tag(other),
    }
}

fn learner_label(learner: &LearnerConfig) -> String {
    tag(learner)
}

/// The `kind` under which a choice is written.
fn tag(choice: &impl serde::Serialize) -> String {
    let written = serde_json::to_value(choice).ok();
    written.and_then(|value| Some(value.get("kind")?.as_str()?.to_owned())).unwrap_or_default()
}
