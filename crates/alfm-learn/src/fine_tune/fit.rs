use std::ops::ControlFlow;
use std::path::Path;

use alfm_core::{ClassId, Matrix, MatrixView, SeedTree};
use alfm_embed::{Prepared, Trunk};
use rand::seq::SliceRandom;

use super::checkpoint::Checkpoints;
use super::head::Head;
use super::model::FineTuned;
use super::objective::Objective;
use super::schedule::Schedule;
use super::split::held_out;
use super::state::{EpochLoss, State};
use crate::{Error, ErrorKind, Examples, FineTune, FineTuneConfig, Learner};

/// Items to train an encoder on: [`Examples`] with the items themselves in place of embeddings.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ItemExamples<'a> {
    /// All items.
    pub items: &'a Prepared<'a>,
    /// Position of each of the `N` examples among the items.
    pub rows: &'a [usize],
    /// Class of each of the first `n` examples.
    pub labels: &'a [ClassId],
    /// Weight of each example, length `N`.
    pub weights: &'a [f32],
    /// Number of classes `K`, seen or not.
    pub classes: usize,
    /// Class distributions of the other `N - n` examples, such as pseudo labels, one a row, `K` columns.
    pub soft: Option<MatrixView<'a>>,
}

impl<'a> ItemExamples<'a> {
    /// Items with a class each.
    pub fn new(
        items: &'a Prepared<'a>,
        rows: &'a [usize],
        labels: &'a [ClassId],
        weights: &'a [f32],
        classes: usize,
    ) -> Self {
        Self { items, rows, labels, weights, classes, soft: None }
    }

    /// Says that the examples after the labelled ones have these class distributions.
    #[must_use]
    pub fn with_soft(mut self, soft: MatrixView<'a>) -> Self {
        self.soft = Some(soft);
        self
    }

    fn check_rows(&self) -> Result<(), Error> {
        let count = self.items.count();
        match self.rows.iter().find(|row| **row >= count) {
            Some(&row) => Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "an example is item {row}, but there are {count} items: give rows below that"
                ),
            )
            .at_row(row)),
            None => Ok(()),
        }
    }

    /// In place of embeddings, where only targets are asked for: `N x 1`.
    fn blank(&self) -> Result<Matrix, Error> {
        Matrix::new(vec![0.0; self.rows.len()], self.rows.len(), 1)
    }

    /// The same with embeddings.
    fn embedded(&self, embeddings: MatrixView<'a>) -> Result<Examples<'a>, Error> {
        let mut examples = Examples::new(embeddings, self.labels, self.weights, self.classes);
        examples.soft = self.soft;
        examples.check()?;
        Ok(examples)
    }
}

/// A step of a fit, as progress tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FineTuneStep {
    /// Counts from 1.
    pub epoch: usize,
    /// Counts from 1, over all epochs.
    pub step: usize,
    /// Steps of all epochs.
    pub steps: usize,
    /// Loss of the batch before the step, in nats.
    pub loss: f64,
    /// Learning rate of the encoder.
    pub learning_rate: f64,
}

impl FineTune {
    /// Trains a copy of the encoder and a head over the seen classes; the same encoder, examples and seed give the
    /// same bytes, whatever the number of threads.
    ///
    /// After each step `progress` is told, and may break off. With a folder for `checkpoints` the fit is written
    /// there after each epoch, the best epoch as a model folder `best`, if labels are held out; the same call goes
    /// on from there, to the same bytes. Where labels are held out, class weights are those of all labels.
    ///
    /// A step takes `O(parameters * tokens)` time; memory is five times the encoder, six where labels are held out,
    /// and the activations of a batch.
    ///
    /// # Errors
    /// Examples as [`Examples::check`] says, an item that cannot be read, a fit that diverges or
    /// was broken off, and checkpoints that can't be used.
    pub fn fit(
        &self,
        trunk: Trunk,
        examples: &ItemExamples<'_>,
        seed: &SeedTree,
        checkpoints: Option<&Path>,
        progress: &mut dyn FnMut(FineTuneStep) -> ControlFlow<()>,
    ) -> Result<FineTuned, Error> {
        examples.check_rows()?;
        let config = self.config();
        let objective =
            Objective::new(&examples.embedded(examples.blank()?.view())?, config.balanced);
        let checkpoints =
            checkpoints.map(|folder| Checkpoints::new(folder, config, &trunk, examples, seed));
        let head = Head::zero(trunk.dimension(), objective.seen.len());
        let mut state = State::new(trunk, head);
        let begun = match &checkpoints {
            Some(checkpoints) => checkpoints.load(&mut state)?,
            None => false,
        };
        if !begun {
            state.head = self.head(&state.trunk, examples, &objective, seed)?;
        }
        let run = Run::new(config, examples, &objective, seed);
        while !run.finished(&state) {
            let training = run.epoch(&mut state, progress)?;
            let held_out = run.held_out_loss(&state)?;
            let better = state.record(EpochLoss { training, held_out });
            if let Some(checkpoints) = &checkpoints {
                checkpoints.save(&state, better)?;
            }
        }
        let steps = run.batches * state.history.len();
        FineTuned::new(state, objective, examples.classes, steps)
    }

