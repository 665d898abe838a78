//! The guarded form as a user meets it: what it trusts, what it asks, and what it states.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_select::core::{Matrix, ScoreKind, SeedTree};
use alfm_select::{
    ClassId, ClassSchema, CleanItem, Error, GuardConfig, Inputs, Items, LabelLog, LabelsOnly,
    Predictions, PriorAlConfig, Round, SampleId, Selector, Strategy,
};

const CLASSES: usize = 3;
const ITEMS: usize = 900;

/// A pool whose classes are known to the test alone.
struct World {
    truth: Vec<usize>,
    prior: Matrix,
    model: Matrix,
}

/// An expert that gives 0.5 to 0.95 to a class that is right `right` times in a hundred.
fn expert(truth: &[usize], right: u64, seed: u64) -> Matrix {
    let draws = SeedTree::new(seed);
    let row = |(item, class): (usize, &usize)| {
        let draw = u64::from_le_bytes(digest(&draws, item));
        let said = if draw % 100 < right { *class } else { (class + 1 + item % 2) % CLASSES };
        let sure = 0.5 + (draw / 100 % 46) as f32 / 100.0;
        let mut row = [(1.0 - sure) / 2.0; CLASSES];
        row[said] = sure;
        row
    };
    let rows: Vec<[f32; CLASSES]> = truth.iter().enumerate().map(row).collect();
    Matrix::from_rows(&rows).unwrap()
}

fn digest(tree: &SeedTree, item: usize) -> [u8; 8] {
    use rand::RngExt;
    tree.index(item as u64).rng().random()
}

fn world(prior_right: u64) -> World {
    let truth: Vec<usize> = (0..ITEMS).map(|item| item % CLASSES).collect();
    World { prior: expert(&truth, prior_right, 1), model: expert(&truth, 60, 2), truth }
}

fn predictions(matrix: &Matrix) -> Predictions<'_> {
    Predictions::new(matrix.view(), ScoreKind::Probabilities).unwrap()
}

/// A selector, its pool and what it was told.
struct Campaign {
    selector: Selector,
    items: Items,
    log: LabelLog,
}

impl World {
    fn campaign(&self, strategy: Strategy) -> Campaign {
        Campaign {
            selector: Selector::new(strategy, 3).unwrap(),
            items: Items::numbered(ITEMS),
            log: LabelLog::new(ClassSchema::numbered(CLASSES).unwrap()),
        }
    }

    fn answers(&self, items: impl Iterator<Item = usize>) -> Vec<(SampleId, ClassId)> {
        items.map(|item| (id(item), ClassId::from_index(self.truth[item]))).collect()
    }

    /// Labels the first `count` items, as drawn at random, and asks for a batch.
    fn round(&self, strategy: Strategy, count: usize, budget: usize) -> Round {
        let mut campaign = self.campaign(strategy);
        campaign.log.tell_random(&self.answers(0..count)).unwrap();
        self.suggest(&campaign, budget).unwrap()
    }

    fn suggest(&self, campaign: &Campaign, budget: usize) -> Result<Round, Error> {
        let labelled: Vec<usize> =
            (0..ITEMS).filter(|item| campaign.log.class(&id(*item)).is_some()).collect();
        let held_out = self.model.view().gather(labelled);
        let inputs = Inputs::default()
            .with_prior(predictions(&self.prior))
            .with_model(predictions(&self.model))
            .with_labels_only(LabelsOnly::new(predictions(&self.model), predictions(&held_out)));
        campaign.suggest(&inputs, budget)
    }

    fn is_wrong(&self, item: &CleanItem) -> bool {
        item.class.index() != self.truth[row(&item.id)]
    }
}

impl Campaign {
    fn suggest(&self, inputs: &Inputs<'_>, budget: usize) -> Result<Round, Error> {
        self.selector.suggest(&self.items, &self.log, inputs, budget)
    }
}

fn row(id: &SampleId) -> usize {
    id.as_str().parse().unwrap()
}

fn id(item: usize) -> SampleId {
    SampleId::from(item.to_string())
}

fn guarded(change: impl FnOnce(&mut GuardConfig)) -> Strategy {
    let mut guard = GuardConfig::default();
    change(&mut guard);
    Strategy::prioral(PriorAlConfig::guarded().with_guard(guard))
}

