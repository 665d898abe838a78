use std::fmt;
use std::sync::Arc;

use alfm_core::{
    Answer, ClassId, ClassSchema, Error, Items, LabelLog, Matrix, MatrixView, Probabilities,
    SampleId, SeedTree, Source,
};
use alfm_learn::{Classifier, Learner, LearnerConfig, out_of_fold};
use alfm_select::acquire::{Input, LinearHead, Needs, one_answer_each};
use alfm_select::kernels::device::Device;
use alfm_select::{
    AccuracyEstimate, Advice, Advisor, CleanSet, Inputs, LabelsOnly, PriorAlConfig, Round,
    Selector, Strategy,
};

use crate::config::LoopConfig;
use crate::evidence::{Fitted, LabelsOnlyModel};
use crate::features::{Features, Prior};
use crate::training::Training;
use crate::tuner::{Tuned, Tuner};

/// Asks, is told, and learns, round after round.
///
/// It holds the label log and all that a round is made of, and sees no label that it was not told. The same seed,
/// inputs and answers give the same bytes, whatever the number of threads, and whether or not it was saved and resumed
/// in between.
///
/// A round is [`suggest`](ActiveLearner::suggest), [`tell`](ActiveLearner::tell) or
/// [`answer`](ActiveLearner::answer), and [`fit`](ActiveLearner::fit), which `suggest` does itself where labels have
/// come since the last one.
pub struct ActiveLearner {
    pub(crate) items: Items,
    pub(crate) log: LabelLog,
    pub(crate) embeddings: Arc<dyn Features>,
    prior: Option<Arc<dyn Prior>>,
    surprisal: Option<Arc<dyn Features>>,
    device: Option<Arc<dyn Device>>,
    learner: Arc<dyn Learner>,
    tuner: Option<Arc<dyn Tuner>>,
    pub(crate) selector: Selector,
    needs: Needs,
    pub(crate) seed: u64,
    pub(crate) config: LoopConfig,
    /// The last suggestion; its free labels train the model of this round.
    pub(crate) round: Option<Arc<Round>>,
    pub(crate) fit: Option<LastFit>,
    pub(crate) advisor: Advisor,
    pub(crate) advice: Advice,
}

/// The last fit, and what it was made from.
pub(crate) struct LastFit {
    pub(crate) fitted: Fitted,
    /// Entries of the log at that time.
    pub(crate) entries: usize,
    pub(crate) round: Option<Arc<Round>>,
}

impl ActiveLearner {
    /// A learner over items and their embeddings (`N x D`), none of them labelled: `prioral-guarded` with logistic
    /// regression and seed 0, until it is told otherwise. Without a [prior](ActiveLearner::with_prior) say which
    /// strategy to ask by, [`balanced-margin`](ActiveLearner::with_strategy) for example.
    ///
    /// # Errors
    /// An empty pool, or embeddings of another length.
    pub fn new(
        items: Items,
        schema: ClassSchema,
        embeddings: Arc<dyn Features>,
    ) -> Result<Self, Error> {
        let (expected, got) = (items.len(), embeddings.view().rows());
        if got != expected {
            return Err(Error::row_count("embeddings", expected, got));
        }
        let strategy = Strategy::prioral(PriorAlConfig::guarded());
        Ok(Self {
            log: LabelLog::new(schema),
            items,
            embeddings,
            prior: None,
            surprisal: None,
            device: None,
            learner: Arc::from(LearnerConfig::default().build()?),
            tuner: None,
            needs: strategy.needs()?,
            selector: Selector::new(strategy, 0)?,
            seed: 0,
            config: LoopConfig::default(),
            round: None,
            fit: None,
            advisor: Advisor::default(),
            advice: Advice::default(),
        })
    }

    /// Adds a foundation model's class probabilities, `N x K`.
    ///
    /// # Errors
    /// Another shape, or rows that are no distributions.
    pub fn with_prior(mut self, prior: Arc<dyn Prior>) -> Result<Self, Error> {
        let inputs = Inputs::default().with_prior(prior.predictions()?);
        inputs.check(self.items.len(), Some(self.log.schema().len()), 0)?;
        self.prior = Some(prior);
        Ok(self)
    }

    /// Sets the strategy.
    ///
    /// # Errors
    /// A strategy whose options do not hold.
    pub fn with_strategy(mut self, strategy: Strategy) -> Result<Self, Error> {
        self.needs = strategy.needs()?;
        self.selector = Selector::new(strategy, self.seed)?;
        Ok(self)
    }

