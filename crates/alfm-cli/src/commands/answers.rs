//! Answers that somebody else got.

use std::path::Path;

use alfm_core::{ClassSchema, Error, ErrorKind, Items, Probabilities};
use alfm_data::{ClassEntry, read_json_lines};
use alfm_prior::{GivenAnswer, from_answers};
use serde_json::{Value, json};

use crate::args::LlmArgs;
use crate::output::say;

/// The prior of a file of answers; fails if more items are without one than may be.
pub(super) fn read(
    path: &Path,
    wanted: &LlmArgs,
    items: &Items,
    classes: &[ClassEntry],
) -> Result<(Probabilities, Value), Error> {
    let schema = ClassSchema::new(classes.iter().map(|class| class.name.clone()))?;
    let answers: Vec<GivenAnswer> = read_json_lines(path)?;
    let found = from_answers(&answers, items, &schema).map_err(|error| error.in_file(path))?;
    let (without, all) = (found.missing.len(), items.len());
    say(&format!("{} answers for {} of {all} items", answers.len(), all - without));
    if let Some(first) = found.missing.first() {
        let first = items.id(*first);
        say(&format!("{without} items have none and are left uniform; the first is `{first}`"));
    }
    if !wanted.lets_pass(without, all) {
        let message = too_many(without, all, wanted);
        return Err(Error::new(ErrorKind::Missing, message).in_file(path));
    }
    let report = json!({ "items": all, "answers": answers.len(), "missing": found.missing });
    Ok((found.prior, report))
}

/// What is said where too many items are without an answer.
pub(super) fn too_many(missing: usize, items: usize, wanted: &LlmArgs) -> String {
    if missing == items {
        return format!("none of {items} items has an answer, and no prior is written");
    }
    // Rounded up, so that what it advises is enough.
    let share = (1000.0 * missing as f64 / items as f64).ceil() / 1000.0;
    format!(
        "{missing} of {items} items have no answer, more than the share of {} that may be without one, and no prior is \
         written: --allow-missing {share} leaves them uniform",
        wanted.allow_missing
    )
}
