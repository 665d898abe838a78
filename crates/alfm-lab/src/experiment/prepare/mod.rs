//! From a configuration to tasks: data, imbalance, noise, embeddings and prior.

mod names;
mod prior;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use alfm_core::{ClassId, ClassSchema, Digest, Items, Matrix, MatrixView, Probabilities};
use alfm_data::Hub;
use alfm_learn::LearnerConfig;
use names::{imbalance_label, learner_label, noise_label};
use source::Source;

use super::config::ExperimentConfig;
use super::embedder::Embedder;
use super::prior::PriorConfig;
use super::tuning::Tuner;
use crate::metrics::{Scores, class_counts, majority_class};
use crate::record::{DataFacts, Setting};
use crate::simulate::{Construction, Imbalance, Noise};
use crate::{Error, ErrorKind};

/// One setting with everything that its runs share.
#[derive(Debug)]
pub struct Task {
    /// Its name.
    pub setting: Setting,
    /// The classes after merging.
    pub schema: ClassSchema,
    /// The items of the pool.
    pub items: Items,
    /// Their embeddings, `N x D`.
    pub pool: Arc<Matrix>,
    /// Their clean classes: for metrics only.
    pub clean: Vec<ClassId>,
    /// Their classes as the oracle answers.
    pub observed: Vec<ClassId>,
    /// The prior, `N x K`.
    pub prior: Arc<Probabilities>,
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
    /// What is worth a second look in the data, in sentences for people.
    pub warnings: Vec<String>,
}

/// Loads, thins, disturbs, embeds: one task a setting, in the order of the configuration.
///
/// # Errors
/// As the data set, the constructions, the encoder and the prior say.
pub fn prepare(
    config: &ExperimentConfig,
    hub: &Hub,
    embedder: &mut dyn Embedder,
) -> Result<Vec<Task>, Error> {
    let mut tasks = Vec::new();
    for dataset_config in &config.dataset {
        let source = Source::load(config, dataset_config, hub, embedder)?;
        for imbalance in &dataset_config.imbalance {
            let seed = source.seed.child("imbalance");
            let built = imbalance.apply(&source.pool_labels, source.data.schema(), &seed)?;
            let trains_encoder = config.learner.iter().any(trains_encoder);
            let tuner = trains_encoder.then(|| source.tuner(&built, embedder)).transpose()?;
            for noise in &dataset_config.noise {
                let observed = source.answers(&built, noise)?;
                for prior in &config.prior {
                    for learner in &config.learner {
                        let alias = dataset_config.alias.as_deref();
                        let names = Names { alias, imbalance, noise, prior, learner };
                        let task = source.task(&names, &built, &observed)?;
                        apart(&tasks, &task.setting)?;
                        tasks.push(Task { tuner: tuner.clone(), ..task });
                    }
                }
            }
        }
    }
    Ok(tasks)
}

/// Refuses a second setting of one name, whose runs would pass for more seeds of the first.
fn apart(tasks: &[Task], setting: &Setting) -> Result<(), Error> {
    if tasks.iter().all(|task| task.setting != *setting) {
        return Ok(());
    }
    let Setting { dataset, imbalance, noise, prior, learner } = setting;
    Err(Error::new(
        ErrorKind::Setting,
        format!(
            "two settings are called {dataset}, {imbalance}, noise {noise}, {prior}, {learner}: leave one out, or, if \
             their data differ, give one `[[dataset]]` an `alias`"
        ),
    ))
}

fn trains_encoder(learner: &LearnerConfig) -> bool {
    matches!(learner, LearnerConfig::FineTune(_))
}

/// What makes one setting differ from another.
struct Names<'a> {
    /// What results call the data set, unless it is its name.
    alias: Option<&'a str>,
    imbalance: &'a Imbalance,
    noise: &'a Noise,
    prior: &'a PriorConfig,
    learner: &'a LearnerConfig,
}

impl Source {
    fn task(
        &self,
        names: &Names<'_>,
        built: &Construction,
        observed: &[ClassId],
    ) -> Result<Task, Error> {
        let prior = self.prior(names.prior, built)?;
        let test_labels = built.map(&self.test_labels)?;
        Ok(Task {
            setting: Setting {
                dataset: names.alias.unwrap_or(self.data.name()).into(),
                imbalance: imbalance_label(names.imbalance),
                noise: noise_label(names.noise),
                prior: names.prior.label(self.head),
                learner: learner_label(names.learner),
            },
            warnings: self.data.warnings().to_vec(),
            facts: self.facts(built, observed, &prior, &test_labels)?,
            schema: built.schema.clone(),
            items: Items::named(built.kept.iter().map(|row| self.pool.ids()[*row].as_str()))?,
            pool: Arc::new(self.pool_embeddings.view().gather(built.kept.iter().copied())),
            clean: built.labels.clone(),
            observed: observed.to_vec(),
            prior: Arc::new(prior),
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
        prior: &Probabilities,
        test_labels: &[ClassId],
    ) -> Result<DataFacts, Error> {
        let classes = built.schema.len();
        let pool = class_counts(&built.labels, classes)?;
        let majority = majority_class(&pool);
        let values = |matrix: MatrixView<'_>| {
            Digest::of_parts(matrix.values().iter().map(|value| value.to_le_bytes()))
        };
        let digests = BTreeMap::from([
            ("pool".to_owned(), self.pool.digest()),
            ("test".to_owned(), self.test.digest()),
            ("pool-embeddings".to_owned(), values(self.pool_embeddings.view())),
            ("test-embeddings".to_owned(), values(self.test_embeddings.view())),
            ("prior".to_owned(), values(prior.view())),
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
            prior: Scores::measure(&prior.predictions(), &built.labels, majority)?,
            pool,
        })
    }
}