    /// Sets the seed.
    ///
    /// # Errors
    /// As [`with_strategy`](ActiveLearner::with_strategy).
    pub fn with_seed(mut self, seed: u64) -> Result<Self, Error> {
        self.seed = seed;
        let strategy = self.selector.strategy().clone();
        self.with_strategy(strategy)
    }

    /// Sets the small model, one of [`LearnerConfig`] or one's own.
    #[must_use]
    pub fn with_learner(mut self, learner: Arc<dyn Learner>) -> Self {
        self.learner = learner;
        self
    }

    /// Sets a model that trains the encoder as well. Evidence about the prior then comes from the
    /// [learner](ActiveLearner::with_learner) on the published embeddings, which is fast.
    #[must_use]
    pub fn with_tuner(mut self, tuner: Arc<dyn Tuner>) -> Self {
        self.tuner = Some(tuner);
        self
    }

    /// Adds a language model's surprisal at every token, `N x T`, which the strategy `alps` selects by.
    #[must_use]
    pub fn with_surprisal(mut self, surprisal: Arc<dyn Features>) -> Self {
        self.surprisal = Some(surprisal);
        self
    }

    /// Sets where the kernels of the strategies run; on the processor unless told otherwise.
    #[must_use]
    pub fn with_device(mut self, device: Arc<dyn Device>) -> Self {
        self.device = Some(device);
        self
    }

    /// Sets the other options.
    ///
    /// # Errors
    /// For the first one out of range.
    pub fn with_config(mut self, config: LoopConfig) -> Result<Self, Error> {
        config.check()?;
        self.config = config;
        Ok(self)
    }

    /// Suggests `min(budget, open)` items to ask about, and hands them out: they are not suggested again until they
    /// are answered or released. Fits first where labels have come since the last fit.
    ///
    /// # Errors
    /// As [`Selector::suggest`] and [`fit`](ActiveLearner::fit).
    pub fn suggest(&mut self, budget: usize) -> Result<&Round, Error> {
        self.fit_if_stale()?;
        let round = self.with_inputs(|selector, items, log, inputs| {
            selector.suggest(items, log, inputs, budget)
        })?;
        self.take(round)
    }

    /// A batch that is answered by an oracle, a function from ids to classes: strategies that ask within the batch are
    /// told after every `annotators` answers, the others ask all at once. What the oracle has answered is recorded
    /// even where it fails later.
    ///
    /// # Errors
    /// As [`Selector::suggest_and_ask`] and [`fit`](ActiveLearner::fit).
    pub fn suggest_and_ask<E: From<Error>>(
        &mut self,
        budget: usize,
        annotators: usize,
        mut oracle: impl FnMut(&[SampleId]) -> Result<Vec<ClassId>, E>,
    ) -> Result<&Round, E> {
        self.fit_if_stale()?;
        let mut answers: Vec<(SampleId, ClassId)> = Vec::new();
        let ask = |asked: &[SampleId]| {
            let classes = oracle(asked)?;
            one_answer_each(asked.len(), classes.len())?;
            answers.extend(asked.iter().cloned().zip(classes.iter().copied()));
            Ok(classes)
        };
        let round = self.with_inputs(|selector, items, log, inputs| {
            selector.suggest_and_ask(items, log, inputs, budget, annotators, ask)
        });
        match round {
            Ok(round) => {
                self.take(round)?;
                self.log.tell(&answers)?;
            }
            Err(error) => {
                self.log.tell(&answers)?;
                return Err(error);
            }
        }
        Ok(self.last_round())
    }

    /// Records what people said of items. On an error nothing is recorded.
    ///
    /// Any item may be told, suggested or not; a second label replaces the first.
    ///
    /// # Errors
    /// An item that the pool does not hold, and as [`LabelLog::tell`].
    pub fn tell(&mut self, labels: &[(SampleId, ClassId)]) -> Result<(), Error> {
        labels.iter().try_for_each(|(id, _)| self.items.row(id).map(drop))?;
        self.log.tell(labels)
    }

    /// Records answers of any kind from one annotator. On an error nothing is recorded.
    ///
    /// # Errors
    /// An item that the pool does not hold, and as [`LabelLog::answer`].
    pub fn answer(&mut self, answers: &[(SampleId, Answer)], source: &Source) -> Result<(), Error> {
        answers.iter().try_for_each(|(id, _)| self.items.row(id).map(drop))?;
        self.log.answer(answers, source)
    }

