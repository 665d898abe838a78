//! One run: one strategy, one seed, round after round.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use alfm_core::{ClassId, Label, Probabilities, SampleId};
use alfm_kernels::device::Device;
use alfm_learn::{Learner, LearnerConfig};
use alfm_loop::{ActiveLearner, LoopConfig};
use alfm_select::{CleanSet, Round, Strategy};

use super::config::ExperimentConfig;
use super::prepare::Task;
use super::tuning::WithSettings;
use crate::Error;
use crate::error::{no_json, no_tuner};
use crate::metrics::{Scores, class_counts, diverged, majority_class, minority_labels};
use crate::oracle::{Oracle, SimulatedOracle};
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
    device: &Arc<dyn Device>,
) -> Result<FinishedRun, Error> {
    let run = run_unless(&AtomicBool::new(false), config, task, strategy, seed, device)?;
    Ok(run.expect("nobody stops it"))
}

/// The same; `None` if `stop` was set before its last round.
pub(super) fn run_unless(
    stop: &AtomicBool,
    config: &ExperimentConfig,
    task: &Task,
    strategy: &Strategy,
    seed: u64,
    device: &Arc<dyn Device>,
) -> Result<Option<FinishedRun>, Error> {
    let mut run = Run::new(config, task, strategy, seed, device)?;
    let (mut rounds, mut seconds) = (Vec::new(), Vec::new());
    while rounds.len() < config.rounds && run.learner.log().labelled() < task.items.len() {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
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
    Ok(Some(FinishedRun { record, seconds }))
}

/// Everything that decides the outcome of a run, but the seed, the data and the device.
pub(super) fn written(
    config: &ExperimentConfig,
    task: &Task,
    strategy: &Strategy,
) -> Result<serde_json::Value, Error> {
    Ok(serde_json::json!({
        "initial": config.initial,
        "batch": config.batch,
        "rounds": config.rounds,
        "pseudo_label_weight": config.pseudo_label_weight,
        "data_seed": config.data_seed,
        "annotators": config.annotators,
        "dropout": serde_json::to_value(config.dropout).map_err(no_json)?,
        "encoder": serde_json::to_value(&config.encoder).map_err(no_json)?,
        "learner": serde_json::to_value(&task.learner).map_err(no_json)?,
        "strategy": serde_json::to_value(strategy).map_err(no_json)?,
    }))
}

/// A learner, the oracle that it asks, and what only the simulation knows.
struct Run<'a> {
    config: &'a ExperimentConfig,
    task: &'a Task,
    learner: ActiveLearner,
    oracle: SimulatedOracle,
    majority: ClassId,
}

impl<'a> Run<'a> {
    fn new(
        config: &'a ExperimentConfig,
        task: &'a Task,
        strategy: &Strategy,
        seed: u64,
        device: &Arc<dyn Device>,
    ) -> Result<Self, Error> {
        let options = LoopConfig::default()
            .with_pseudo_label_weight(config.pseudo_label_weight)
            .with_dropout(config.dropout);
        let embeddings = Arc::clone(&task.pool);
        let mut learner = ActiveLearner::new(task.items.clone(), task.schema.clone(), embeddings)?
            .with_prior(Arc::clone(&task.prior) as _)?
            .with_strategy(strategy.clone())?
            .with_seed(seed)?
            .with_learner(of_embeddings(&task.learner)?)
            .with_device(Arc::clone(device))
            .with_config(options)?;
        if let LearnerConfig::FineTune(settings) = &task.learner {
            let tuner = task.tuner.clone().ok_or_else(no_tuner)?;
            learner = learner.with_tuner(Arc::new(WithSettings::new(tuner, settings.clone())));
        }
        let ids: Vec<SampleId> = task.items.iter().collect();
        Ok(Self {
            config,
            task,
            learner,
            oracle: SimulatedOracle::new(&ids, &task.observed)?,
            majority: majority_class(&task.facts.pool),
        })
    }