fn wrong(world: &World, round: &Round) -> f64 {
    let wrong = round.clean.iter().filter(|item| world.is_wrong(item));
    wrong.count() as f64 / round.clean.len() as f64
}

#[test]
fn a_good_prior_labels_half_of_the_pool_for_free() {
    let world = world(90);
    let round = world.round(guarded(|_| ()), 60, 20);
    let trust = round.trust.as_ref().unwrap();
    assert!(trust.prior_exponent > 0.5 && trust.gain > 0.3, "{trust:?}");
    assert!(trust.joint_right > trust.model_right, "{trust:?}");
    assert_eq!(round.noise_size, 420);
    assert!(round.clean.len() > 400, "{}", round.clean.len());
    assert!(wrong(&world, &round) < 0.1);
    let soft = round.clean.soft().unwrap();
    assert_eq!((soft.rows(), soft.classes()), (round.clean.len(), CLASSES));
    for (item, target) in round.clean.iter().zip(soft.view().iter()) {
        assert!(target[item.class.index()] >= item.confidence, "sharpened");
    }
    let as_they_are = world.round(guarded(|guard| guard.sharpen = 1.0), 60, 20).clean;
    let soft = as_they_are.soft().unwrap();
    for (item, target) in as_they_are.iter().zip(soft.view().iter()) {
        assert!((target[item.class.index()] - item.confidence).abs() < 1e-5);
    }
}

/// A prior that is right nine times in ten, but calls every class by the name of the next.
#[test]
fn a_prior_whose_classes_were_mixed_up_is_heard_under_the_names_that_labels_give_them() {
    let mut world = world(90);
    let rows = world.prior.view();
    let mixed_up: Vec<[f32; CLASSES]> = rows.iter().map(|row| [row[2], row[0], row[1]]).collect();
    world.prior = Matrix::from_rows(&mixed_up).unwrap();
    let round = world.round(guarded(|_| ()), 60, 20);
    let trust = round.trust.as_ref().unwrap();
    assert_eq!(trust.renamed, Some(vec![2, 0, 1].into_iter().map(ClassId::new).collect()));
    assert!(round.clean.len() > 400 && wrong(&world, &round) < 0.15, "{trust:?}");
    assert!(trust.prior_right > 0.8, "{trust:?}");
    let round = world.round(guarded(|guard| guard.rename = false), 60, 20);
    assert!(round.clean.is_empty() && round.trust.unwrap().renamed.is_none());
}

/// The round of 60 random labels after which the student says `student`, the model of labels alone `own`.
fn with_student(world: &World, own: &Matrix, student: &Matrix, heard: bool) -> Round {
    let mut campaign = world.campaign(guarded(|guard| guard.student = heard));
    campaign.log.tell_random(&world.answers(0..60)).unwrap();
    let held_out = own.view().gather(0..60);
    let inputs = Inputs::default()
        .with_prior(predictions(&world.prior))
        .with_model(predictions(student))
        .with_labels_only(LabelsOnly::new(predictions(own), predictions(&held_out)));
    campaign.suggest(&inputs, 20).unwrap()
}

/// An expert that is all but certain of what it says.
fn certain(expert: &Matrix) -> Matrix {
    let expert = predictions(expert);
    let row = |item: usize| {
        let mut row = [1e-5; CLASSES];
        row[expert.argmax(item).index()] = 1.0 - 2e-5;
        row
    };
    Matrix::from_rows(&(0..ITEMS).map(row).collect::<Vec<_>>()).unwrap()
}

/// The student knows more than the small model of labels alone: free labels are better, trust is what it was.
#[test]
fn the_student_speaks_on_free_labels_but_not_on_the_prior() {
    let world = world(70);
    let own = expert(&world.truth, 50, 2);
    let student = expert(&world.truth, 90, 5);
    let with = with_student(&world, &own, &student, true);
    let without = with_student(&world, &own, &student, false);
    assert!(wrong(&world, &with) + 0.05 < wrong(&world, &without));
    let judged = |round: &Round| {
        let trust = round.trust.as_ref().unwrap();
        assert!(!trust.student_withdrawn, "{trust:?}");
        [trust.prior_exponent, trust.model_exponent, trust.gain, trust.gain_error, trust.noise_rate]
    };
    assert_eq!(judged(&with), judged(&without));
    let changed = |round: &Round| round.trust.as_ref().unwrap().stated.changed;
    assert!(changed(&with) > 0.0 && changed(&without) == 0.0);
}

