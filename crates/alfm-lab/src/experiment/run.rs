//! One run: one strategy, one seed, round after round.

use std::time::Instant;

use alfm_core::{ClassId, CoreError, Label, Matrix, Predictions, SampleId, ScoreKind, SeedTree};
use alfm_data::{Oracle, SimulatedOracle};
use alfm_learn::{Classifier, Examples, Learner, LinearLayer};
use alfm_select::acquire::{Input, LinearHead};
use alfm_select::{CleanSet, PoolState, Round, Selector, Strategy};

use super::config::{Dropout, ExperimentConfig};
use super::prepare::Task;
use crate::LabError;
use crate::metrics::{Scores, class_counts, diverged, majority_class, minority_labels};
use crate::record::{FinishedRun, FreeLabels, RoundRecord, RunRecord, Seconds};

/// Runs one strategy with one seed (protocol section 1).
///
/// The strategy and the trainer see what the oracle answered; clean labels are for metrics only. The first
/// batch is random and the same for every strategy of a seed. The run ends early when the pool is empty.
///
/// # Errors
/// As the strategy and the learner say.
pub fn run_one(
    config: &ExperimentConfig,
    task: &Task,
    strategy: &Strategy,
    seed: u64,
) -> Result<FinishedRun, LabError> {
    let mut run = Run::new(config, task, strategy, seed)?;
    let mut rounds = Vec::with_capacity(config.rounds);
    let mut seconds = Vec::with_capacity(config.rounds);
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
        versions: [("alfm".to_owned(), env!("CARGO_PKG_VERSION").to_owned())].into(),
        data: task.facts.clone(),
        rounds,
    };
    Ok(FinishedRun { record, seconds })
}

/// Everything that decides the outcome of a run, but the seed and the data.
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

struct Run<'a> {
    config: &'a ExperimentConfig,
    task: &'a Task,
    seed: SeedTree,
    learner: Box<dyn Learner>,
    selector: Selector,
    oracle: SimulatedOracle,
    majority: ClassId,
    /// The small model and its predictions on the pool, `N x K`; none before the first training.
    model: Option<(Box<dyn Classifier>, Matrix)>,
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
    ) -> Result<Self, LabError> {
        let ids = task.ids.iter().cloned();
        Ok(Self {
            config,
            task,
            seed: SeedTree::new(seed),
            learner: task.learner.build()?,
            selector: Selector::new(strategy.clone(), task.schema.clone(), ids, seed)?,
            oracle: SimulatedOracle::new(&task.ids, &task.observed)?,
            majority: majority_class(&task.facts.pool),
            model: None,
        })
    }

    /// Select, ask, train from scratch, measure.
    fn round(&mut self, number: usize) -> Result<(RoundRecord, Seconds), LabError> {
        let started = Instant::now();
        let suggested = self.suggest_and_ask(number)?;
        let acquisition = started.elapsed().as_secs_f64();

        let started = Instant::now();
        let training = Training::new(self, &suggested.clean)?;
        let seed = self.seed.child("learner").index(number as u64);
        let model = self.learner.fit(&training.examples(self.classes()), &seed)?;
        let time = Seconds { acquisition, training: started.elapsed().as_secs_f64() };
        let (pool, test) =
            (model.predict(self.task.pool.view())?, model.predict(self.task.test.view())?);
        let record = self.measure(number, &suggested, &pool, &test)?;
        self.model = Some((model, pool));
        Ok((record, time))
    }

    /// Strategies that ask within the batch get their answers there.
    fn suggest_and_ask(&mut self, number: usize) -> Result<Round, LabError> {
        let extras = self.extras(number)?;
        let Self { config, task, selector, oracle, model, .. } = self;
        let mut state = PoolState::default()
            .with_prior(probabilities(&task.prior)?)
            .with_embeddings(task.pool.view());
        if let Some((_, model)) = model {
            state = state.with_model(probabilities(model)?);
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
        let Some((model, _)) = &self.model else { return Ok(Extras::default()) };
        let needs = self.selector.strategy().needs()?;
        let mut extras = Extras::default();
        if needs.contains(&Input::Head) {
            extras.layer = model.linear_layer();
        }
        if needs.contains(&Input::Passes) {
            let Dropout { passes, rate } = self.config.dropout;
            let seed = self.seed.child("dropout").index(number as u64);
            let pass =
                |pass| model.predict_with_dropout(self.task.pool.view(), rate, &seed.index(pass));
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
            let predicted = Predictions::new(predicted.view(), ScoreKind::Probabilities)?;
            Scores::measure(&predicted, clean, self.majority)
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
        })
    }

    fn free_labels(&self, clean: &CleanSet) -> FreeLabels {
        let zeros = || vec![0; self.classes()];
        let mut free = FreeLabels { given: zeros(), wrong: zeros(), covered: zeros() };
        for item in clean.iter() {
            let truth = self.task.clean[item.row];
            free.given[item.class.index()] += 1;
            free.covered[truth.index()] += 1;
            free.wrong[item.class.index()] += usize::from(item.class != truth);
        }
        free
    }

    /// The labelled rows, ascending, with what the oracle answered.
    fn labelled_rows(&self) -> Vec<(usize, ClassId)> {
        let labels = self.selector.labels();
        let class = |row: usize| labels.get(&self.task.ids[row]).map(|label: &Label| label.class);
        (0..self.task.ids.len()).filter_map(|row| Some((row, class(row)?))).collect()
    }

    fn classes(&self) -> usize {
        self.task.schema.len()
    }
}

fn probabilities(matrix: &Matrix) -> Result<Predictions<'_>, CoreError> {
    Predictions::new(matrix.view(), ScoreKind::Probabilities)
}

/// The oracle's labels and the free ones, as the learner takes them.
struct Training {
    embeddings: Matrix,
    labels: Vec<ClassId>,
    weights: Vec<f32>,
}

impl Training {
    fn new(run: &Run<'_>, clean: &CleanSet) -> Result<Self, LabError> {
        let mut examples: Vec<(usize, ClassId, f32)> =
            run.labelled_rows().into_iter().map(|(row, class)| (row, class, 1.0)).collect();
        let weight = run.config.pseudo_label_weight;
        match clean.soft() {
            None => examples.extend(clean.iter().map(|item| (item.row, item.class, weight))),
            // A soft target is its item once for each class, weighted by the class's probability.
            Some(soft) => {
                for (item, target) in clean.iter().zip(soft.view().iter()) {
                    let of_class = |(class, p): (usize, &f32)| {
                        (item.row, ClassId::from_index(class), weight * p)
                    };
                    examples.extend(target.iter().enumerate().map(of_class));
                }
            }
        }
        Ok(Self {
            embeddings: run.task.pool.view().gather(examples.iter().map(|example| example.0)),
            labels: examples.iter().map(|example| example.1).collect(),
            weights: examples.iter().map(|example| example.2).collect(),
        })
    }

    fn examples(&self, classes: usize) -> Examples<'_> {
        Examples {
            embeddings: self.embeddings.view(),
            labels: &self.labels,
            weights: &self.weights,
            classes,
        }
    }
}
