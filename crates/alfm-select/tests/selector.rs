//! The selector as a user meets it: ask, tell, save, resume, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use alfm_select::acquire::{Acquisition, Needs, Pick, Request};
use alfm_select::core::{Answer, ItemState, Source};
use alfm_select::{
    Chosen, ClassId, ClassSchema, CleanRule, CleanSet, Error, ErrorKind, Inputs, Items, Joint,
    LabelLog, Predictions, PriorAlConfig, Round, SampleId, Selector, Strategy,
};
use proptest::prelude::*;

const CLASSES: usize = 3;

/// A selector, its pool and what it was told.
struct Campaign {
    selector: Selector,
    items: Items,
    log: LabelLog,
}

impl Campaign {
    /// A batch, handed out.
    fn suggest(&mut self, inputs: &Inputs<'_>, budget: usize) -> Result<Round, Error> {
        let round = self.selector.suggest(&self.items, &self.log, inputs, budget)?;
        round.hand_out(&mut self.log, None)?;
        Ok(round)
    }

    fn tell(&mut self, round: &Round, class: impl Fn(usize) -> ClassId) {
        let row = |id: &SampleId| self.items.row_of(id).unwrap();
        let answers: Vec<_> =
            round.queries.iter().map(|query| (query.id.clone(), class(row(&query.id)))).collect();
        self.log.tell(&answers).unwrap();
    }
}

fn campaign(strategy: Strategy, count: usize) -> Campaign {
    Campaign {
        selector: Selector::new(strategy, 5).unwrap(),
        items: Items::named((0..count).map(|item| format!("item-{item}"))).unwrap(),
        log: LabelLog::new(ClassSchema::numbered(CLASSES).unwrap()),
    }
}

fn named(name: &str) -> Strategy {
    Strategy::named(name).unwrap()
}

fn ids(round: &Round) -> Vec<SampleId> {
    round.queries.iter().map(|query| query.id.clone()).collect()
}

/// Rows of probabilities that differ from item to item.
fn probabilities(count: usize, salt: usize) -> Vec<f32> {
    let row = |item: usize| {
        let weights = [1 + (item * 7 + salt) % 11, 1 + (item * 3 + salt) % 5, 2 + item % 3];
        let sum: usize = weights.iter().sum();
        weights.map(|weight| weight as f32 / sum as f32)
    };
    (0..count).flat_map(row).collect()
}

#[test]
fn the_first_batch_is_random_and_the_same_for_every_strategy_of_a_seed() {
    let batch = |name: &str| {
        let round = campaign(named(name), 40).suggest(&Inputs::default(), 6).unwrap();
        assert!(round.cold_start && round.queries.iter().all(|query| query.at_random));
        ids(&round)
    };
    assert_eq!(batch("prioral"), batch("badge"));
    assert_eq!(batch("prioral"), batch("random"));
}

#[test]
fn a_whole_campaign_asks_every_item_once_and_then_says_so() {
    let (count, prior, model) = (20, probabilities(20, 1), probabilities(20, 2));
    let inputs = Inputs::default()
        .with_prior(Predictions::probabilities(&prior, count, CLASSES).unwrap())
        .with_model(Predictions::probabilities(&model, count, CLASSES).unwrap());
    let mut campaign = campaign(named("prioral"), count);
    let mut asked = Vec::new();
    for number in 0..4 {
        let round = campaign.suggest(&inputs, 6).unwrap();
        assert_eq!(round.number, number);
        assert_eq!(round.noise_size + round.clean.len(), count - asked.len());
        assert!(round.clean.iter().all(|item| !ids(&round).contains(&item.id)));
        campaign.tell(&round, |_| ClassId::new(0));
        asked.extend(ids(&round));
    }
    asked.sort();
    let mut all: Vec<SampleId> = campaign.items.iter().collect();
    all.sort();
    assert_eq!(asked, all);
    let error = campaign.suggest(&inputs, 1).unwrap_err();
    assert_eq!(error.to_string(), "all 20 items are labelled: there is nothing left to ask");
}

