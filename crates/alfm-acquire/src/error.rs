//! What several strategies have to say.

use std::fmt::Display;

use alfm_core::{Error, ErrorKind};

use crate::options::Opt;

/// An option out of range, of another kind, or missing where it must be given.
pub(crate) fn bad_option(strategy: &str, option: &str, value: impl Display, rule: &str) -> Error {
    Error::new(
        ErrorKind::Setting,
        format!("option `{option}` of strategy `{strategy}` is {value}: it must be {rule}"),
    )
}

/// The strategy has no such option.
pub(crate) fn unknown_option(strategy: &str, option: &str, known: &[Opt]) -> Error {
    let known: Vec<&str> = known.iter().map(|option| option.name).collect();
    let remedy = remedy(option, &known);
    let message = format!("strategy `{strategy}` has no option `{option}`: {remedy}");
    Error::new(ErrorKind::Setting, message)
}

/// An answer to a question that was not asked, or that was answered before.
pub(crate) fn not_asked(row: usize) -> Error {
    let message =
        format!("row {row} waits for no answer: tell only rows that were asked, each once");
    Error::new(ErrorKind::State, message).at_row(row)
}

fn remedy(option: &str, known: &[&str]) -> String {
    let likeness = |known: &str| strsim::jaro_winkler(option, known);
    match known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
        None => "it takes none".to_owned(),
        Some(nearest) => format!("did you mean `{nearest}`? It takes {}", known.join(", ")),
    }
}
