//! One run: one strategy, one seed, round after round.

use std::time::Instant;

use alfm_core::{
    ClassId, CoreError, Label, Matrix, MatrixView, Predictions, SampleId, ScoreKind, SeedTree,
};
use alfm_data::{Oracle, SimulatedOracle};
use alfm_kernels::device::Device;
use alfm_learn::{Classifier, Learner, LearnerConfig, LinearLayer, out_of_fold};
use alfm_select::acquire::{Input, LinearHead};
use alfm_select::{
    AccuracyEstimate, Advice, Advisor, CleanSet, LabelsOnly, PoolState, Round, Selector, Strategy,
};

use super::config::{Dropout, ExperimentConfig};
use super::prepare::Task;
use super::training::Training;
use super::tuning::{PoolExamples, Tuned};
use crate::LabError;
use crate::metrics::{Scores, class_counts, diverged, majority_class, minority_labels};
use crate::record::{FinishedRun, FreeLabels, LabelsOnlyAccuracy, RoundRecord, RunRecord, Seconds};

/// Runs one strategy with one seed (protocol section 1).
///
/// The strategy and the trainer see what the oracle answered; clean labels are for metrics only. The first
/// batch is random and the same for every strategy of a seed. The run ends early when the pool is empty. On a
/// card the picks are the processor's ([`Device`]).
///
/// # Errors
/// As the strategy and the learner say.
pub fn run_one(
    config: &ExperimentConfig,
    task: &Task,
    strategy: &Strategy,
    seed: u64,
    device: &dyn Device,
) -> Result<FinishedRun, LabError> {
    let mut run = Run::new(config, task, strategy, seed, device)?;
    let (mut rounds, mut seconds) = (Vec::new(), Vec::new());
    while rounds.len() < config.rounds && run.selector.labels().len() < task.ids.len() {
        let (round, time) = run.round(rounds.len() + 1)?;
        rounds.push(round);
        seconds.push(time);
    }
    let record = RunRecord {
        setting: task.setting.clone(),
        strategy: strategy.label().into(),
        seed,
        config: written(config, task, strategy)?,
        versions: [("alfm", env!("CARGO_PKG_VERSION")), ("device", device.name())]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        data: task.facts.clone(),
        rounds,
    };
    Ok(FinishedRun { record, seconds })
}

/// Everything that decides the outcome of a run, but the seed, the data and the device.
pub(super) fn written(
    config: &ExperimentConfig,
    task: &Task,
    strategy: &Strategy,
) -> Result<serde_json::Value, LabError> {
    Ok(serde_json::json!({
        "initial": config.initial,
        "batch": config.batch,
        "rounds": config.rounds,
        "pseudo_label_weight": config.pseudo_label_weight,
        "data_seed": config.data_seed,
        "annotators": config.annotators,
        "dropout": serde_json::to_value(config.dropout)?,
        "encoder": serde_json::to_value(&config.encoder)?,
        "learner": serde_json::to_value(&task.learner)?,
        "strategy": serde_json::to_value(strategy)?,
    }))
}

/// Folds of the out-of-fold predictions.
const FOLDS: usize = 5;

pub(super) struct Run<'a> {
    pub(super) config: &'a ExperimentConfig,
    pub(super) task: &'a Task,
    device: &'a dyn Device,
    seed: SeedTree,
    /// Of the published embeddings, which it reads alone even where the encoder is trained.
    learner: Box<dyn Learner>,
    selector: Selector,
    advisor: Advisor,
    oracle: SimulatedOracle,
    majority: ClassId,
    /// None before the first training.
    trained: Option<Trained>,
}

/// The small model after a round.
struct Trained {
    model: Box<dyn Classifier>,
    features: Option<Features>,
    /// Its predictions, `N x K`.
    pool: Matrix,
    /// Only for strategies that ask for it.
    evidence: Option<OwnVoice>,
}

/// Embeddings of a trained encoder.
struct Features {
    pool: Matrix,
    test: Matrix,
}

/// What the small model says when it has learned from the oracle alone.
struct OwnVoice {
    /// `N x K`.
    pool: Matrix,
    /// `n x K`, by ascending row.
    out_of_fold: Matrix,
}

/// What some strategies need of the small model beside its predictions.
#[derive(Default)]
struct Extras {
    layer: Option<LinearLayer>,
    passes: Vec<Matrix>,
}

impl<'a> Run<'a> {
    fn new(
        config: &'a ExperimentConfig,
        task: &'a Task,
        strategy: &Strategy,
        seed: u64,
        device: &'a dyn Device,
    ) -> Result<Self, LabError> {
        let ids = task.ids.iter().cloned();
        Ok(Self {
            config,
            task,
            device,
            seed: SeedTree::new(seed),
            learner: of_embeddings(&task.learner)?,
            selector: Selector::new(strategy.clone(), task.schema.clone(), ids, seed)?,
            advisor: Advisor::default(),
            oracle: SimulatedOracle::new(&task.ids, &task.observed)?,
            majority: majority_class(&task.facts.pool),
            trained: None,
        })
    }

