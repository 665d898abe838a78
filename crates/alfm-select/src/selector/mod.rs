mod ask;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use alfm_acquire::{Acquisition, Pick, Pool, Random};
use alfm_core::{
    ClassId, ClassSchema, Label, LabelStore, Predictions, Provenance, SampleId, SeedTree,
};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::empty_pool;
use crate::guard::{Verdict, probabilities};
use crate::prioral::{Decision, History, joint_probabilities};
use crate::strategy::Engine;
use crate::{
    CleanRule, CleanSet, Error, ErrorKind, PoolState, PriorAl, Query, Round, Strategy, Suspect,
};

/// Suggests batches and is told labels.
///
/// Asking changes nothing but the number of the round: the same state gives the same batch until a label
/// comes in. Telling and training are two steps; how many labels come back, and in which order, is free.
///
/// Saved with `serde`, it resumes where it was.
#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct Selector {
    strategy: Strategy,
    seed: u64,
    #[serde(serialize_with = "as_slice")]
    ids: Arc<[SampleId]>,
    labels: LabelStore,
    round: u32,
    told: bool,
    /// The items that were asked at random.
    random: BTreeSet<SampleId>,
    #[serde(skip)]
    engine: Engine,
    #[serde(skip)]
    observed: Vec<Option<ClassId>>,
    #[serde(skip)]
    row_of: HashMap<SampleId, usize>,
}

impl Selector {
    /// A selector over the given items, of which none is labelled.
    ///
    /// # Errors
    /// An empty pool, a repeated id, or a strategy whose options do not hold.
    pub fn new(
        strategy: Strategy,
        schema: ClassSchema,
        ids: impl IntoIterator<Item = SampleId>,
        seed: u64,
    ) -> Result<Self, Error> {
        let ids: Arc<[SampleId]> = ids.into_iter().collect();
        if ids.is_empty() {
            return Err(empty_pool());
        }
        let mut row_of = HashMap::with_capacity(ids.len());
        for (row, id) in ids.iter().enumerate() {
            if row_of.insert(id.clone(), row).is_some() {
                return Err(Error::duplicate("item", id));
            }
        }
        Ok(Self {
            engine: strategy.engine()?,
            observed: vec![None; ids.len()],
            labels: LabelStore::new(schema),
            round: 0,
            told: false,
            random: BTreeSet::new(),
            strategy,
            seed,
            ids,
            row_of,
        })
    }

    /// The next batch: `min(budget, unlabelled)` distinct unlabelled items, and the free labels.
    ///
    /// Without a model and without labels the batch is random, the same for every strategy of a seed, so
    /// that comparisons are paired. PriorAL costs `O(N K)` time and `O(N)` memory; the others as
    /// their documentation says.
    ///
    /// # Errors
    /// Nothing left to ask, or an input that the strategy needs and that is missing or of another shape.
    pub fn suggest(&mut self, state: &PoolState<'_>, budget: usize) -> Result<Round, Error> {
        let (number, seed) = self.begin(state)?;
        let round = match &self.engine {
            _ if self.is_cold(state) => {
                let pool = self.pool(&PoolState::default())?;
                let picks = Random.select(&pool, budget, &seed)?;
                Round { cold_start: true, ..self.asking(&picks, state, &pool) }
            }
            Engine::Acquisition(acquisition) => {
                let pool = self.pool(state)?;
                let picks = acquisition.select(&pool, budget, &seed)?;
                self.asking(&picks, state, &pool)
            }
            Engine::PriorAl(engine) => self.co_decide(engine, state, budget, &seed)?,
        };
        (self.round, self.told) = (number, false);
        for query in round.queries.iter().filter(|query| !query.again) {
            match query.explored || round.cold_start {
                true => self.random.insert(query.id.clone()),
                false => self.random.remove(&query.id),
            };
        }
        Ok(Round { number, ..round })
    }

    /// Records what the oracle answered. On an error nothing is recorded.
    ///
    /// Any item of the pool may be told, queried or not; a second answer replaces the first.
    ///
    /// # Errors
    /// An unknown item or class.
    pub fn tell(&mut self, answers: &[(SampleId, ClassId)]) -> Result<(), Error> {
        self.record(answers, Provenance::Human)
    }

    /// Records labels that were there before the first query. On an error nothing is recorded.
    ///
    /// # Errors
    /// An unknown item or class.
    pub fn tell_seed(&mut self, labels: &[(SampleId, ClassId)]) -> Result<(), Error> {
        self.record(labels, Provenance::Seed)
    }