/// The student, wrong in four of five items and certain of all, would have most free labels wrong; no label tells, for it
/// has seen them all.
#[test]
fn a_student_that_overrules_the_others_is_withdrawn_and_the_stated_error_holds() {
    let world = world(80);
    let own = expert(&world.truth, 60, 2);
    let student = certain(&expert(&world.truth, 20, 5));
    let round = with_student(&world, &own, &student, true);
    let trust = round.trust.as_ref().unwrap();
    assert!(trust.student_withdrawn && trust.stated.changed == 0.0, "{trust:?}");
    let error = wrong(&world, &round);
    assert!(error < 0.2 && trust.stated.bound >= error, "{trust:?}");
    let without = with_student(&world, &own, &student, false);
    let labels =
        |round: &Round| round.clean.iter().map(|item| (item.id, item.class)).collect::<Vec<_>>();
    assert_eq!(labels(&round), labels(&without));
    assert!(!without.trust.unwrap().student_withdrawn, "nobody asked for it");
}

/// With nothing to gain the guard asks what margin asks, item by item.
#[test]
fn a_useless_prior_leaves_the_query_rule_alone() {
    let world = world(33);
    let round = world.round(guarded(|_| ()), 90, 20);
    assert!(round.clean.is_empty(), "{:?}", round.trust);
    assert_eq!(round.noise_size, ITEMS - 90);
    let margin = world.round(Strategy::named("margin").unwrap(), 90, 20);
    let rows = |round: &Round| round.queries.iter().map(|query| row(&query.id)).collect::<Vec<_>>();
    assert_eq!(rows(&round), rows(&margin));
    assert!(round.queries.iter().all(|query| !query.at_random));
}

/// Items 0, 3, 6 and so on are of class 0: a prior that always says 0 is right about all of them.
#[test]
fn labels_of_one_class_do_not_vouch_for_a_prior() {
    let mut world = world(60);
    world.prior = Matrix::from_rows(&vec![[0.9, 0.05, 0.05]; ITEMS]).unwrap();
    let mut campaign = world.campaign(guarded(|_| ()));
    campaign.log.tell_random(&world.answers((0..60).step_by(3))).unwrap();
    let round = world.suggest(&campaign, 10).unwrap();
    assert!(round.clean.is_empty(), "{:?}", round.trust);
}

#[test]
fn a_tenth_of_a_batch_is_drawn_at_random_and_nothing_is_asked_that_is_free() {
    let world = world(90);
    let round = world.round(guarded(|_| ()), 60, 20);
    let explored: Vec<bool> = round.queries.iter().map(|query| query.at_random).collect();
    assert_eq!(explored.iter().filter(|explored| **explored).count(), 2);
    assert!(explored[18..].iter().all(|explored| *explored), "they come last: {explored:?}");
    let mut asked: Vec<usize> = round.queries.iter().map(|query| row(&query.id)).collect();
    assert!(round.clean.iter().all(|item| !asked.contains(&row(&item.id))));
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), 20);
}

/// Of 840 items 100 are the hardest; of 100 that are drawn from all, 12 are among them, give or take 3.
#[test]
fn the_random_share_is_drawn_from_all_items_the_hardest_included() {
    let world = world(90);
    let ids = |round: &Round, at_random: bool| {
        let queries = round.queries.iter().filter(move |query| query.at_random == at_random);
        queries.map(|query| query.id.clone()).collect::<Vec<_>>()
    };
    let hardest = world.round(guarded(|guard| guard.explore = 0.0), 60, 100);
    let hardest = ids(&hardest, false);
    assert_eq!(hardest.len(), 100);
    let round = world.round(guarded(|guard| guard.explore = 0.5), 60, 200);
    let random = ids(&round, true);
    assert_eq!(random.len(), 100);
    let both = random.iter().filter(|id| hardest.contains(id)).count();
    assert!((3..=24).contains(&both), "{both} of the hardest were drawn at random");
    let mut asked = ids(&round, false);
    asked.extend(random);
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), 200, "an item is asked once");
}