/// Two annotators ask at the same time; a third finds what the first gave back.
#[test]
fn what_is_out_with_somebody_is_not_suggested_again() {
    let mut campaign = campaign(named("random"), 10);
    let inputs = Inputs::default();
    let same = campaign.selector.suggest(&campaign.items, &campaign.log, &inputs, 4).unwrap();
    let first = campaign.suggest(&inputs, 4).unwrap();
    assert_eq!(first.queries, same.queries, "asking alone changes nothing");
    let second = campaign.suggest(&inputs, 6).unwrap();
    assert_eq!((second.number, second.queries.len()), (0, 6));
    assert!(ids(&second).iter().all(|id| !ids(&first).contains(id)));
    let error = campaign.suggest(&inputs, 1).unwrap_err();
    assert!(error.to_string().starts_with("of 10 items 0 are labelled, and the others are out"));
    campaign.log.release(ids(&first)).unwrap();
    let third = campaign.suggest(&inputs, 9).unwrap();
    let sorted = |round: &Round| {
        let mut ids = ids(round);
        ids.sort();
        ids
    };
    assert_eq!(sorted(&third), sorted(&first));
}

#[test]
fn what_was_set_aside_or_removed_is_neither_asked_nor_labelled_for_free() {
    let (count, prior, model) = (12, probabilities(12, 1), probabilities(12, 2));
    let inputs = Inputs::default()
        .with_prior(Predictions::probabilities(&prior, count, CLASSES).unwrap())
        .with_model(Predictions::probabilities(&model, count, CLASSES).unwrap());
    let mut campaign = campaign(named("prioral"), count);
    let id = |item: usize| SampleId::from(format!("item-{item}"));
    let source = Source::default();
    campaign.log.answer(&[(id(0), Answer::Unsure), (id(1), Answer::NoneOfThese)], &source).unwrap();
    campaign.log.remove([id(2)]).unwrap();
    campaign.log.tell(&[(id(3), ClassId::new(1))]).unwrap();
    let round = campaign.suggest(&inputs, 3).unwrap();
    assert_eq!(round.noise_size + round.clean.len(), 8);
    let touched = ids(&round).into_iter().chain(round.clean.iter().map(|item| item.id));
    assert!(touched.into_iter().all(|touched| !(0..4).any(|item| id(item) == touched)));
    assert_eq!(campaign.log.state(&id(1)), ItemState::NoneOfThese);
}

#[test]
fn an_oracle_that_answers_too_little_or_too_much_is_refused() {
    let (count, model) = (20, probabilities(20, 2));
    let inputs = Inputs::default()
        .with_model(Predictions::probabilities(&model, count, CLASSES).unwrap())
        .with_embeddings(alfm_select::MatrixView::new(&model, count, CLASSES).unwrap());
    for name in ["margin", "galaxy"] {
        for more in [-1_i32, 1] {
            let mut campaign = campaign(named(name), count);
            campaign.log.tell(&[("item-3".into(), ClassId::new(1))]).unwrap();
            let Campaign { selector, items, log } = &campaign;
            let answer = |asked: &[SampleId]| -> Result<Vec<ClassId>, Error> {
                let count = i32::try_from(asked.len()).unwrap() + more;
                Ok(vec![ClassId::new(0); usize::try_from(count).unwrap()])
            };
            let error = selector.suggest_and_ask(items, log, &inputs, 4, 2, answer).unwrap_err();
            assert!(error.to_string().contains("answers to"), "{name}: {error}");
        }
    }
}