    /// Takes items back from whoever they were suggested to.
    ///
    /// # Errors
    /// An item that the pool does not hold, and as [`LabelLog::release`].
    pub fn release(&mut self, ids: Vec<SampleId>) -> Result<(), Error> {
        ids.iter().try_for_each(|id| self.items.row(id).map(drop))?;
        self.log.release(ids)
    }

    /// Trains the small model from its start on all labels and the free ones of the last suggestion, and gathers what
    /// the strategy needs: the model of labels alone with its out-of-fold predictions, the head, stochastic passes.
    ///
    /// One fit, `folds + 1` more where the strategy weighs a prior, and a prediction of the pool for each of the two.
    ///
    /// # Errors
    /// Without labels, fewer than two of them where out-of-fold predictions are needed, and as the learner says.
    pub fn fit(&mut self) -> Result<&Advice, Error> {
        let fitted = self.train(&self.log, self.round.as_deref())?;
        let noise = self.round.as_ref().and_then(|round| round.trust.as_ref());
        let noise = noise.map_or(0.0, |trust| trust.noise_rate);
        let accuracy = match &fitted.labels_only {
            Some(own) => {
                let held_out = own.out_of_fold.predictions();
                AccuracyEstimate::of(&self.items, &self.log, held_out, noise)?
            }
            None => None,
        };
        self.advice = self.advisor.observe(fitted.pool.predictions())?.with_accuracy(accuracy);
        let (entries, round) = (self.log.entries().len(), self.round.clone());
        self.fit = Some(LastFit { fitted, entries, round });
        Ok(&self.advice)
    }

    /// What a fit on this log and these free labels makes; no state of the learner decides it.
    pub(crate) fn train(&self, log: &LabelLog, round: Option<&Round>) -> Result<Fitted, Error> {
        let (nothing, number) = (Round::default(), u64::from(log.next_round()));
        let round = round.unwrap_or(&nothing);
        let seed = SeedTree::new(self.seed);
        let (learner_seed, embeddings) =
            (seed.child("learner").index(number), self.embeddings.view());
        let training = |clean: &CleanSet| {
            let weight = self.config.pseudo_label_weight;
            Training::new((&self.items, log), embeddings, round, clean, weight)
        };
        let all = training(&round.clean)?;
        let (model, features, others) = match &self.tuner {
            Some(tuner) => {
                let Tuned { model, pool, others } = tuner.fit(&all.for_tuning(), &learner_seed)?;
                (model, Some(pool), others)
            }
            None => (self.learn(&all, &learner_seed)?, None, None),
        };
        let labels_only = if self.needs.contains(Input::LabelsOnly) {
            let told = training(&CleanSet::default())?;
            let own = self.learn(&told, &learner_seed)?;
            let folds = learner_seed.child("folds");
            let out_of_fold =
                out_of_fold(&*self.learner, &told.examples(), self.config.folds, &folds)?;
            Some(LabelsOnlyModel { pool: own.predict(embeddings)?, out_of_fold })
        } else {
            None
        };
        let pool = model.predict(features.as_ref().map_or(embeddings, Matrix::view))?;
        let mut fitted = Fitted {
            model,
            pool_features: features,
            other_features: others,
            pool,
            labels_only,
            head: None,
            passes: Vec::new(),
        };
        let passes = seed.child("dropout").index(number + 1);
        fitted.gather(self.needs, &*self.embeddings, self.config.dropout, &passes)?;
        Ok(fitted)
    }

    fn learn(&self, training: &Training, seed: &SeedTree) -> Result<Box<dyn Classifier>, Error> {
        let examples = training.examples();
        let reduced = examples.reduced(self.learner.capabilities())?;
        self.learner.fit(&reduced.examples(), seed)
    }

    /// Class probabilities, `m x K`, of embeddings by the last model: those of new items, or of the pool.
    ///
    /// # Errors
    /// Before the first fit, and embeddings of another width.
    pub fn predict(&self, embeddings: MatrixView<'_>) -> Result<Probabilities, Error> {
        self.model()?.predict(embeddings)
    }

    /// The last model.
    ///
    /// # Errors
    /// Before the first fit.
    pub fn model(&self) -> Result<&dyn Classifier, Error> {
        Ok(&*self.fitted()?.model)
    }

    /// Class probabilities of the pool by the last model, `N x K`.
    ///
    /// # Errors
    /// Before the first fit.
    pub fn pool_predictions(&self) -> Result<&Probabilities, Error> {
        Ok(&self.fitted()?.pool)
    }