/// A prior and a model that are never wrong: 300 random labels certify, 20 can't, chosen labels never do.
#[test]
fn free_labels_are_certified_by_random_labels_alone() {
    let truth: Vec<usize> = (0..ITEMS).map(|item| item % CLASSES).collect();
    let world = World { prior: expert(&truth, 100, 1), model: expert(&truth, 100, 2), truth };
    let few = world.round(guarded(|_| ()), 20, 10).trust.unwrap();
    assert_eq!(few.certified, 0);
    assert!(few.stated.bound > 0.05 && few.stated.contradicted == 0, "{few:?}");

    let many = world.round(guarded(|_| ()), 300, 10);
    let trust = many.trust.as_ref().unwrap();
    assert!(trust.stated.bound < 0.05 && trust.stated.labels > 100, "{trust:?}");
    let of_classes = trust.stated_by_class.iter().map(|stated| stated.labels).sum::<usize>();
    assert_eq!((trust.stated_by_class.len(), of_classes), (CLASSES, trust.stated.labels));
    assert!(trust.stated_by_class.iter().all(|stated| stated.bound > trust.stated.bound));
    let certified = many.clean.iter().filter(|item| item.certified).count();
    assert!(certified > 250 && certified <= trust.certified, "{certified}");

    let mut campaign = world.campaign(guarded(|_| ()));
    campaign.log.tell_seed(&world.answers(0..300)).unwrap();
    let chosen = world.suggest(&campaign, 10).unwrap().trust.unwrap();
    assert_eq!((chosen.stated.labels, chosen.stated.bound, chosen.certified), (0, 1.0, 0));
}

/// 200 labels of which every fifth is wrong; both experts are nearly always right.
fn with_wrong_labels(relabel: f64) -> (World, Campaign, Round) {
    let truth: Vec<usize> = (0..ITEMS).map(|item| item % CLASSES).collect();
    let world = World { prior: expert(&truth, 97, 1), model: expert(&truth, 97, 2), truth };
    let mut campaign = world.campaign(guarded(|guard| guard.relabel = relabel));
    let mut answers = world.answers(0..200);
    for (_, class) in answers.iter_mut().step_by(5) {
        *class = ClassId::from_index((class.index() + 1) % CLASSES);
    }
    campaign.log.tell_random(&answers).unwrap();
    let round = world.suggest(&campaign, 20).unwrap();
    (world, campaign, round)
}

#[test]
fn labels_that_both_experts_contradict_weigh_less_and_are_listed() {
    let (world, campaign, round) = with_wrong_labels(0.0);
    assert!(round.trust.as_ref().unwrap().noise_rate > 0.1, "{:?}", round.trust);
    let weight = |item: usize| {
        let class = campaign.log.class(&id(item)).unwrap();
        round.label_weight(&id(item), class)
    };
    let mean = |items: &mut dyn Iterator<Item = usize>| {
        let weights: Vec<f32> = items.map(weight).collect();
        weights.iter().sum::<f32>() / weights.len() as f32
    };
    let wrong = mean(&mut (0..200).step_by(5));
    let right = mean(&mut (0..200).filter(|item| item % 5 != 0));
    assert!(wrong < 0.4 && right > 0.9, "{wrong} {right}");
    let truly_wrong = round.suspects.iter().filter(|suspect| row(&suspect.id).is_multiple_of(5));
    assert!(truly_wrong.count() * 10 > round.suspects.len() * 8, "{:?}", round.suspects);
    assert!(round.suspects.is_sorted_by(|a, b| a.credence <= b.credence));
    // A row that is neither labelled nor asked is not known, and asked rows are.
    let query = &round.queries[0];
    let true_class = ClassId::from_index(world.truth[row(&query.id)]);
    assert!(round.label_weight(&query.id, true_class) > 0.5);
}

