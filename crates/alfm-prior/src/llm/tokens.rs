//! From token log-probabilities to class probabilities; the rule is in the documentation of the module above.

use serde::Deserialize;

use super::answer::Answers;

/// A chosen token, and what else was likely in its place.
#[derive(Debug, Deserialize)]
pub(super) struct Token {
    token: String,
    /// Natural logarithm.
    logprob: f64,
    #[serde(default)]
    top_logprobs: Vec<Alternative>,
}

#[derive(Debug, Deserialize)]
struct Alternative {
    token: String,
    logprob: f64,
}

/// The class probabilities behind an answer that named `class`; `None` if the tokens do not spell that answer, as
/// where a server counts hidden reasoning among them.
pub(super) fn class_probabilities(
    tokens: &[Token],
    class: usize,
    answers: &Answers,
) -> Option<Vec<f64>> {
    let mut mass = vec![0.0f64; answers.codes().len()];
    let (mut path, mut log) = (String::new(), 0.0f64);
    for (at, token) in tokens.iter().enumerate() {
        for other in token.top_logprobs.iter().filter(|other| other.token != token.token) {
            let classes = answers.beginning_with(&format!("{path}{}", other.token));
            let share = (log + other.logprob.min(0.0)).exp() / classes.len() as f64;
            classes.into_iter().for_each(|class| mass[class] += share);
        }
        let before = answers.exact(&path);
        path.push_str(&token.token);
        log += token.logprob.min(0.0);
        let left = answers.beginning_with(&path);
        let decided = match left.as_slice() {
            [only] => *only == class,
            // A mark of the end, or the rest of `3. name`, after a whole answer.
            [] => before == Some(class) || answers.exact(&path) == Some(class),
            _ => at + 1 == tokens.len() && answers.exact(&path) == Some(class),
        };
        if decided {
            mass[class] += log.exp();
            return Some(spread(mass));
        }
        let begun = !super::answer::plain(&path).is_empty();
        if begun && left.len() < 2 {
            return None;
        }
    }
    None
}

/// Adds what is left of the mass evenly; sums to one.
fn spread(mut mass: Vec<f64>) -> Vec<f64> {
    let total: f64 = mass.iter().sum();
    let rest = (1.0 - total).max(0.0) / mass.len() as f64;
    mass.iter_mut().for_each(|p| *p = (*p + rest) / total.max(1.0));
    mass
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PIECES: [&str; 9] = ["0", "1", "2", "12", "card", " arrival", ".", "", "Sure"];

    fn token() -> impl Strategy<Value = Token> {
        let piece = || (0..PIECES.len(), -8.0f64..0.5);
        (piece(), prop::collection::vec(piece(), 0..6)).prop_map(|((chosen, logprob), top)| {
            let other = |(piece, logprob): (usize, f64)| Alternative {
                token: PIECES[piece].into(),
                logprob,
            };
            let top_logprobs = top.into_iter().map(other).collect();
            Token { token: PIECES[chosen].into(), logprob, top_logprobs }
        })
    }

    proptest! {
        /// Whatever a server says, masses above one among it: a distribution, or nothing.
        #[test]
        fn probabilities_are_probabilities(tokens in prop::collection::vec(token(), 0..4), class in 0usize..12) {
            let mut names: Vec<String> = (0..12).map(|class| format!("topic {class}")).collect();
            (names[0], names[1]) = ("card".into(), "card arrival".into());
            let answers = Answers::new(&names);
            if let Some(row) = class_probabilities(&tokens, class, &answers) {
                prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{row:?}");
                prop_assert!(row.iter().all(|p| *p >= 0.0), "{row:?}");
            }
        }
    }
}