    /// As [`tell_seed`](Selector::tell_seed), for labels of items that were drawn at random.
    ///
    /// Estimates of error rest on them: a label that was asked because it was hard says little of the others.
    ///
    /// # Errors
    /// An unknown item or class.
    pub fn tell_random(&mut self, labels: &[(SampleId, ClassId)]) -> Result<(), Error> {
        self.tell_seed(labels)?;
        self.random.extend(labels.iter().map(|(id, _)| id.clone()));
        Ok(())
    }

    /// The labels so far.
    pub fn labels(&self) -> &LabelStore {
        &self.labels
    }

    /// The items, in row order.
    pub fn ids(&self) -> &[SampleId] {
        &self.ids
    }

    /// The strategy.
    pub fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// Whether there is nothing yet to choose by; a guard has nothing before the first label.
    fn is_cold(&self, state: &PoolState<'_>) -> bool {
        let guarded = matches!(&self.engine, Engine::PriorAl(engine) if engine.is_guarded());
        self.labels.is_empty() && (state.model.is_none() || guarded)
    }

    /// The number of the round to come and its branch of the seed tree.
    fn begin(&self, state: &PoolState<'_>) -> Result<(u32, SeedTree), Error> {
        self.check_shapes(state)?;
        if self.labels.len() == self.ids.len() {
            let items = self.ids.len();
            let message = format!("all {items} items are labelled: there is nothing left to ask");
            return Err(Error::new(ErrorKind::State, message));
        }
        let number = self.round + u32::from(self.told);
        Ok((number, SeedTree::new(self.seed).child("round").index(number.into())))
    }

    fn record(
        &mut self,
        labels: &[(SampleId, ClassId)],
        provenance: Provenance,
    ) -> Result<(), Error> {
        for (id, class) in labels {
            self.labels.schema().check(*class)?;
            if !self.row_of.contains_key(id) {
                return Err(Error::unknown_item(id));
            }
        }
        for (id, class) in labels {
            let (id, class, round) = (id.clone(), *class, self.round);
            self.observed[self.row_of[&id]] = Some(class);
            self.labels.record(Label { id, class, provenance, round })?;
            self.told = true;
        }
        Ok(())
    }

    fn check_shapes(&self, state: &PoolState<'_>) -> Result<(), Error> {
        let (items, labels) = (self.ids.len(), self.labels.len());
        let own = state.labels_only;
        for (what, expected, given) in [
            ("prior", items, state.prior),
            ("model", items, state.model),
            ("model of labels only", items, own.map(|own| own.pool)),
            ("out-of-fold predictions", labels, own.map(|own| own.out_of_fold)),
        ] {
            let Some(given) = given else { continue };
            let got = given.rows();
            if got != expected {
                return Err(Error::row_count(what, expected, got));
            }
            let (expected, got) = (self.labels.schema().len(), given.classes());
            if got != expected {
                return Err(Error::column_count(what, expected, got));
            }
        }
        Ok(())
    }

    fn pool<'a>(&'a self, state: &PoolState<'a>) -> Result<Pool<'a>, Error> {
        let mut pool = Pool::new(&self.observed)?;
        if let Some(model) = state.model {
            pool = pool.with_model(model)?;
        }
        if let Some(embeddings) = state.embeddings {
            pool = pool.with_embeddings(embeddings)?;
        }
        if let Some(prior) = state.prior {
            pool = pool.with_prior(prior)?;
        }
        if let Some(head) = state.head {
            pool = pool.with_head(head)?;
        }
        if let Some(passes) = state.passes {
            pool = pool.with_passes(passes)?;
        }
        if let Some(averaged) = state.averaged {
            pool = pool.with_averaged(averaged)?;
        }
        if let Some(surprisal) = state.surprisal {
            pool = pool.with_surprisal(surprisal)?;
        }
        if let Some(device) = state.device {
            pool = pool.with_device(device);
        }
        Ok(pool)
    }

    /// A round of a strategy that only asks.
    fn asking(&self, picks: &[Pick], state: &PoolState<'_>, pool: &Pool<'_>) -> Round {
        let label = |of: Option<Predictions<'_>>, row| of.map(|given| given.argmax(row));
        let query = |(rank, pick): (usize, &Pick)| Query {
            id: self.ids[pick.row].clone(),
            row: pick.row,
            rank,
            score: pick.score,
            prior_label: label(state.prior, pick.row),
            model_label: label(state.model, pick.row),
            joint_entropy: None,
            explored: false,
            again: false,
        };
        let queries = picks.iter().enumerate().map(query).collect();
        Round { queries, noise_size: pool.candidates().len(), ..Round::default() }
    }