    /// Select, ask, train from scratch, measure.
    fn round(&mut self, number: usize) -> Result<(RoundRecord, Seconds), LabError> {
        let started = Instant::now();
        let suggested = self.suggest_and_ask(number)?;
        let acquisition = started.elapsed().as_secs_f64();

        let started = Instant::now();
        let training = Training::new(self, &suggested, &suggested.clean);
        let seed = self.seed.child("learner").index(number as u64);
        let (model, features) = self.fit(&training, &seed)?;
        let evidence = match self.selector.strategy().needs()?.contains(&Input::LabelsOnly) {
            true => Some(self.own_voice(&suggested, &seed)?),
            false => None,
        };
        let time = Seconds { acquisition, training: started.elapsed().as_secs_f64() };
        let (pool, test) = match &features {
            Some(features) => (features.pool.view(), features.test.view()),
            None => (self.task.pool.view(), self.task.test.view()),
        };
        let (pool, test) = (model.predict(pool)?, model.predict(test)?);
        let advice = self.advise(&suggested, &pool, evidence.as_ref())?;
        let labels_only = evidence.as_ref().map(|own| self.labels_only(own)).transpose()?;
        let record = RoundRecord {
            advice: Some(advice),
            labels_only,
            ..self.measure(number, &suggested, &pool, &test)?
        };
        self.trained = Some(Trained { model, features, pool, evidence });
        Ok((record, time))
    }

    /// The task's model, and the embeddings that it reads if they are its own.
    fn fit(
        &self,
        training: &Training,
        seed: &SeedTree,
    ) -> Result<(Box<dyn Classifier>, Option<Features>), LabError> {
        let LearnerConfig::FineTune(config) = &self.task.learner else {
            return Ok((self.learner.fit(&training.examples(self.classes()), seed)?, None));
        };
        let tuner = self.task.tuner.as_ref().ok_or(LabError::NoTuner)?;
        let examples = PoolExamples {
            rows: &training.rows,
            labels: &training.labels,
            weights: &training.weights,
            classes: self.classes(),
            soft: training.soft.as_ref().map(Matrix::view),
        };
        let Tuned { model, pool, test } =
            tuner.fit(config, &examples, seed).map_err(LabError::Tuning)?;
        Ok((model, Some(Features { pool, test })))
    }

    /// The small model without free labels, on the pool and on held-out folds of the labels.
    fn own_voice(&self, suggested: &Round, seed: &SeedTree) -> Result<OwnVoice, LabError> {
        let training = Training::new(self, suggested, &CleanSet::default());
        let examples = training.examples(self.classes());
        let model = self.learner.fit(&examples, seed)?;
        let folds = out_of_fold(&*self.learner, &examples, FOLDS, &seed.child("folds"))?;
        Ok(OwnVoice { pool: model.predict(self.task.pool.view())?, out_of_fold: folds })
    }

    /// What a user would be told after this round about whether to go on.
    fn advise(
        &mut self,
        suggested: &Round,
        pool: &Matrix,
        evidence: Option<&OwnVoice>,
    ) -> Result<Advice, LabError> {
        let noise = suggested.trust.as_ref().map_or(0.0, |trust| trust.noise_rate);
        let accuracy = match evidence {
            Some(own) => {
                AccuracyEstimate::of(&self.selector, probabilities(&own.out_of_fold)?, noise)?
            }
            None => None,
        };
        Ok(self.advisor.observe(probabilities(pool)?)?.with_accuracy(accuracy))
    }

    /// What the advice estimates.
    fn labels_only(&self, own: &OwnVoice) -> Result<LabelsOnlyAccuracy, LabError> {
        let clean = &self.task.clean;
        let (pool, held_out) = (probabilities(&own.pool)?, probabilities(&own.out_of_fold)?);
        let mut right: Vec<bool> =
            clean.iter().enumerate().map(|(row, class)| pool.argmax(row) == *class).collect();
        let share = |right: &[bool]| {
            right.iter().filter(|right| **right).count() as f64 / right.len() as f64
        };
        let seen = share(&right);
        for (at, (row, _)) in self.labelled_rows().into_iter().enumerate() {
            right[row] = held_out.argmax(at) == clean[row];
        }
        Ok(LabelsOnlyAccuracy { seen, unseen: share(&right) })
    }

