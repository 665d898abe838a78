//! A strategy of one's own: of the items that the model doubts, the long ones first.
//!
//! ```sh
//! cargo run -p alfm-examples --bin own_strategy
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use alfm_core::{CoreError, Predictions, SeedTree};
use alfm_select::acquire::{
    AcquireError, Acquisition, Input, Needs, Options, Pick, Pool, Request, build_among,
};

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
    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let expected = request.pool.rows();
        let got = self.words.len();
        if expected != got {
            return Err(CoreError::RowCount { what: "words", expected, got }.into());
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

fn main() -> Result<(), Box<dyn Error>> {
    let texts = ["no", "it depends on what you want", "yes, if it rains", "never on a Sunday"];
    let words = texts.iter().map(|text| text.split_whitespace().count()).collect();
    let model = Predictions::probabilities(&[0.6, 0.4, 0.7, 0.3, 0.2, 0.8, 0.5, 0.5], 4, 2)?;
    let pool = Pool::new(&[None; 4])?.with_model(model)?;
    let seed = SeedTree::new(0);

    let own: Arc<dyn Acquisition> = Arc::new(LongAndDoubtful { words });
    for pick in own.select(&pool, 2, &seed)? {
        println!("{:.3} {}", pick.score, texts[pick.row]);
    }

    // By its name it goes wherever a strategy does: here inside of another, one of each predicted class.
    let around = Options::from_iter([("inner".to_owned(), own.name().into())]);
    let even = build_among(&[own], "class-quota", &around)?;
    for pick in even.select(&pool, 2, &seed)? {
        println!("{:.3} {}", pick.score, texts[pick.row]);
    }
    Ok(())
}
