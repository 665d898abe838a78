mod ask;
mod state;

use std::collections::BTreeMap;

use alfm_acquire::{Acquisition, Inputs, Pick, Pool, Random, Ties};
use alfm_core::{Items, LabelLog, Predictions, SeedTree};

use self::state::State;
use crate::error::empty_pool;
use crate::guard::Assessment;
use crate::prioral::Decision;
use crate::scoring::joint_probabilities;
use crate::strategy::Engine;
use crate::{CleanRule, CleanSet, Error, ErrorKind, PriorAl, Query, Round, Strategy, Suspect};

/// Suggests batches: a function of items, the log of their labels, and the inputs of the round.
///
/// It owns nothing that changes. The same arguments give the same batch; what was suggested is known to the log alone,
/// once [`Round::hand_out`] has written it there.
#[derive(Debug)]
pub struct Selector {
    strategy: Strategy,
    engine: Engine,
    seed: u64,
}

impl Selector {
    /// A selector with a strategy and a seed.
    ///
    /// # Errors
    /// A strategy whose options do not hold.
    pub fn new(strategy: Strategy, seed: u64) -> Result<Self, Error> {
        Ok(Self { engine: strategy.engine()?, strategy, seed })
    }

    /// The next batch: `min(budget, open)` distinct items that are open, and the free labels. Open is what has no
    /// label, is not out with somebody, and was not set aside.
    ///
    /// Without a model and without labels the batch is random, the same for every strategy of a seed, so
    /// that comparisons are paired. PriorAL costs `O(N K)` time and `O(N)` memory; the others as
    /// their documentation says.
    ///
    /// # Errors
    /// Nothing left to ask, a labelled item that the pool does not hold, or an input that the strategy needs and that
    /// is missing or of another shape.
    pub fn suggest(
        &self,
        items: &Items,
        log: &LabelLog,
        inputs: &Inputs<'_>,
        budget: usize,
    ) -> Result<Round, Error> {
        let (state, number, seed) = self.begin(items, log, inputs)?;
        let round = match &self.engine {
            _ if self.is_cold(log, inputs) => {
                let pool = state.pool(Inputs::default())?;
                let picks = Random.select(&pool, budget, &seed)?;
                let round = asking(&picks, inputs, &state, &pool);
                Round { cold_start: true, ..at_random(round) }
            }
            Engine::Acquisition(acquisition) => {
                let pool = state.pool(*inputs)?;
                let picks = acquisition.select(&pool, budget, &seed)?;
                self.asked(&picks, inputs, &state, &pool)
            }
            Engine::PriorAl(engine) => self.co_decide(engine, inputs, &state, budget, &seed)?,
        };
        Ok(Round { number, ..round })
    }

    /// The strategy.
    pub fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// Whether there is nothing yet to choose by; a guard has nothing before the first label.
    fn is_cold(&self, log: &LabelLog, inputs: &Inputs<'_>) -> bool {
        let guarded = matches!(&self.engine, Engine::PriorAl(engine) if engine.is_guarded());
        log.labelled() == 0 && (inputs.model.is_none() || guarded)
    }

