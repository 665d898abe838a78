//! A campaign as a user runs it: rounds, answers of all kinds, stops in between, a classifier of one's own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;

use alfm_learn::{Examples, out_of_fold_by};
use alfm_loop::{
    ActiveLearner, Answer, Capabilities, ClassId, ClassSchema, Classifier, Error, ItemState, Items,
    Learner, LoopConfig, Matrix, MatrixView, Probabilities, SampleId, SeedTree, Source, Strategy,
};
use rand::RngExt;

const ITEMS: usize = 240;
const CLASSES: usize = 3;
const WIDTH: usize = 4;

fn truth(id: &SampleId) -> ClassId {
    ClassId::from_index(id.as_str().parse::<usize>().unwrap() % CLASSES)
}

/// Items lie around the corner of their class; the prior leans to it.
fn world() -> (Arc<Matrix>, Arc<Probabilities>) {
    let mut rng = SeedTree::new(3).rng();
    let mut draw = |low: f32, high: f32| rng.random_range(low..high);
    let (mut embeddings, mut prior) = (Vec::new(), Vec::new());
    for item in 0..ITEMS {
        let mut x: Vec<f32> = (0..WIDTH).map(|_| draw(-0.5, 0.5)).collect();
        x[item % CLASSES] += 1.0;
        embeddings.push(x);
        let mut p: Vec<f32> = (0..CLASSES).map(|_| draw(0.1, 1.0)).collect();
        p[item % CLASSES] += draw(0.0, 1.5);
        let mass: f32 = p.iter().sum();
        prior.push(p.into_iter().map(|p| p / mass).collect::<Vec<f32>>());
    }
    let (embeddings, prior) = (Matrix::from_rows(&embeddings), Probabilities::from_rows(&prior));
    (Arc::new(embeddings.unwrap()), Arc::new(prior.unwrap()))
}

fn learner(strategy: &str) -> ActiveLearner {
    let (embeddings, prior) = world();
    let schema = ClassSchema::numbered(CLASSES).unwrap();
    ActiveLearner::new(Items::numbered(ITEMS), schema, embeddings)
        .and_then(|learner| learner.with_prior(prior))
        .and_then(|learner| learner.with_strategy(Strategy::named(strategy)?))
        .and_then(|learner| learner.with_seed(5))
        .unwrap()
}

fn answers(learner: &ActiveLearner) -> Vec<(SampleId, ClassId)> {
    let queries = learner.round().unwrap().queries.iter();
    queries.map(|query| (query.id.clone(), truth(&query.id))).collect()
}

fn asked(learner: &ActiveLearner) -> BTreeSet<SampleId> {
    learner.round().unwrap().queries.iter().map(|query| query.id.clone()).collect()
}

/// All that a round shows, as text.
fn shown(learner: &ActiveLearner) -> String {
    let predictions = learner.pool_predictions().map(|matrix| matrix.view().values().to_vec());
    let round = serde_json::to_string(&learner.round()).unwrap();
    format!("{round} {:?} {:?}", predictions.unwrap_or_default(), learner.advice())
}

/// Every strategy that the loop has inputs for, stopped and resumed after each kind of step.
#[test]
fn a_resumed_learner_goes_on_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("learner");
    for strategy in ["prioral-guarded", "prioral", "badge", "bald", "mase", "random"] {
        let mut straight = learner(strategy);
        let mut stopped = learner(strategy);
        let stop = |learner_: &mut ActiveLearner| {
            learner_.save(&path).unwrap();
            *learner_ = learner(strategy).resume(&path).unwrap();
        };
        for _ in 0..3 {
            for learner in [&mut straight, &mut stopped] {
                learner.suggest(9).unwrap();
            }
            stop(&mut stopped);
            assert_eq!(shown(&straight), shown(&stopped), "{strategy}: suggested");
            for learner in [&mut straight, &mut stopped] {
                let answers = answers(learner);
                learner.tell(&answers).unwrap();
            }
            stop(&mut stopped);
            for learner in [&mut straight, &mut stopped] {
                learner.fit().unwrap();
            }
            stop(&mut stopped);
            assert_eq!(shown(&straight), shown(&stopped), "{strategy}: fitted");
        }
    }
}