    fn co_decide(
        &self,
        engine: &PriorAl,
        state: &PoolState<'_>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Round, Error> {
        let missing = |what: &str| {
            let message = format!("strategy `{}` needs {what}", self.strategy.name());
            Error::new(ErrorKind::Missing, message)
        };
        let prior = state
            .prior
            .ok_or_else(|| missing("the foundation model's class probabilities: give a prior"))?;
        let model = state.model.ok_or_else(|| {
            let labels = self.labels.len();
            missing(&format!(
                "the model's class predictions: train on the {labels} labels and give its predictions"
            ))
        })?;
        let pool = self.pool(state)?;
        let (decision, verdict) = match &engine.config().guard {
            None => (engine.decide(prior, &pool, budget, seed)?, None),
            Some(guard) => {
                let experts = (prior, state.labels_only);
                let (decision, verdict) =
                    engine.decide_guarded(guard, experts, &pool, self, budget, seed)?;
                (decision, Some(verdict))
            }
        };
        let mut round = self.asking(&decision.queries, state, &pool);
        let chosen = round.queries.len() - decision.explored;
        for query in &mut round.queries {
            query.joint_entropy = Some(decision.rows[query.row].joint_entropy);
            query.explored = query.rank >= chosen;
        }
        let again = decision.again.iter().map(|row| Pick { row: *row, score: 0.0 });
        let again = self.asking(&again.collect::<Vec<_>>(), state, &pool).queries;
        let asked = round.queries.len();
        round.queries.extend(again.into_iter().map(|query| Query {
            rank: asked + query.rank,
            again: true,
            ..query
        }));
        round.noise_size = decision.noise.len();
        match verdict {
            None => round.clean = self.clean_set(engine, decision, (prior, model))?,
            Some(verdict) => {
                let certified = PriorAl::surest(&decision, &pool, verdict.trust.certified);
                let experts = (probabilities(&verdict.prior)?, probabilities(&verdict.model)?);
                round.clean = self.clean_set(engine, decision, experts)?;
                self.doubt(&mut round, &verdict);
                round.clean.weight = verdict.trust.weight;
                round.clean.certified = certified;
                round.trust = Some(verdict.trust);
            }
        }
        Ok(round)
    }

    /// What the oracle's labels may weigh: those that are there, and those that this round asks for.
    fn doubt(&self, round: &mut Round, verdict: &Verdict) {
        let suspects = verdict.suspects().into_iter();
        round.suspects = suspects
            .map(|(row, label, credence)| Suspect { id: self.ids[row].clone(), label, credence })
            .collect();
        if verdict.robust {
            let asked = round.queries.iter().map(|query| (query.row, verdict.credence(query.row)));
            round.credence = asked.collect();
            for (row, class, credence) in &verdict.labelled {
                let mut of_class = vec![1.0; self.labels.schema().len()];
                of_class[class.index()] = *credence;
                round.credence.insert(*row, of_class);
            }
        }
    }

    fn clean_set(
        &self,
        engine: &PriorAl,
        decision: Decision,
        (prior, model): (Predictions<'_>, Predictions<'_>),
    ) -> Result<CleanSet, Error> {
        let config = engine.config();
        if config.clean == CleanRule::Off {
            return Ok(CleanSet::default());
        }
        let (classes, confidences) = engine.free_labels(&decision);
        let rows = decision.clean;
        let soft = match config.clean {
            CleanRule::Soft => {
                let sharpen = config.guard.as_ref().map_or(1.0, |guard| guard.sharpen);
                Some(joint_probabilities(prior, model, config.joint, &rows, sharpen)?)
            }
            _ => None,
        };
        Ok(CleanSet {
            ids: Arc::clone(&self.ids),
            rows,
            classes,
            confidences,
            soft,
            ..CleanSet::default()
        })
    }
}

impl History for Selector {
    fn at_random(&self, row: usize) -> bool {
        self.random.contains(&self.ids[row])
    }

    fn asked_again(&self, row: usize) -> bool {
        self.labels.log().iter().filter(|label| label.id == self.ids[row]).count() > 1
    }
}

fn as_slice<S: Serializer>(ids: &[SampleId], serializer: S) -> Result<S::Ok, S::Error> {
    ids.serialize(serializer)
}

/// The saved form: what follows from the labels is rebuilt and checked on reading.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    strategy: Strategy,
    seed: u64,
    ids: Vec<SampleId>,
    labels: LabelStore,
    round: u32,
    told: bool,
    #[serde(default)]
    random: BTreeSet<SampleId>,
}

impl TryFrom<Saved> for Selector {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self, Error> {
        let schema = saved.labels.schema().clone();
        let mut selector = Self::new(saved.strategy, schema, saved.ids, saved.seed)?;
        for label in saved.labels.iter() {
            let row = selector.row_of.get(&label.id);
            let row = *row.ok_or_else(|| Error::unknown_item(&label.id))?;
            selector.observed[row] = Some(label.class);
        }
        (selector.labels, selector.round, selector.told) = (saved.labels, saved.round, saved.told);
        selector.random = saved.random;
        Ok(selector)
    }
}
