//! From token log-probabilities to class probabilities; the rule is in the documentation of the module above.

use serde::Deserialize;

use super::answer::{self, Answers, Named};

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

impl Token {
    pub(super) fn new(
        token: String,
        logprob: f64,
        top: impl IntoIterator<Item = (String, f64)>,
    ) -> Self {
        let alternative = |(token, logprob)| Alternative { token, logprob };
        Self { token, logprob, top_logprobs: top.into_iter().map(alternative).collect() }
    }
}

/// The class probabilities behind an answer that named a class at some place of the text; `None` if the tokens do not
/// spell that text, as where a server counts hidden reasoning among them in part.
pub(super) fn class_probabilities(
    tokens: &[Token],
    text: &str,
    named: &Named,
    answers: &Answers,
) -> Option<Vec<f64>> {
    let class = named.class;
    let code = answer::digits(&text[named.at.clone()]);
    let padded = code == 0 || code == answers.codes()[class].len();
    let beginning_with = |text: &str| answers.beginning_with(text, padded);
    let tokens = &tokens[deciding(tokens, text, named.at.start)?..];
    let mut mass = vec![0.0f64; answers.codes().len()];
    let (mut path, mut log) = (String::new(), 0.0f64);
    for (at, token) in tokens.iter().enumerate() {
        for other in token.top_logprobs.iter().filter(|other| other.token != token.token) {
            let classes = beginning_with(&format!("{path}{}", other.token));
            let share = (log + other.logprob.min(0.0)).exp() / classes.len() as f64;
            classes.into_iter().for_each(|class| mass[class] += share);
        }
        let before = answers.exact(&path);
        path.push_str(&token.token);
        log += token.logprob.min(0.0);
        let left = beginning_with(&path);
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
        let begun = !answer::plain(&path).is_empty();
        if begun && left.len() < 2 {
            return None;
        }
    }
    None
}

/// The token in which the class begins that the text names at byte `at`, or the first of the tokens before it that say
/// nothing, such as white space and quotes: whatever else stands before it was said whichever class is meant.
fn deciding(tokens: &[Token], text: &str, at: usize) -> Option<usize> {
    let spelt: String = tokens.iter().map(|token| token.token.as_str()).collect();
    // Behind the text there may be a mark of its end, before it thinking that the server has taken out.
    let (first, last) = (spelt.find(text), spelt.rfind(text));
    let at = match (first, last) {
        (Some(_), Some(last)) => last + at,
        _ => {
            let trimmed = text.trim();
            let cut = text.len() - text.trim_start().len();
            spelt.rfind(trimmed)? + at.checked_sub(cut)?
        }
    };
    let mut begin = 0;
    let mut deciding = None;
    for (number, token) in tokens.iter().enumerate() {
        let end = begin + token.token.len();
        if begin <= at && at < end {
            // A token that is more than the class's beginning, `is2`, does not decide.
            if !answer::plain(&token.token[..at - begin]).is_empty() {
                return None;
            }
            deciding = Some(number);
            break;
        }
        begin = end;
    }
    let deciding = deciding?;
    let says_nothing = |token: &&Token| answer::plain(&token.token).is_empty();
    Some(deciding - tokens[..deciding].iter().rev().take_while(says_nothing).count())
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

    fn names(count: usize) -> Answers {
        let mut names: Vec<String> = (0..count).map(|class| format!("topic {class}")).collect();
        (names[0], names[1]) = ("card".into(), "card arrival".into());
        Answers::new(&names)
    }

    /// The probabilities of a text that is made of these tokens.
    fn spelt(answers: &Answers, tokens: &[&[(&str, f64)]]) -> Option<Vec<f64>> {
        let text: String = tokens.iter().map(|choices| choices[0].0).collect();
        let token = |choices: &&[(&str, f64)]| {
            let top = choices.iter().map(|(token, p)| ((*token).to_owned(), p.ln()));
            Token::new(choices[0].0.to_owned(), choices[0].1.ln(), top)
        };
        let tokens: Vec<Token> = tokens.iter().map(token).collect();
        class_probabilities(&tokens, &text, &answers.class_in(&text, true)?, answers)
    }

    fn close(found: Option<Vec<f64>>, expected: &[f64]) {
        let found = found.unwrap();
        let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(near && found.len() == expected.len(), "{found:?}, not {expected:?}");
    }

    /// Chatter before the class says nothing of it, however unlikely it was.
    #[test]
    fn the_token_where_the_class_begins_decides() {
        let answers = names(3);
        let number: &[(&str, f64)] = &[(" 2", 0.75), (" 1", 0.25)];
        let expected = [0.25, 0.75, 0.0];
        close(spelt(&answers, &[&[("Answer", 0.2), ("3", 0.8)], &[(":", 1.0)], number]), &expected);
        let sure: &[&[(&str, f64)]] =
            &[&[("Sure", 0.3)], &[("!", 1.0)], &[(" Class", 0.1)], number, &[(".", 1.0)]];
        close(spelt(&answers, sure), &expected);
        // The same behind thinking that has been taken out of the text.
        let tokens =
            ["<think>", "2 or 1?", "</think>", "\n"].map(|t| Token::new(t.into(), 0.0, []));
        let mut tokens = Vec::from(tokens);
        tokens.push(Token::new("2".into(), 0.75f64.ln(), [("1".into(), 0.25f64.ln())]));
        let named = answers.class_in("2", true).unwrap();
        close(class_probabilities(&tokens, "2", &named, &answers), &expected);
    }

    /// A number that another begins ends where something else follows: 1, not 10 to 12; padded or not.
    #[test]
    fn numbers_end_where_something_follows() {
        let answers = names(12);
        let first: &[(&str, f64)] = &[("1", 0.5), ("7", 0.5)];
        let row = spelt(&answers, &[first, &[("\n", 0.5), ("2", 0.5)], &[("It", 1.0)]]).unwrap();
        let mut expected = vec![0.0; 12];
        (expected[0], expected[6], expected[11]) = (0.25, 0.5, 0.25);
        close(Some(row), &expected);
    }

    #[test]
    fn names_that_begin_alike_are_told_apart() {
        let answers = names(3);
        let first: &[(&str, f64)] = &[("card", 0.5), ("topic", 0.5)];
        let row = spelt(&answers, &[first, &[("\n", 0.5), (" arr", 0.5)], &[("It", 0.1)]]);
        close(row, &[0.25, 0.25, 0.5]);
    }

    proptest! {
        /// Whatever a server says, masses above one among it: a distribution, or nothing.
        #[test]
        fn probabilities_are_probabilities(tokens in prop::collection::vec(token(), 0..4), cut in 0usize..3) {
            let answers = names(12);
            let text: String = tokens.iter().map(|token| token.token.as_str()).collect();
            let Some(named) = answers.class_in(&text, true) else { return Ok(()) };
            let tokens = &tokens[cut.min(tokens.len())..];
            if let Some(row) = class_probabilities(tokens, &text, &named, &answers) {
                prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{row:?}");
                prop_assert!(row.iter().all(|p| *p >= 0.0), "{row:?}");
            }
        }
    }
}