#[test]
fn what_does_not_belong_to_a_saved_learner_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("learner");
    let mut saved = learner("prioral");
    saved.suggest(4).unwrap();
    saved.save(&path).unwrap();
    let schema = ClassSchema::numbered(CLASSES).unwrap();
    let ids = (0..ITEMS).map(|item| format!("item-{item}"));
    let others = ActiveLearner::new(Items::named(ids).unwrap(), schema, world().0).unwrap();
    for (other, says) in [
        (others, "other items"),
        (learner("badge"), "other strategy"),
        (learner("prioral").with_seed(6).unwrap(), "other seed"),
        (
            learner("prioral").with_config(LoopConfig::default().with_folds(3)).unwrap(),
            "other options",
        ),
    ] {
        let error = other.resume(&path).unwrap_err();
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert_eq!(error.path(), Some(&*path));
    }
    let bytes = std::fs::read(&path).unwrap();
    for (at, fault) in [(0, "cut"), (40, "changed"), (bytes.len() - 1, "cut")] {
        let mut broken = bytes.clone();
        if fault == "cut" {
            broken.truncate(at)
        } else {
            broken[at] ^= 0x55
        }
        std::fs::write(&path, broken).unwrap();
        let error = learner("prioral").resume(&path).unwrap_err();
        assert!(error.to_string().contains("this is no saved learner"), "{at}: {error}");
    }
    let newer =
        String::from_utf8_lossy(&bytes).replacen(r#"{\"format\":1,"#, r#"{\"format\":9,"#, 1);
    std::fs::write(&path, newer.as_bytes()).unwrap();
    let error = learner("prioral").resume(&path).unwrap_err().to_string();
    assert!(error.contains("format 9, and this version reads 1"), "{error}");
}

#[test]
fn two_people_never_get_the_same_item_and_what_one_gives_back_comes_again() {
    let mut learner = learner("prioral-guarded");
    learner.suggest(6).unwrap();
    let first = asked(&learner);
    learner.suggest(6).unwrap();
    let second = asked(&learner);
    assert!(first.is_disjoint(&second));
    learner.tell(&first.iter().map(|id| (id.clone(), truth(id))).collect::<Vec<_>>()).unwrap();
    learner.suggest(200).unwrap();
    assert!(asked(&learner).is_disjoint(&second), "still out with the second");
    learner.release(second.iter().cloned().collect()).unwrap();
    learner.suggest(ITEMS).unwrap();
    assert!(second.is_subset(&asked(&learner)));
}

#[test]
fn answers_that_are_no_class_leave_training_and_the_pool() {
    let mut learner = learner("prioral");
    learner.suggest(10).unwrap();
    let queries: Vec<SampleId> =
        learner.round().unwrap().queries.iter().map(|query| query.id.clone()).collect();
    let source = Source { annotator: Some("anna".into()), time: Some(1) };
    let mut said: Vec<(SampleId, Answer)> =
        queries.iter().map(|id| (id.clone(), Answer::Class(truth(id)))).collect();
    (said[0].1, said[1].1, said[2].1) = (Answer::Skip, Answer::Unsure, Answer::NoneOfThese);
    learner.answer(&said, &source).unwrap();
    assert_eq!(learner.labelled().unwrap().len(), 7);
    assert_eq!(learner.log().label(&queries[5]).unwrap().source, &source);
    learner.suggest(ITEMS).unwrap();
    let (again, free) = (asked(&learner), &learner.round().unwrap().clean);
    assert!(again.contains(&queries[0]), "a skipped item comes back");
    assert!(!again.contains(&queries[1]) && !again.contains(&queries[2]));
    assert!(free.iter().all(|item| !queries[1..3].contains(&item.id)));
    assert_eq!(learner.log().state(&queries[1]), ItemState::Unsure);
}

#[test]
fn an_oracle_that_fails_loses_nothing_and_one_that_answers_too_little_is_refused() {
    let mut learner = learner("galaxy");
    learner.tell(&[("0".into(), ClassId::new(0)), ("1".into(), ClassId::new(1))]).unwrap();
    let mut left = 3;
    let failed = learner.suggest_and_ask(8, 1, |ids| {
        left -= 1;
        if left < 0 {
            Err(Error::input("the line is down"))
        } else {
            Ok(ids.iter().map(truth).collect())
        }
    });
    assert_eq!(failed.unwrap_err().to_string(), "the line is down");
    assert_eq!(learner.log().labelled(), 5, "three answers came before");
    for strategy in ["galaxy", "margin"] {
        let mut learner = self::learner(strategy);
        learner.tell(&[("0".into(), ClassId::new(0)), ("1".into(), ClassId::new(1))]).unwrap();
        let short = learner.suggest_and_ask(4, 2, |_| Ok::<_, Error>(vec![ClassId::new(0)]));
        let error = short.unwrap_err().to_string();
        assert!(error.starts_with("the oracle gave 1 answers to "), "{error}");
        assert_eq!(learner.log().labelled(), 2, "{strategy}: nobody knows whose answer that was");
    }
}

