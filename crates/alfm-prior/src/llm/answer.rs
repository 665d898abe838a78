//! From the raw body of an answer to a class.

use serde::Deserialize;

use super::tokens::{Token, class_probabilities};

/// What may be answered: the number of a class, its name, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    /// Numbers from 1, zero-padded to one width.
    codes: Vec<String>,
    /// Names in plain form; none where it cannot be told from a number or from another name.
    names: Vec<Option<String>>,
}

/// What an answer says.
#[derive(Debug, PartialEq)]
pub(super) enum Reading {
    /// A class, and the probabilities of all classes if they came with it.
    Class { class: usize, probabilities: Option<Vec<f64>> },
    /// The model, or a filter before it, declined.
    Refused,
    /// Text that names no class.
    NoClass,
    /// A body that does not follow the protocol.
    Malformed,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    logprobs: serde_json::Value,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Logprobs {
    content: Vec<Token>,
}

#[derive(Deserialize)]
struct Metered {
    usage: Usage,
}

#[derive(Deserialize)]
struct Usage {
    total_tokens: u64,
}

impl Answers {
    pub(super) fn new(names: &[String]) -> Self {
        let width = names.len().to_string().len();
        let codes = (1..=names.len()).map(|number| format!("{number:0width$}")).collect();
        let mut plain: Vec<Option<String>> = names.iter().map(|name| Some(plain(name))).collect();
        let distinct = plain.clone();
        for name in &mut plain {
            let twice = distinct.iter().filter(|other| *other == name).count() > 1;
            name.take_if(|name| {
                twice || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit())
            });
        }
        Self { codes, names: plain }
    }

    pub(super) fn codes(&self) -> &[String] {
        &self.codes
    }

    /// The class that a whole answer names.
    pub(super) fn exact(&self, text: &str) -> Option<usize> {
        let text = plain(text);
        // Numbers may come without their leading zeros.
        if let Ok(number) = text.parse::<usize>() {
            return number.checked_sub(1).filter(|class| *class < self.codes.len());
        }
        let whole =
            |(code, name): (&String, &Option<String>)| match text.strip_prefix(code.as_str()) {
                // `3. name`, as the prompt has it.
                Some(rest) => name.as_ref().is_some_and(|name| plain(rest) == *name),
                None => name.as_ref() == Some(&text),
            };
        self.codes.iter().zip(&self.names).position(whole)
    }

    /// The classes whose number or name begins with a text; none for an empty one.
    pub(super) fn beginning_with(&self, text: &str) -> Vec<usize> {
        let text = plain(text);
        if text.is_empty() {
            return Vec::new();
        }
        let begins = |name: &String| name.starts_with(&text);
        let pairs = self.codes.iter().zip(&self.names).enumerate();
        pairs
            .filter(|(_, (code, name))| begins(code) || name.as_ref().is_some_and(begins))
            .map(|(class, _)| class)
            .collect()
    }
}

/// Without case, and without white space and punctuation around it.
pub(super) fn plain(text: &str) -> String {
    let around = |c: char| c.is_whitespace() || "\"'`*.:;,()[]".contains(c);
    text.trim_matches(around).to_lowercase()
}

/// Reads the body of an answer.
pub(super) fn read(body: &str, answers: &Answers) -> Reading {
    let Ok(completion) = serde_json::from_str::<Completion>(body) else {
        return Reading::Malformed;
    };
    let Some(choice) = completion.choices.into_iter().next() else { return Reading::Malformed };
    let declined = choice.message.refusal.is_some_and(|refusal| !refusal.is_empty());
    if declined || choice.finish_reason.as_deref() == Some("content_filter") {
        return Reading::Refused;
    }
    let Some(content) = choice.message.content else { return Reading::Malformed };
    let Some(class) = answers.exact(&content) else { return Reading::NoClass };
    // Log-probabilities in another form are as good as none.
    let tokens = serde_json::from_value::<Logprobs>(choice.logprobs).ok();
    let probabilities =
        tokens.and_then(|logprobs| class_probabilities(&logprobs.content, class, answers));
    Reading::Class { class, probabilities }
}

/// The tokens that an answer cost, prompt included, as far as the endpoint counts them.
pub(super) fn tokens(body: &str) -> u64 {
    serde_json::from_str::<Metered>(body).map_or(0, |metered| metered.usage.total_tokens)
}
