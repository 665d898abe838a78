//! The shortest way from texts to questions, with the real encoder where it is there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm::data::{ClassEntry, Dataset, Hub};
use alfm::models::Encoder;
use alfm::{ClassId, SampleId};

/// The bundled inbox: after 48 answers the model is right far more often than a model of one class.
#[test]
fn from_texts_and_class_names_to_a_model() {
    let Some(hub) = alfm_fixtures::hub() else { return };
    let hub = Hub::new(hub).with_offline(true);
    let data = Dataset::load("support-inbox", &hub).unwrap();
    let split = data.split("pool").unwrap();
    let texts: Vec<&str> = split.texts().unwrap().iter().map(String::as_str).collect();
    let classes: Vec<ClassEntry> = data.manifest().classes.clone();
    let cache = tempfile::tempdir().unwrap();
    let model = "sentence-transformers/all-MiniLM-L6-v2";
    let encoder = match Encoder::find(model, None, &hub, cache.path()) {
        Ok(encoder) => encoder,
        Err(error) => return alfm_fixtures::skip("data", error.report()),
    };
    let mut learner = alfm::learner_of_texts(&texts, &classes, &encoder).unwrap();
    let truth = |id: &SampleId| split.labels()[id.as_str().parse::<usize>().unwrap()].unwrap();
    for _ in 0..2 {
        let round = learner.suggest(24).unwrap();
        let answers: Vec<(SampleId, ClassId)> =
            round.queries.iter().map(|query| (query.id.clone(), truth(&query.id))).collect();
        learner.tell(&answers).unwrap();
    }
    learner.fit().unwrap();
    let predicted = learner.pool_predictions().unwrap();
    let best = |row: &[f32]| (1..row.len()).fold(0, |a, b| if row[b] > row[a] { b } else { a });
    let rows = predicted.view().iter().zip(split.labels());
    let right = rows.filter(|(row, label)| label.unwrap().index() == best(row)).count();
    assert!(right * 10 > texts.len() * 6, "{right} of {}", texts.len());
}
