//! The selector as a user meets it: ask, tell, save, resume, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_select::{
    ClassId, ClassSchema, CleanRule, Error, ErrorKind, Joint, PoolState, Predictions,
    PriorAlConfig, SampleId, Selector, Strategy,
};
use proptest::prelude::*;

const CLASSES: usize = 3;

fn ids(count: usize) -> Vec<SampleId> {
    (0..count).map(|item| SampleId::from(format!("item-{item}"))).collect()
}

fn selector(strategy: Strategy, count: usize) -> Selector {
    Selector::new(strategy, ClassSchema::numbered(CLASSES).unwrap(), ids(count), 5).unwrap()
}

fn named(name: &str) -> Strategy {
    Strategy::named(name).unwrap()
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
fn the_first_batch_is_the_same_for_every_strategy_of_a_seed() {
    let batch = |name: &str| {
        let round = selector(named(name), 40).suggest(&PoolState::default(), 6).unwrap();
        assert!(round.cold_start);
        round.queries.into_iter().map(|query| query.id).collect::<Vec<_>>()
    };
    assert_eq!(batch("prioral"), batch("badge"));
    assert_eq!(batch("prioral"), batch("random"));
}

#[test]
fn a_whole_campaign_asks_every_item_once_and_then_says_so() {
    let (count, prior, model) = (20, probabilities(20, 1), probabilities(20, 2));
    let state = PoolState::default()
        .with_prior(Predictions::probabilities(&prior, count, CLASSES).unwrap())
        .with_model(Predictions::probabilities(&model, count, CLASSES).unwrap());
    let mut selector = selector(named("prioral"), count);
    let mut asked = Vec::new();
    for number in 0..4 {
        let round = selector.suggest(&state, 6).unwrap();
        assert_eq!(round.number, number);
        assert_eq!(round.noise_size + round.clean.len(), count - asked.len());
        let answers: Vec<_> =
            round.queries.iter().map(|query| (query.id.clone(), ClassId::new(0))).collect();
        assert!(round.clean.iter().all(|item| !answers.iter().any(|(id, _)| id == item.id)));
        selector.tell(&answers).unwrap();
        asked.extend(answers.into_iter().map(|(id, _)| id));
    }
    asked.sort();
    let mut all = ids(count);
    all.sort();
    assert_eq!(asked, all);
    let error = selector.suggest(&state, 1).unwrap_err();
    let expected = format!("all {count} items are labelled: there is nothing left to ask");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::State, expected));
}

#[test]
fn asking_again_changes_nothing_until_a_label_comes() {
    let mut selector = selector(named("random"), 30);
    let first = selector.suggest(&PoolState::default(), 3).unwrap();
    let again = selector.suggest(&PoolState::default(), 3).unwrap();
    assert_eq!(first.queries, again.queries);
    selector.tell(&[(first.queries[0].id.clone(), ClassId::new(2))]).unwrap();
    let next = selector.suggest(&PoolState::default(), 3).unwrap();
    assert_eq!(next.number, 1);
    assert_ne!(first.queries, next.queries);
}

#[test]
fn what_it_refuses_leaves_it_as_it_was() {
    let mut selector = selector(named("prioral"), 4);
    let unknown_class = [("item-0".into(), ClassId::new(1)), ("item-1".into(), ClassId::new(9))];
    assert!(selector.tell(&unknown_class).unwrap_err().to_string().contains("class 9 is unknown"));
    let unknown_item = [("item-0".into(), ClassId::new(1)), ("item-7".into(), ClassId::new(1))];
    assert!(selector.tell(&unknown_item).unwrap_err().to_string().contains("`item-7`"));
    assert!(selector.labels().is_empty());

    let short = probabilities(3, 0);
    let short = Predictions::probabilities(&short, 3, CLASSES).unwrap();
    let error = selector.suggest(&PoolState::default().with_prior(short), 1).unwrap_err();
    let expected = Error::row_count("prior", 4, 3);
    assert_eq!(error, expected);
    let narrow = Predictions::probabilities(&[0.5; 8], 4, 2).unwrap();
    let error = selector.suggest(&PoolState::default().with_model(narrow), 1).unwrap_err();
    let expected = Error::column_count("model", CLASSES, 2);
    assert_eq!(error, expected);
}

