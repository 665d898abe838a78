//! A strategy of one's own: of the items that the model doubts, the long ones first.
//!
//! ```sh
//! cargo run -p alfm-examples --bin own_strategy
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use alfm::select::acquire::{Acquisition, Error, Input, Needs, Pick, Request};
use alfm::select::{Chosen, PriorAlConfig};
use alfm::{ActiveLearner, ClassId, ClassSchema, Items, Matrix, Strategy};

/// Doubt times length: `(1 - max_k p_k) sqrt(words)`.
#[derive(Debug)]
struct LongAndDoubtful {
    /// Words of every item of the pool.
    words: Vec<usize>,
}

impl Acquisition for LongAndDoubtful {
    fn name(&self) -> &str {
        "long-and-doubtful"
    }

    // A pool without the model's predictions is refused before `acquire` is called.
    fn needs(&self) -> Needs {
        Needs::from([Input::Model])
    }

    // `budget` is at least 1 and at most the number of candidates: the rows without a label.
    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        let expected = request.pool.rows();
        let got = self.words.len();
        if expected != got {
            return Err(Error::row_count("words", expected, got));
        }
        let model = request.model()?;
        let mut buffer = Vec::new();
        let mut score = |row: usize| {
            let surest = model.row(row, &mut buffer).iter().copied().fold(0.0, f32::max);
            f64::from(1.0 - surest) * (self.words[row] as f64).sqrt()
        };
        let rows = request.candidates().iter();
        let mut picks: Vec<Pick> = rows.map(|row| Pick { row: *row, score: score(*row) }).collect();
        // A stable sort: the same picks every time, the lowest row on ties.
        picks.sort_by(|a, b| b.score.total_cmp(&a.score));
        picks.truncate(request.budget);
        Ok(picks)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let texts = ["no", "it depends on what you want", "yes, if it rains", "never on a Sunday"];
    let words = texts.iter().map(|text| text.split_whitespace().count()).collect();
    let own: Arc<dyn Acquisition> = Arc::new(LongAndDoubtful { words });

    // It goes wherever a strategy does: alone, in the loop and in experiments ...
    let embeddings = Matrix::from_rows(&[[1.0, 0.0], [0.6, 0.8], [0.5, 0.5], [0.0, 1.0]])?;
    let schema = ClassSchema::new(["negative", "positive"])?;
    let mut learner = ActiveLearner::new(Items::numbered(4), schema, Arc::new(embeddings))?
        .with_strategy(Strategy::custom(Arc::clone(&own)))?;
    learner.tell(&[("0".into(), ClassId::new(0)), ("3".into(), ClassId::new(1))])?;
    for query in &learner.suggest(1)?.queries {
        println!("{:.3} {}", query.score, texts[query.id.as_str().parse::<usize>()?]);
    }

    // ... and as the rule by which PriorAL asks among the items that it is unsure of.
    let rule = PriorAlConfig::default().with_query(Chosen::own(own));
    println!("{}", Strategy::prioral(rule).labelled("prioral, long texts first").label());
    Ok(())
}
