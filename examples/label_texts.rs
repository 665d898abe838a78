//! Labels a CSV of your own, in the terminal: which texts to ask about, what you say, and a label for all of them.
//!
//! ```sh
//! cargo run --release -p alfm-examples --bin label_texts -- pool.csv message classes.json
//! ```
//!
//! `message` is the column of texts, `classes.json` a list of class names or of `{"name": .., "prompt": ..}`. Needs the
//! encoder, from the hub or from the cache that `ALFM_HUB_DIR` names. An empty answer ends the session.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::io::stdin;
use std::path::Path;

use alfm::data::{Columns, Dataset, Hub, read_classes};
use alfm::models::Encoder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [table, column, classes] = std::env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "give a table, its column of texts, and a list of classes")?;
    let classes = read_classes(Path::new(&classes))?;
    let data = Dataset::from_file(
        Path::new(&table),
        &Columns::default().with_text(column),
        Some(&classes),
    )?;
    let texts: Vec<&str> = data.split("all")?.texts()?.iter().map(String::as_str).collect();

    let model = "sentence-transformers/all-MiniLM-L6-v2";
    let encoder = Encoder::find(model, None, &Hub::from_env()?, Path::new(".alfm-cache"))?;
    let mut learner = alfm::learner_of_texts(&texts, &classes, &encoder)?;
    'session: loop {
        let queries = learner.suggest(12)?.queries.clone();
        for query in &queries {
            let row: usize = query.id.as_str().parse()?;
            println!("\n{}\n{:?}?", texts[row], learner.log().schema().names());
            let mut line = String::new();
            if stdin().read_line(&mut line)? == 0 || line.trim().is_empty() {
                break 'session;
            }
            match learner.log().schema().id(line.trim()) {
                Ok(class) => learner.tell(&[(query.id.clone(), class)])?,
                Err(error) => println!("{error}"), // asked again later
            }
        }
        learner.release(queries.into_iter().map(|query| query.id).collect())?;
        if let Some(accuracy) = learner.fit()?.accuracy {
            println!("\nabout {:.0} % of the model's labels are right", 100.0 * accuracy.estimate);
        }
    }
    learner.fit()?;
    for (text, row) in texts.iter().zip(learner.pool_predictions()?.view().iter()) {
        let best =
            (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best });
        println!("{}\t{:.2}\t{text}", learner.log().schema().names()[best], row[best]);
    }
    Ok(())
}
