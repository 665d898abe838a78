//! From the raw body of an answer to class probabilities.

use super::answer::Answers;
use super::api::{self, Api, End};
use super::client::shown;
use super::tokens::class_probabilities;
use super::{Fault, thinking};

/// What an answer says.
#[derive(Debug, PartialEq)]
pub(super) enum Reading {
    /// A class, and the probabilities of all classes if they came with it.
    Class { class: usize, probabilities: Option<Vec<f64>> },
    /// The model, or a filter before it, declined.
    Refused,
    /// Text that names no class, or several.
    NoClass,
    /// Text that was cut off before it named one.
    Cut,
    /// A body that does not follow the protocol, or says nothing.
    Malformed,
}

/// Reads the body of an answer.
pub(super) fn read(api: Api, body: &str, answers: &Answers) -> Reading {
    let Some(reply) = api::read(api, body) else { return Reading::Malformed };
    if reply.end == End::Refused {
        return Reading::Refused;
    }
    let whole = reply.end == End::Whole;
    // Thinking without end was cut off, whatever the server says.
    let Some(said) = thinking::answer(&reply.text) else { return Reading::Cut };
    let said = &reply.text[said];
    if said.trim().is_empty() {
        return if whole { Reading::Malformed } else { Reading::Cut };
    }
    let Some(named) = answers.class_in(said, whole) else {
        return if whole { Reading::NoClass } else { Reading::Cut };
    };
    let tokens = reply.tokens;
    let probabilities =
        tokens.and_then(|tokens| class_probabilities(&tokens, said, &named, answers));
    Reading::Class { class: named.class, probabilities }
}

/// Why a body is no answer, and must not be kept as one.
pub(super) fn fault(reading: &Reading, body: &str) -> Option<Fault> {
    match reading {
        Reading::Malformed => Some(Fault::Malformed { message: shown(body) }),
        Reading::Cut => Some(Fault::Cut),
        Reading::Class { .. } | Reading::Refused | Reading::NoClass => None,
    }
}