    /// The checked state of a round, its number and its branch of the seed tree.
    fn begin<'a>(
        &self,
        items: &'a Items,
        log: &'a LabelLog,
        inputs: &Inputs<'_>,
    ) -> Result<(State<'a>, u32, SeedTree), Error> {
        if items.is_empty() {
            return Err(empty_pool());
        }
        inputs.check(items.len(), Some(log.schema().len()), log.labelled())?;
        let number = log.next_round();
        let seed = SeedTree::new(self.seed).child("round").index(number.into());
        let ties = Ties::seeded(seed.child("ties").number());
        Ok((State::new(items, log, ties)?, number, seed))
    }

    /// A round of a strategy that only asks.
    fn asked(
        &self,
        picks: &[Pick],
        inputs: &Inputs<'_>,
        state: &State<'_>,
        pool: &Pool<'_>,
    ) -> Round {
        let round = asking(picks, inputs, state, pool);
        if self.strategy.name() == Random.name() { at_random(round) } else { round }
    }

    fn co_decide(
        &self,
        engine: &PriorAl,
        inputs: &Inputs<'_>,
        state: &State<'_>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Round, Error> {
        let name = self.strategy.name();
        let missing = |message| Error::new(ErrorKind::Missing, message);
        let prior = inputs.prior.ok_or_else(|| {
            let needs = "needs the foundation model's class probabilities: give a prior";
            missing(format!("strategy `{name}` {needs}"))
        })?;
        let model = inputs.model.ok_or_else(|| {
            let labels = state.log.labelled();
            missing(format!(
                "strategy `{name}` needs the model's class predictions: train on the {labels} labels and give its \
                 predictions"
            ))
        })?;
        let pool = state.pool(*inputs)?;
        let (decision, assessment) = match &engine.config().guard {
            None => (engine.decide(prior, &pool, budget, seed)?, None),
            Some(guard) => {
                let experts = (prior, inputs.labels_only);
                let (decision, assessment) =
                    engine.decide_guarded(guard, experts, &pool, state, budget, seed)?;
                (decision, Some(assessment))
            }
        };
        let mut round = asking(&decision.queries, inputs, state, &pool);
        let chosen = round.queries.len() - decision.explored;
        for (query, entropy) in round.queries.iter_mut().zip(&decision.joint_entropy) {
            query.joint_entropy = Some(*entropy);
            query.at_random = query.rank >= chosen;
        }
        let again = decision.again.iter().map(|row| Pick { row: *row, score: 0.0 });
        let again = asking(&again.collect::<Vec<_>>(), inputs, state, &pool).queries;
        let asked = round.queries.len();
        round.queries.extend(again.into_iter().map(|query| Query {
            rank: asked + query.rank,
            again: true,
            ..query
        }));
        round.noise_size = decision.noise.len();
        match assessment {
            None => round.clean = clean_set(engine, decision, (prior, model), state)?,
            Some(assessment) => {
                doubt(&mut round, &decision, &assessment, state);
                let experts = (assessment.prior.predictions(), assessment.model.predictions());
                round.clean = clean_set(engine, decision, experts, state)?;
                round.clean.weight = assessment.trust.weight;
                round.trust = Some(assessment.trust);
            }
        }
        Ok(round)
    }
}

/// The picks as questions.
fn asking(picks: &[Pick], inputs: &Inputs<'_>, state: &State<'_>, pool: &Pool<'_>) -> Round {
    let label = |of: Option<Predictions<'_>>, row| of.map(|given| given.argmax(row));
    let query = |(rank, pick): (usize, &Pick)| Query {
        id: state.items.id(pick.row),
        rank,
        score: pick.score,
        prior_label: label(inputs.prior, pick.row),
        model_label: label(inputs.model, pick.row),
        joint_entropy: None,
        at_random: false,
        again: false,
    };
    let queries = picks.iter().enumerate().map(query).collect();
    Round { queries, noise_size: pool.candidate_rows().len(), ..Round::default() }
}

/// The same round, drawn at random.
fn at_random(mut round: Round) -> Round {
    round.queries.iter_mut().for_each(|query| query.at_random = true);
    round
}

/// What the oracle's labels may weigh: those that are there, and those that this round asks for.
fn doubt(round: &mut Round, decision: &Decision, assessment: &Assessment, state: &State<'_>) {
    let suspects = assessment.suspects().into_iter();
    round.suspects = suspects
        .map(|(row, label, credence)| Suspect { id: state.items.id(row), label, credence })
        .collect();
    if !assessment.robust {
        return;
    }
    let asked = decision.queries.iter().map(|pick| pick.row).chain(decision.again.iter().copied());
    let mut weights: BTreeMap<_, _> =
        asked.map(|row| (state.items.id(row), assessment.credence(row))).collect();
    for (row, class, credence) in &assessment.labelled {
        let mut of_class = vec![1.0; state.log.schema().len()];
        of_class[class.index()] = *credence;
        weights.insert(state.items.id(*row), of_class);
    }
    round.label_weights = weights;
}

fn clean_set(
    engine: &PriorAl,
    decision: Decision,
    (prior, model): (Predictions<'_>, Predictions<'_>),
    state: &State<'_>,
) -> Result<CleanSet, Error> {
    let config = engine.config();
    let Decision { clean: rows, free_labels: (classes, confidences), certified, .. } = decision;
    let soft = match config.clean {
        CleanRule::Off => return Ok(CleanSet::default()),
        CleanRule::Soft => {
            let sharpen = config.guard.as_ref().map_or(1.0, |guard| guard.sharpen);
            Some(joint_probabilities(prior, model, config.joint, &rows, sharpen)?)
        }
        _ => None,
    };
    let items = state.items.clone();
    Ok(CleanSet { items, rows, classes, confidences, soft, certified, ..CleanSet::default() })
}