#[test]
fn missing_experts_are_named() {
    let values = probabilities(4, 0);
    let given = Predictions::probabilities(&values, 4, CLASSES).unwrap();
    let mut selector = selector(named("prioral"), 4);
    let error = selector.suggest(&PoolState::default().with_model(given), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    let expected =
        "strategy `prioral` needs the foundation model's class probabilities: give a prior";
    assert_eq!(error.to_string(), expected);
    selector.tell(&[("item-0".into(), ClassId::new(0))]).unwrap();
    let error = selector.suggest(&PoolState::default().with_prior(given), 1).unwrap_err();
    let expected = "strategy `prioral` needs the model's class predictions: train on the 1 labels and give its \
                    predictions";
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Missing, expected));
}

#[test]
fn a_pool_must_have_distinct_items() {
    let schema = || ClassSchema::numbered(2).unwrap();
    let empty = Selector::new(named("random"), schema(), [], 0).unwrap_err();
    assert_eq!(empty.to_string(), "the pool is empty: give at least one item");
    let twice = Selector::new(named("random"), schema(), ["a", "a"].map(Into::into), 0);
    assert!(twice.unwrap_err().to_string().contains("`a` is given twice"));
}

#[test]
fn clean_rules_differ_only_in_the_free_labels() {
    let (count, prior, model) = (12, probabilities(12, 1), probabilities(12, 4));
    let prior = Predictions::probabilities(&prior, count, CLASSES).unwrap();
    let model = Predictions::probabilities(&model, count, CLASSES).unwrap();
    let state = PoolState::default().with_prior(prior).with_model(model);
    let clean = |rule| {
        let strategy = Strategy::prioral(PriorAlConfig::default().with_clean(rule));
        selector(strategy, count).suggest(&state, 2).unwrap().clean
    };
    assert!(clean(CleanRule::Off).is_empty());
    for item in clean(CleanRule::PriorLabel).iter() {
        assert_eq!(item.class, prior.argmax(item.row));
    }
    let soft = clean(CleanRule::Soft);
    for (at, item) in soft.iter().enumerate() {
        let target = soft.soft().unwrap().view().row(at)[item.class.index()];
        assert!((target - item.confidence).abs() < 1e-6);
    }
}

proptest! {
    /// Saved in the middle and read back, a campaign goes on with the same batches, byte for byte.
    #[test]
    fn a_resumed_selector_asks_what_it_would_have_asked(
        seed in 0usize..50, stop in 0usize..4, query in prop::sample::select(vec!["entropy", "random", "margin"]),
    ) {
        let (count, prior) = (25, probabilities(25, seed));
        let prior = Predictions::probabilities(&prior, count, CLASSES).unwrap();
        let config = PriorAlConfig::default().with_query(query).with_joint(Joint::Mixture(0.5));
        let mut straight = selector(Strategy::prioral(config.clone()), count);
        let mut resumed = selector(Strategy::prioral(config), count);
        for round in 0..4 {
            if round == stop {
                let text = serde_json::to_string(&resumed).unwrap();
                resumed = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(serde_json::to_string(&resumed).unwrap(), text);
            }
            let model = probabilities(count, seed + round);
            let model = Predictions::probabilities(&model, count, CLASSES).unwrap();
            let state = PoolState::default().with_prior(prior).with_model(model);
            let a = straight.suggest(&state, 3).unwrap();
            let b = resumed.suggest(&state, 3).unwrap();
            prop_assert_eq!(
                serde_json::to_string(&a.queries).unwrap(),
                serde_json::to_string(&b.queries).unwrap()
            );
            let answers: Vec<_> =
                a.queries.iter().map(|query| (query.id.clone(), ClassId::from_index(query.row % 3))).collect();
            straight.tell(&answers).unwrap();
            resumed.tell(&answers).unwrap();
        }
    }
}
