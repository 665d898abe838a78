//! From texts to labels: embed, ask the prior, train, select, ask again.
//!
//! The annotator here is the data set's own label; put yours in its place. Needs the encoder, from the hub
//! or from the cache that `ALFM_HUB_DIR` names:
//!
//! ```sh
//! cargo run --release -p alfm-examples --bin label_texts
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use alfm_core::{ClassId, MatrixView, Predictions, SampleId, ScoreKind, SeedTree};
use alfm_data::{Dataset, Hub};
use alfm_embed::{BertEncoder, TextEncoder};
use alfm_learn::{Classifier, Error, Examples, LearnerConfig};
use alfm_prior::{ClassPrompts, DEFAULT_TEMPERATURE, zero_shot};
use alfm_select::{CleanSet, PoolState, Selector, Strategy};

const BATCH: usize = 24;
const ROUNDS: u64 = 4;
const SEED: u64 = 0;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let hub = Hub::from_env()?;
    let data = Dataset::load("support-inbox", &hub)?;
    let pool = data.split("pool")?;
    let classes = data.schema().len();

    // Once: embeddings, and a prior from the similarity of each text to the prompts of the classes.
    let files = hub.model("sentence-transformers/all-MiniLM-L6-v2")?;
    let encoder = BertEncoder::load(&files.folder)?;
    let texts: Vec<&str> = pool.texts()?.iter().map(String::as_str).collect();
    let embeddings = encoder.encode(&texts, &mut |_, _| {})?;
    let prior = zero_shot(embeddings.view(), &prompts(&data, &encoder)?, DEFAULT_TEMPERATURE)?;
    let prior = Predictions::new(prior.view(), ScoreKind::Probabilities)?;

    let strategy = Strategy::named("prioral")?;
    let mut selector =
        Selector::new(strategy, data.schema().clone(), pool.ids().iter().cloned(), SEED)?;
    let mut predictions = None;
    for round in 0..ROUNDS {
        let mut state = PoolState::default().with_prior(prior).with_embeddings(embeddings.view());
        if let Some(model) = &predictions {
            let model: &alfm_core::Matrix = model;
            state = state.with_model(Predictions::new(model.view(), ScoreKind::Probabilities)?);
        }
        let suggested = selector.suggest(&state, BATCH)?;
        let answers: Vec<(SampleId, ClassId)> = suggested
            .queries
            .iter()
            .filter_map(|query| Some((query.id.clone(), pool.labels()[query.row]?)))
            .collect();
        selector.tell(&answers)?;

        let model = train(&selector, &suggested.clean, embeddings.view(), classes, round)?;
        let predicted = model.predict(embeddings.view())?;
        let right = share_right(&predicted, pool.labels());
        println!(
            "{} labels and {} free ones: {:.1} % of the pool right",
            selector.labels().len(),
            suggested.clean.len(),
            100.0 * right
        );
        predictions = Some(predicted);
    }
    Ok(())
}

fn prompts(data: &Dataset, encoder: &BertEncoder) -> Outcome<ClassPrompts> {
    let (class_of_prompt, texts): (Vec<ClassId>, Vec<&str>) = data.manifest().prompts().unzip();
    let embedded = encoder.encode(&texts, &mut |_, _| {})?;
    Ok(ClassPrompts::new(embedded.view(), &class_of_prompt, data.schema().len())?)
}

/// Logistic regression on what people said and, weighing the same, on the free labels.
fn train(
    selector: &Selector,
    clean: &CleanSet,
    embeddings: MatrixView<'_>,
    classes: usize,
    round: u64,
) -> Result<Box<dyn Classifier>, Error> {
    let told = selector.ids().iter().enumerate();
    let told = told.filter_map(|(row, id)| Some((row, selector.labels().class(id)?)));
    let (rows, labels): (Vec<usize>, Vec<ClassId>) =
        told.chain(clean.iter().map(|item| (item.row, item.class))).unzip();
    let (embeddings, weights) = (embeddings.gather(rows), vec![1.0; labels.len()]);
    let examples = Examples::new(embeddings.view(), &labels, &weights, classes);
    LearnerConfig::default().build()?.fit(&examples, &SeedTree::new(SEED).index(round))
}

fn share_right(predicted: &alfm_core::Matrix, labels: &[Option<ClassId>]) -> f64 {
    let best = |row: &[f32]| {
        (0..row.len()).reduce(|best, class| if row[class] > row[best] { class } else { best })
    };
    let right = predicted
        .view()
        .iter()
        .zip(labels)
        .filter(|(row, label)| best(row) == label.map(ClassId::index))
        .count();
    right as f64 / labels.len() as f64
}