    /// Strategies that ask within the batch get their answers there.
    fn suggest_and_ask(&mut self, number: usize) -> Result<Round, LabError> {
        let extras = self.extras(number)?;
        let Self { config, task, device, selector, oracle, trained, .. } = self;
        let mut state = PoolState::default()
            .with_device(*device)
            .with_prior(probabilities(&task.prior)?)
            .with_embeddings(pool_embeddings(task, trained.as_ref()));
        if let Some(Trained { pool, evidence, .. }) = &*trained {
            state = state.with_model(probabilities(pool)?);
            if let Some(OwnVoice { pool, out_of_fold }) = evidence {
                let own = LabelsOnly::new(probabilities(pool)?, probabilities(out_of_fold)?);
                state = state.with_labels_only(own);
            }
        }
        if let Some(layer) = &extras.layer {
            state = state.with_head(LinearHead::new(layer.weights.view(), &layer.bias)?);
        }
        let passes = extras.passes.iter().map(probabilities).collect::<Result<Vec<_>, _>>()?;
        if !passes.is_empty() {
            state = state.with_passes(&passes);
        }
        let budget = if number == 1 { config.initial } else { config.batch };
        let ask = |ids: &[SampleId]| oracle.answer(ids).map_err(LabError::from);
        selector.suggest_and_ask(&state, budget, config.annotators, ask)
    }

    /// What the small model must say beside its predictions, for the strategies that need it.
    fn extras(&self, number: usize) -> Result<Extras, LabError> {
        let Some(trained) = &self.trained else { return Ok(Extras::default()) };
        let (model, embeddings) = (&trained.model, pool_embeddings(self.task, Some(trained)));
        let needs = self.selector.strategy().needs()?;
        let mut extras = Extras::default();
        if needs.contains(&Input::Head) {
            extras.layer = model.linear_layer();
        }
        if needs.contains(&Input::Passes) {
            let Dropout { passes, rate } = self.config.dropout;
            let seed = self.seed.child("dropout").index(number as u64);
            let pass = |pass| model.predict_with_dropout(embeddings, rate, &seed.index(pass));
            extras.passes = (0..passes).map(pass).collect::<Result<_, _>>()?;
        }
        Ok(extras)
    }

    fn measure(
        &self,
        number: usize,
        suggested: &Round,
        pool: &Matrix,
        test: &Matrix,
    ) -> Result<RoundRecord, LabError> {
        let classes = self.classes();
        let scores = |predicted: &Matrix, clean: &[ClassId]| {
            Scores::measure(&probabilities(predicted)?, clean, self.majority)
        };
        let rows = self.labelled_rows();
        let clean: Vec<ClassId> = rows.iter().map(|(row, _)| self.task.clean[*row]).collect();
        let answered: Vec<ClassId> = rows.iter().map(|(_, class)| *class).collect();
        let labelled = class_counts(&clean, classes)?;
        let pool = scores(pool, &self.task.clean)?;
        Ok(RoundRecord {
            round: number,
            labels: rows.len(),
            minority_labels: minority_labels(&labelled, self.majority),
            diverged: diverged(pool.balanced_accuracy, classes),
            pool,
            test: scores(test, &self.task.test_labels)?,
            labelled,
            answered: class_counts(&answered, classes)?,
            queries_by_prior: suggested.queries_by_prior_label(classes).unwrap_or_default(),
            free: self.free_labels(&suggested.clean),
            trust: suggested.trust.clone(),
            advice: None,
            labels_only: None,
        })
    }

    fn free_labels(&self, clean: &CleanSet) -> FreeLabels {
        let zeros = || vec![0; self.classes()];
        let mut free = FreeLabels {
            given: zeros(),
            wrong: zeros(),
            covered: zeros(),
            ..FreeLabels::default()
        };
        for item in clean.iter() {
            let truth = self.task.clean[item.row];
            free.given[item.class.index()] += 1;
            free.covered[truth.index()] += 1;
            free.wrong[item.class.index()] += usize::from(item.class != truth);
            free.certified += usize::from(item.certified);
            free.certified_wrong += usize::from(item.certified && item.class != truth);
        }
        free
    }

    /// The labelled rows, ascending, with what the oracle answered.
    pub(super) fn labelled_rows(&self) -> Vec<(usize, ClassId)> {
        let labels = self.selector.labels();
        let class = |row: usize| labels.get(&self.task.ids[row]).map(|label: &Label| label.class);
        (0..self.task.ids.len()).filter_map(|row| Some((row, class(row)?))).collect()
    }

    fn classes(&self) -> usize {
        self.task.schema.len()
    }
}

/// Embeddings of the pool as the model of the last round reads them.
fn pool_embeddings<'a>(task: &'a Task, trained: Option<&'a Trained>) -> MatrixView<'a> {
    match trained {
        Some(Trained { features: Some(features), .. }) => features.pool.view(),
        _ => task.pool.view(),
    }
}

/// The learner itself, or the head that a trained encoder starts with.
fn of_embeddings(config: &LearnerConfig) -> Result<Box<dyn Learner>, LabError> {
    let LearnerConfig::FineTune(config) = config else { return Ok(config.build()?) };
    Ok(LearnerConfig::Linear(config.head()).build()?)
}

fn probabilities(matrix: &Matrix) -> Result<Predictions<'_>, CoreError> {
    Predictions::new(matrix.view(), ScoreKind::Probabilities)
}