/// The batch of an interactive strategy is asked on purpose: a label that was random before no longer is.
#[test]
fn questions_of_interactive_strategies_are_no_random_evidence() {
    let (count, model) = (20, probabilities(20, 2));
    let inputs = Inputs::default()
        .with_model(Predictions::probabilities(&model, count, CLASSES).unwrap())
        .with_embeddings(alfm_select::MatrixView::new(&model, count, CLASSES).unwrap());
    let mut campaign = campaign(named("galaxy"), count);
    campaign.log.tell_random(&[("item-3".into(), ClassId::new(1))]).unwrap();
    let answer = |asked: &[SampleId]| -> Result<Vec<ClassId>, Error> {
        Ok(vec![ClassId::new(0); asked.len()])
    };
    let Campaign { selector, items, log } = &campaign;
    let round = selector.suggest_and_ask(items, log, &inputs, 4, 1, answer).unwrap();
    round.hand_out(&mut campaign.log, None).unwrap();
    campaign.tell(&round, |_| ClassId::new(0));
    assert!(campaign.log.at_random(&"item-3".into()));
    assert!(ids(&round).iter().all(|id| !campaign.log.at_random(id)));
}

#[test]
fn what_it_refuses_leaves_everything_as_it_was() {
    let mut campaign = campaign(named("prioral"), 4);
    let unknown_class = [("item-0".into(), ClassId::new(1)), ("item-1".into(), ClassId::new(9))];
    let error = campaign.log.tell(&unknown_class).unwrap_err();
    assert!(error.to_string().contains("class 9 is unknown"));
    assert_eq!(campaign.log.labelled(), 0);

    let short = probabilities(3, 0);
    let short = Predictions::probabilities(&short, 3, CLASSES).unwrap();
    let error = campaign.suggest(&Inputs::default().with_prior(short), 1).unwrap_err();
    assert_eq!(error, Error::row_count("prior", 4, 3));
    let narrow = Predictions::probabilities(&[0.5; 8], 4, 2).unwrap();
    let error = campaign.suggest(&Inputs::default().with_model(narrow), 1).unwrap_err();
    assert_eq!(error, Error::column_count("model", CLASSES, 2));

    campaign.log.tell(&[("item-7".into(), ClassId::new(1))]).unwrap();
    let error = campaign.suggest(&Inputs::default(), 1).unwrap_err();
    assert_eq!(error, Error::unknown_item(&"item-7".into()));
}