    /// Logistic regression on the published features.
    fn head(
        &self,
        trunk: &Trunk,
        examples: &ItemExamples<'_>,
        objective: &Objective,
        seed: &SeedTree,
    ) -> Result<Head, Error> {
        let embeddings = trunk.encode(examples.items, examples.rows, &mut |_, _| {})?;
        let embedded = examples.embedded(embeddings.view())?;
        let model = self.config().head().check()?.fit(&embedded, seed)?;
        let layer = model.linear_layer().expect("logistic regression is one layer");
        Ok(Head::of_layer(&layer, &objective.seen))
    }
}

/// What stays the same over the epochs of a fit.
pub(super) struct Run<'a> {
    config: &'a FineTuneConfig,
    examples: &'a ItemExamples<'a>,
    objective: &'a Objective,
    seed: SeedTree,
    /// Examples that are learned from.
    training: Vec<usize>,
    held_out: Vec<usize>,
    /// Steps of an epoch.
    batches: usize,
    schedule: Schedule,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        config: &'a FineTuneConfig,
        examples: &'a ItemExamples<'a>,
        objective: &'a Objective,
        seed: &SeedTree,
    ) -> Self {
        let counting: Vec<usize> =
            (0..examples.rows.len()).filter(|example| objective.counts(*example)).collect();
        let held_out = if config.patience == 0 {
            Vec::new()
        } else {
            let labelled = counting.iter().copied().filter(|at| *at < examples.labels.len());
            let labelled: Vec<usize> = labelled.collect();
            let labels: Vec<ClassId> = labelled.iter().map(|at| examples.labels[*at]).collect();
            let seed = seed.child("held-out");
            let held = held_out(&labels, examples.classes, config.held_out, &seed);
            held.into_iter().map(|at| labelled[at]).collect()
        };
        let training: Vec<usize> =
            counting.into_iter().filter(|at| held_out.binary_search(at).is_err()).collect();
        let batches = training.len().div_ceil(config.batch_size);
        let schedule = Schedule::new(config.epochs * batches, config.warmup);
        let seed = seed.child("epochs");
        Self { config, examples, objective, seed, training, held_out, batches, schedule }
    }

    fn finished(&self, state: &State) -> bool {
        let patience = self.config.patience;
        state.history.len() >= self.config.epochs || (patience > 0 && state.stale() >= patience)
    }

    /// One pass over the examples; the mean loss of its steps.
    fn epoch(
        &self,
        state: &mut State,
        progress: &mut dyn FnMut(FineTuneStep) -> ControlFlow<()>,
    ) -> Result<f64, Error> {
        let epoch = state.history.len();
        let mut order = self.training.clone();
        order.shuffle(&mut self.seed.index(epoch as u64).rng());
        let mut sum = 0.0;
        for batch in 0..self.batches {
            let part = |batch| batch * order.len() / self.batches;
            let step = epoch * self.batches + batch;
            let loss = self.step(state, &order[part(batch)..part(batch + 1)], step)?;
            sum += loss;
            let told = FineTuneStep {
                epoch: epoch + 1,
                step: step + 1,
                steps: self.config.epochs * self.batches,
                loss,
                learning_rate: self.config.learning_rate * self.schedule.share(step),
            };
            if progress(told).is_break() {
                let (step, remedy) = (step + 1, "run it again to go on from its checkpoint");
                let message = format!("training was interrupted after step {step}: {remedy}");
                return Err(Error::new(ErrorKind::Stopped, message));
            }
        }
        Ok(sum / self.batches as f64)
    }

    /// Step `step`, counted from 0, on some of the examples; their loss.
    pub(super) fn step(
        &self,
        state: &mut State,
        batch: &[usize],
        step: usize,
    ) -> Result<f64, Error> {
        let pass = state.trunk.forward(self.examples.items, &self.rows(batch))?;
        let features = pass.features();
        // So the mean over batches is the loss of all examples, in value and gradient.
        let share = self.training.len() as f64 / batch.len() as f64;
        let (loss, slopes) = self.objective.loss(batch, share, state.head.logits(&features));
        let head = state.head.backward(&features, &slopes);
        let gradients = pass.backward(head.features.clone());
        let number = (step + 1, self.schedule.share(step));
        match state.step(gradients, head, self.config, number) {
            Some(()) if loss.is_finite() => Ok(loss),
            _ => Err(Error::new(
                ErrorKind::Setting,
                format!(
                    "training diverged at step {}: lower `learning_rate` and `head_learning_rate`",
                    step + 1
                ),
            )),
        }
    }

    fn held_out_loss(&self, state: &State) -> Result<Option<f64>, Error> {
        if self.held_out.is_empty() {
            return Ok(None);
        }
        let rows = self.rows(&self.held_out);
        let features = state.trunk.encode(self.examples.items, &rows, &mut |_, _| {})?;
        let features = features.into_values();
        Ok(Some(self.objective.mean(&self.held_out, &features, &state.head)))
    }

    /// Items of examples.
    fn rows(&self, examples: &[usize]) -> Vec<usize> {
        examples.iter().map(|example| self.examples.rows[*example]).collect()
    }
}