#[test]
fn unknown_items_missing_models_and_wrong_shapes_are_named() {
    let mut learner = learner("prioral");
    let error =
        learner.tell(&[("0".into(), ClassId::new(0)), ("x".into(), ClassId::new(0))]).unwrap_err();
    assert!(
        error.to_string().starts_with("item `x` is not in the pool")
            && learner.log().labelled() == 0
    );
    let error = learner.predict(learner.embeddings()).unwrap_err().to_string();
    assert!(error.starts_with("there is no model yet"), "{error}");
    let (embeddings, prior) = world();
    let schema = ClassSchema::numbered(CLASSES).unwrap();
    let error =
        ActiveLearner::new(Items::numbered(3), schema.clone(), embeddings.clone()).unwrap_err();
    assert!(
        error.to_string().starts_with("`embeddings` has 240 rows, but the pool has 3"),
        "{error}"
    );
    let two = ClassSchema::numbered(2).unwrap();
    let learner = ActiveLearner::new(Items::numbered(ITEMS), two, embeddings).unwrap();
    let error = learner.with_prior(prior).unwrap_err().to_string();
    assert!(error.starts_with("`prior` has 3 columns, but there are 2 classes"), "{error}");
}

/// The mean of each class, and nothing else: no weights, no soft targets.
#[derive(Debug)]
struct NearestMean;

struct Means(Vec<Vec<f32>>);

impl Learner for NearestMean {
    fn fit(&self, examples: &Examples<'_>, _: &SeedTree) -> Result<Box<dyn Classifier>, Error> {
        assert!(examples.soft.is_none() && examples.weights.iter().all(|weight| *weight == 1.0));
        let mut sums = vec![vec![0.0; WIDTH]; examples.classes];
        let mut counts = vec![0.0_f32; examples.classes];
        for (x, label) in examples.embeddings.iter().zip(examples.labels) {
            counts[label.index()] += 1.0;
            sums[label.index()].iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
        }
        let mean = |(sum, n): (Vec<f32>, f32)| sum.into_iter().map(|x| x / n.max(1.0)).collect();
        Ok(Box::new(Means(sums.into_iter().zip(counts).map(mean).collect())))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { soft: false, weights: false }
    }
}

impl Classifier for Means {
    fn predict(&self, embeddings: MatrixView<'_>) -> Result<Probabilities, Error> {
        let rows: Vec<Vec<f32>> = embeddings
            .iter()
            .map(|x| {
                let near = |mean: &Vec<f32>| {
                    let distance: f32 = mean.iter().zip(x).map(|(m, x)| (m - x) * (m - x)).sum();
                    (-4.0 * distance).exp() + 1e-6
                };
                let all: Vec<f32> = self.0.iter().map(near).collect();
                let mass: f32 = all.iter().sum();
                all.into_iter().map(|p| p / mass).collect()
            })
            .collect();
        Probabilities::from_rows(&rows)
    }
}

#[test]
fn a_classifier_of_ones_own_takes_part_in_every_strategy() {
    for strategy in ["prioral-guarded", "prioral", "bald", "margin"] {
        let mut learner = learner(strategy).with_learner(Arc::new(NearestMean));
        for _ in 0..4 {
            learner.suggest(8).unwrap();
            let answers = answers(&learner);
            learner.tell(&answers).unwrap();
        }
        learner.fit().unwrap();
        let predictions = learner.pool_predictions().unwrap();
        let best = |row: &[f32]| (1..CLASSES).fold(0, |a, b| if row[b] > row[a] { b } else { a });
        let rows = predictions.view().iter().enumerate();
        let right = rows.filter(|(item, row)| best(row) == item % CLASSES).count();
        assert!(right * 10 > ITEMS * 8, "{strategy}: {right} of {ITEMS}");
    }
}

#[test]
fn held_out_predictions_are_made_for_any_closure() {
    let (embeddings, _) = world();
    let labels: Vec<ClassId> = (0..ITEMS).map(|item| ClassId::from_index(item % CLASSES)).collect();
    let weights = vec![1.0; ITEMS];
    let examples = Examples::new(embeddings.view(), &labels, &weights, CLASSES);
    let fit_and_predict = |kept: &Examples<'_>, held: MatrixView<'_>, seed: &SeedTree| {
        assert_eq!(kept.labels.len() + held.rows(), ITEMS);
        NearestMean.fit(kept, seed)?.predict(held)
    };
    let held_out = out_of_fold_by(&examples, 5, &SeedTree::new(0), fit_and_predict).unwrap();
    assert_eq!((held_out.rows(), held_out.classes()), (ITEMS, CLASSES));
    let wrong = |_: &Examples<'_>, _: MatrixView<'_>, _: &SeedTree| {
        Probabilities::from_rows(&[[1.0, 0.0, 0.0]])
    };
    assert!(out_of_fold_by(&examples, 5, &SeedTree::new(0), wrong).is_err());
}