#[test]
fn missing_experts_are_named() {
    let values = probabilities(4, 0);
    let given = Predictions::probabilities(&values, 4, CLASSES).unwrap();
    let mut campaign = campaign(named("prioral"), 4);
    let error = campaign.suggest(&Inputs::default().with_model(given), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    let says = "strategy `prioral` needs the foundation model's class probabilities: give a prior";
    assert_eq!(error.to_string(), says);
    campaign.log.tell(&[("item-0".into(), ClassId::new(0))]).unwrap();
    let error = campaign.suggest(&Inputs::default().with_prior(given), 1).unwrap_err();
    let says = "strategy `prioral` needs the model's class predictions: train on the 1 labels";
    assert!(error.to_string().starts_with(says), "{error}");
}

#[test]
fn a_pool_must_have_distinct_items() {
    let selector = Selector::new(named("random"), 0).unwrap();
    let log = LabelLog::new(ClassSchema::numbered(2).unwrap());
    let empty = selector.suggest(&Items::numbered(0), &log, &Inputs::default(), 1).unwrap_err();
    assert_eq!(empty.to_string(), "the pool is empty: give at least one item");
    assert!(Items::named(["a", "a"]).unwrap_err().to_string().contains("`a` is given twice"));
}

#[test]
fn clean_rules_differ_only_in_the_free_labels() {
    let (count, prior, model) = (12, probabilities(12, 1), probabilities(12, 4));
    let prior = Predictions::probabilities(&prior, count, CLASSES).unwrap();
    let model = Predictions::probabilities(&model, count, CLASSES).unwrap();
    let inputs = Inputs::default().with_prior(prior).with_model(model);
    let clean = |rule| {
        let strategy = Strategy::prioral(PriorAlConfig::default().with_clean(rule));
        campaign(strategy, count).suggest(&inputs, 2).unwrap().clean
    };
    assert!(clean(CleanRule::Off).is_empty());
    let items = campaign(named("random"), count).items;
    for item in clean(CleanRule::PriorLabel).iter() {
        assert_eq!(item.class, prior.argmax(items.row_of(&item.id).unwrap()));
    }
    let soft = clean(CleanRule::Soft);
    for (at, item) in soft.iter().enumerate() {
        let target = soft.soft().unwrap().view().row(at)[item.class.index()];
        assert!((target - item.confidence).abs() < 1e-6);
    }
    // Written and read back, it names the same items.
    let text = serde_json::to_string(&soft).unwrap();
    let back: CleanSet = serde_json::from_str(&text).unwrap();
    assert!(back.iter().eq(soft.iter()) && back.soft() == soft.soft());
    let short = text.replacen("\"classes\":[", "\"classes\":[0,", 1);
    assert!(
        serde_json::from_str::<CleanSet>(&short).unwrap_err().to_string().contains("`classes`")
    );
}

/// Asks for the last items of the pool.
#[derive(Debug)]
struct LastFirst;

impl Acquisition for LastFirst {
    fn name(&self) -> &str {
        "last-first"
    }

    fn needs(&self) -> Needs {
        Needs::NONE
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        let last = request.candidates().iter().rev().take(request.budget);
        Ok(last.map(|row| Pick { row: *row, score: *row as f64 }).collect())
    }
}

#[test]
fn a_strategy_of_ones_own_is_asked_alone_and_within_prioral() {
    let (count, values) = (12, probabilities(12, 1));
    let given = Predictions::probabilities(&values, count, CLASSES).unwrap();
    let inputs = Inputs::default().with_prior(given).with_model(given);
    let own: Arc<dyn Acquisition> = Arc::new(LastFirst);
    let mut alone = campaign(Strategy::custom(Arc::clone(&own)), count);
    alone.log.tell(&[("item-0".into(), ClassId::new(0))]).unwrap();
    assert_eq!(
        ids(&alone.suggest(&inputs, 2).unwrap()),
        ["item-11", "item-10"].map(SampleId::from)
    );
    let config = PriorAlConfig::default().with_query(Chosen::own(own)).with_noise_fraction(1.0);
    let strategy = Strategy::prioral(config);
    let round = campaign(strategy.clone(), count).suggest(&inputs, 1).unwrap();
    assert_eq!(ids(&round), ["item-11"].map(SampleId::from));
    let text = serde_json::to_string(&strategy).unwrap();
    let error = serde_json::from_str::<Strategy>(&text).unwrap_err().to_string();
    assert!(error.contains("`last-first` is one of your own: give it again"), "{error}");
}

proptest! {
    /// Saved in the middle and read back, a campaign goes on with the same batches, byte for byte.
    #[test]
    fn a_resumed_log_is_asked_what_it_would_have_been(
        seed in 0usize..50, stop in 0usize..4, query in prop::sample::select(vec!["entropy", "random", "margin"]),
    ) {
        let (count, prior) = (25, probabilities(25, seed));
        let prior = Predictions::probabilities(&prior, count, CLASSES).unwrap();
        let config = PriorAlConfig::default().with_query(query).with_joint(Joint::Mixture(0.5));
        let mut straight = campaign(Strategy::prioral(config.clone()), count);
        let mut resumed = campaign(Strategy::prioral(config), count);
        for round in 0..4 {
            if round == stop {
                let text = serde_json::to_string(&resumed.log).unwrap();
                resumed.log = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(serde_json::to_string(&resumed.log).unwrap(), text);
            }
            let model = probabilities(count, seed + round);
            let model = Predictions::probabilities(&model, count, CLASSES).unwrap();
            let inputs = Inputs::default().with_prior(prior).with_model(model);
            let a = straight.suggest(&inputs, 3).unwrap();
            let b = resumed.suggest(&inputs, 3).unwrap();
            prop_assert_eq!(serde_json::to_string(&a).unwrap(), serde_json::to_string(&b).unwrap());
            for campaign in [&mut straight, &mut resumed] {
                campaign.tell(&a, |row| ClassId::from_index(row % 3));
            }
        }
    }
}