    /// Class probabilities of the pool, `N x K`, and out of fold of the labelled items by ascending row, `n x K`, by the
    /// model of labels alone; only for strategies that weigh a prior.
    ///
    /// # Errors
    /// Before the first fit.
    pub fn labels_only_predictions(
        &self,
    ) -> Result<Option<(&Probabilities, &Probabilities)>, Error> {
        let own = self.fitted()?.labels_only.as_ref();
        Ok(own.map(|own| (&own.pool, &own.out_of_fold)))
    }

    /// Features of the other items that a [`Tuner`] was made with.
    ///
    /// # Errors
    /// Before the first fit.
    pub fn other_features(&self) -> Result<Option<MatrixView<'_>>, Error> {
        Ok(self.fitted()?.other_features.as_ref().map(Matrix::view))
    }

    fn fitted(&self) -> Result<&Fitted, Error> {
        let before = || {
            let message = "there is no model yet: tell some labels and fit first";
            Error::new(alfm_core::ErrorKind::State, message)
        };
        self.fit.as_ref().map(|fit| &fit.fitted).ok_or_else(before)
    }

    /// What can be said after the last fit about whether to go on.
    pub fn advice(&self) -> &Advice {
        &self.advice
    }

    /// The last suggestion.
    pub fn round(&self) -> Option<&Round> {
        self.round.as_deref()
    }

    /// The labelled items with their classes, in the order of the pool.
    ///
    /// # Errors
    /// A labelled item that the pool does not hold.
    pub fn labelled(&self) -> Result<Vec<(SampleId, ClassId)>, Error> {
        let labels = self.log.labels_by_row(&self.items)?;
        Ok(labels.into_iter().map(|(_, label)| (label.id.clone(), label.class)).collect())
    }

    /// The items.
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// The embeddings of the pool.
    pub fn embeddings(&self) -> MatrixView<'_> {
        self.embeddings.view()
    }

    /// All that was asked and answered.
    pub fn log(&self) -> &LabelLog {
        &self.log
    }

    /// The log itself, to record what is not among the methods here: seed labels, leases, changes of classes.
    pub fn log_mut(&mut self) -> &mut LabelLog {
        &mut self.log
    }

    /// The strategy.
    pub fn strategy(&self) -> &Strategy {
        self.selector.strategy()
    }

    fn fit_if_stale(&mut self) -> Result<(), Error> {
        let seen = self.fit.as_ref().map_or(0, |fit| fit.entries);
        let new = &self.log.entries()[seen..];
        let told = new.iter().any(|entry| !entry.event.is_suggestion());
        if told && self.log.labelled() > 0 { self.fit().map(drop) } else { Ok(()) }
    }

    fn take(&mut self, round: Round) -> Result<&Round, Error> {
        round.hand_out(&mut self.log, None)?;
        self.round = Some(Arc::new(round));
        Ok(self.last_round())
    }

    fn last_round(&self) -> &Round {
        self.round.as_deref().expect("a round was just taken")
    }

    /// Calls the selector with all that is known of the pool.
    fn with_inputs<T, E: From<Error>>(
        &self,
        act: impl FnOnce(&Selector, &Items, &LabelLog, &Inputs<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut inputs = Inputs::default();
        inputs.device = self.device.as_deref();
        inputs.surprisal = self.surprisal.as_ref().map(|surprisal| surprisal.view());
        inputs.prior = self.prior.as_ref().map(|prior| prior.predictions()).transpose()?;
        inputs.embeddings = Some(self.embeddings.view());
        let fitted = self.fit.as_ref().map(|fit| &fit.fitted);
        let passes = fitted.map_or(&[][..], |fitted| &fitted.passes);
        let passes: Vec<_> = passes.iter().map(Probabilities::predictions).collect();
        if let Some(Fitted { pool, pool_features, labels_only, head, .. }) = fitted {
            inputs.model = Some(pool.predictions());
            inputs.embeddings = pool_features.as_ref().map(Matrix::view).or(inputs.embeddings);
            if let Some(own) = labels_only {
                let (pool, held_out) = (own.pool.predictions(), own.out_of_fold.predictions());
                inputs.labels_only = Some(LabelsOnly::new(pool, held_out));
            }
            if let Some(head) = head {
                inputs.head = Some(LinearHead::new(head.weights.view(), &head.bias)?);
            }
            inputs.passes = Some(&passes[..]).filter(|passes| !passes.is_empty());
        }
        act(&self.selector, &self.items, &self.log, &inputs)
    }
}

impl fmt::Debug for ActiveLearner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveLearner")
            .field("items", &self.items.len())
            .field("labelled", &self.log.labelled())
            .field("strategy", &self.strategy().label())
            .finish_non_exhaustive()
    }
}