/// The prior says nothing but of every eighth item, and that is wrong; every fifth label is wrong, too.
#[test]
fn a_prior_that_is_given_up_casts_no_doubt_on_labels() {
    let mut world = World { model: expert(&world(0).truth, 80, 2), ..world(0) };
    let says = |item: usize| {
        let mut row = [0.05; CLASSES];
        row[(world.truth[item] + 1) % CLASSES] = 0.9;
        if (item / CLASSES).is_multiple_of(8) { row } else { [1.0 / 3.0; CLASSES] }
    };
    world.prior = Matrix::from_rows(&(0..ITEMS).map(says).collect::<Vec<_>>()).unwrap();
    let mut campaign = world.campaign(guarded(|_| ()));
    let mut answers = world.answers(0..60);
    for (_, class) in answers.iter_mut().step_by(5) {
        *class = ClassId::from_index((class.index() + 1) % CLASSES);
    }
    campaign.log.tell_random(&answers).unwrap();
    let round = world.suggest(&campaign, 20).unwrap();
    assert!(round.clean.is_empty() && round.suspects.len() > 10, "{:?}", round.trust);
    let model = predictions(&world.model);
    for suspect in &round.suspects {
        assert_ne!(model.argmax(row(&suspect.id)), suspect.label);
    }
}

#[test]
fn suspects_are_asked_again_once() {
    let (world, mut campaign, round) = with_wrong_labels(0.25);
    let again: Vec<usize> =
        round.queries.iter().filter(|query| query.again).map(|query| row(&query.id)).collect();
    assert_eq!(again.len(), 5);
    assert_eq!(round.queries.len(), 20);
    assert!(again.iter().all(|row| campaign.log.class(&id(*row)).is_some()));
    campaign.log.tell(&world.answers(again.iter().copied())).unwrap();
    let next = world.suggest(&campaign, 20).unwrap();
    let asked = next.queries.iter().filter(|query| query.again);
    assert!(asked.clone().count() > 0);
    assert!(asked.clone().all(|query| !again.contains(&row(&query.id))));
}

#[test]
fn before_the_first_label_it_draws_at_random() {
    let world = world(90);
    let campaign = world.campaign(guarded(|_| ()));
    let state = Inputs::default()
        .with_prior(predictions(&world.prior))
        .with_model(predictions(&world.model));
    let round = campaign.suggest(&state, 7).unwrap();
    assert!(round.cold_start && round.queries.len() == 7 && round.trust.is_none());
}

#[test]
fn saved_and_resumed_it_knows_which_labels_were_random() {
    let world = world(90);
    let mut campaign = world.campaign(guarded(|_| ()));
    campaign.log.tell_random(&world.answers(0..60)).unwrap();
    let text = serde_json::to_string(&campaign.log).unwrap();
    let log: LabelLog = serde_json::from_str(&text).unwrap();
    let resumed = Campaign { log, ..world.campaign(guarded(|_| ())) };
    let (a, b) = (world.suggest(&campaign, 9).unwrap(), world.suggest(&resumed, 9).unwrap());
    assert_eq!(a.trust, b.trust);
    assert_eq!(a.queries, b.queries);
    assert!(a.trust.unwrap().stated.labels > 0);
}

#[test]
fn what_is_missing_or_out_of_range_is_named() {
    let world = world(90);
    let mut campaign = world.campaign(guarded(|_| ()));
    campaign.log.tell(&world.answers(0..30)).unwrap();
    let state = Inputs::default()
        .with_prior(predictions(&world.prior))
        .with_model(predictions(&world.model));
    let error = campaign.suggest(&state, 5).unwrap_err().to_string();
    assert!(error.contains("out-of-fold predictions"), "{error}");

    let short = world.model.view().gather(0..29);
    let own = LabelsOnly::new(predictions(&world.model), predictions(&short));
    let error = campaign.suggest(&state.with_labels_only(own), 5).unwrap_err();
    let expected = Error::row_count("out-of-fold predictions", 30, 29);
    assert_eq!(error, expected);

    let error = guarded(|guard| guard.explore = 1.5).check().unwrap_err();
    assert_eq!(error.to_string(), "the guard's explore is 1.5: it must be from 0 to 1");
    let unknown = r#"{"name": "prioral-guarded", "guard": {"explor": 0.2}}"#;
    let error = serde_json::from_str::<Strategy>(unknown).unwrap_err().to_string();
    assert!(error.contains("unknown field `explor`"), "{error}");
    let one = r#"{"name": "prioral-guarded", "guard": {"explore": 0.2}}"#;
    let read: Strategy = serde_json::from_str(one).unwrap();
    assert_eq!(read, guarded(|guard| guard.explore = 0.2));
}