    /// Select, ask, train from scratch, measure.
    fn round(&mut self, number: usize) -> Result<(RoundRecord, Seconds), Error> {
        let Self { config, learner, oracle, .. } = self;
        let started = Instant::now();
        let budget = if number == 1 { config.initial } else { config.batch };
        learner.suggest_and_ask(budget, config.annotators, |ids| oracle.answer(ids))?;
        let acquisition = started.elapsed().as_secs_f64();

        let started = Instant::now();
        learner.fit()?;
        let time = Seconds { acquisition, training: started.elapsed().as_secs_f64() };
        let test = match self.learner.other_features()? {
            Some(features) => self.learner.predict(features)?,
            None => self.learner.predict(self.task.test.view())?,
        };
        let record = RoundRecord {
            advice: Some(self.learner.advice().clone()),
            labels_only: self.labels_only()?,
            ..self.measure(number, &test)?
        };
        Ok((record, time))
    }

    /// What the advice estimates, where there is a model of labels alone.
    fn labels_only(&self) -> Result<Option<LabelsOnlyAccuracy>, Error> {
        let Some((pool, held_out)) = self.learner.labels_only_predictions()? else {
            return Ok(None);
        };
        let clean = &self.task.clean;
        let (pool, held_out) = (pool.predictions(), held_out.predictions());
        let mut right: Vec<bool> =
            clean.iter().enumerate().map(|(row, class)| pool.argmax(row) == *class).collect();
        let share = |right: &[bool]| {
            right.iter().filter(|right| **right).count() as f64 / right.len() as f64
        };
        let seen = share(&right);
        for (at, (row, _)) in self.labels()?.into_iter().enumerate() {
            right[row] = held_out.argmax(at) == clean[row];
        }
        Ok(Some(LabelsOnlyAccuracy { seen, unseen: share(&right) }))
    }

    fn measure(&self, number: usize, test: &Probabilities) -> Result<RoundRecord, Error> {
        let nothing = Round::default();
        let suggested = self.learner.round().unwrap_or(&nothing);
        let classes = self.classes();
        let scores = |predicted: &Probabilities, clean: &[ClassId]| {
            Scores::measure(&predicted.predictions(), clean, self.majority)
        };
        let labels = self.labels()?;
        let clean: Vec<ClassId> = labels.iter().map(|(row, _)| self.task.clean[*row]).collect();
        let answered: Vec<ClassId> = labels.iter().map(|(_, label)| label.class).collect();
        let labelled = class_counts(&clean, classes)?;
        let pool = scores(self.learner.pool_predictions()?, &self.task.clean)?;
        Ok(RoundRecord {
            round: number,
            labels: labels.len(),
            minority_labels: minority_labels(&labelled, self.majority),
            diverged: diverged(pool.balanced_accuracy, classes),
            pool,
            test: scores(test, &self.task.test_labels)?,
            labelled,
            answered: class_counts(&answered, classes)?,
            queries_by_prior: suggested.queries_by_prior_label(classes).unwrap_or_default(),
            free: self.free_labels(&suggested.clean)?,
            trust: suggested.trust.clone(),
            advice: None,
            labels_only: None,
        })
    }

    fn free_labels(&self, clean: &CleanSet) -> Result<FreeLabels, Error> {
        let zeros = || vec![0; self.classes()];
        let mut free = FreeLabels {
            given: zeros(),
            wrong: zeros(),
            covered: zeros(),
            ..FreeLabels::default()
        };
        for item in clean.iter() {
            let truth = self.task.clean[self.task.items.row(&item.id)?];
            free.given[item.class.index()] += 1;
            free.covered[truth.index()] += 1;
            free.wrong[item.class.index()] += usize::from(item.class != truth);
            free.certified += usize::from(item.certified);
            free.certified_wrong += usize::from(item.certified && item.class != truth);
        }
        Ok(free)
    }

    /// What the oracle answered, by ascending row.
    fn labels(&self) -> Result<Vec<(usize, Label<'_>)>, Error> {
        self.learner.log().labels_by_row(&self.task.items)
    }

    fn classes(&self) -> usize {
        self.task.schema.len()
    }
}

/// The learner itself, or the head that a trained encoder starts with.
fn of_embeddings(config: &LearnerConfig) -> Result<Arc<dyn Learner>, Error> {
    let LearnerConfig::FineTune(config) = config else { return Ok(Arc::from(config.build()?)) };
    Ok(Arc::from(LearnerConfig::Linear(config.head()).build()?))
}
