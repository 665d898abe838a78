use alfm_core::{ClassId, ClassSchema};

use super::answer::Answers;
use super::api::Asked;
use super::thinking;
use crate::{Error, ErrorKind};

/// What an item is asked with, unless another template is given.
pub const DEFAULT_TEMPLATE: &str = "Which of these classes does the text below belong to?

{classes}

Text:
{text}

Answer with the number of the one class that fits best, and nothing else.";

/// The default template for models that go on with a text, without turns.
pub const COMPLETION_TEMPLATE: &str = "Which of these classes does the text below belong to?

{classes}

Text:
{text}

Answer with the number of the one class that fits best, and nothing else.

Answer:";

/// A class as the prompt shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassText {
    /// Its name.
    pub name: String,
    /// What it covers.
    pub description: Option<String>,
}

impl ClassText {
    /// A class that its name explains.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), description: None }
    }

    /// Says what it covers.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }
}

/// What is asked of every item, and how answers become probabilities.
///
/// `{classes}` in the template becomes a line for each class, `1. name: description`, numbered from 1; `{text}`
/// becomes the item's text. The text comes last into its place, so that braces in it stand for themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The prompt before and after the text.
    around: (String, String),
    pub(super) answers: Answers,
    top_logprobs: u8,
    pub(super) votes: usize,
    vote_temperature: f64,
    pub(super) smoothing: f64,
    max_tokens: u32,
}

impl Question {
    /// The default template over some classes, in column order.
    ///
    /// # Errors
    /// For fewer than two classes or a name given twice.
    pub fn new(classes: &[ClassText]) -> Result<Self, Error> {
        Self::with_template(classes, DEFAULT_TEMPLATE)
    }

    /// A template of one's own over some classes.
    ///
    /// # Errors
    /// As [`Question::new`], and for a template without `{text}` or `{classes}`.
    pub fn with_template(classes: &[ClassText], template: &str) -> Result<Self, Error> {
        let names = classes.iter().map(|class| class.name.clone());
        let schema = ClassSchema::new(names)?;
        let answers = Answers::new(schema.names());
        let lacks = |placeholder| {
            let message = "it must say where the item's text and the classes go";
            Error::new(ErrorKind::Setting, format!("the template lacks `{placeholder}`: {message}"))
        };
        let Some((before, after)) = template.split_once("{text}") else {
            return Err(lacks("{text}"));
        };
        if !template.contains("{classes}") {
            return Err(lacks("{classes}"));
        }
        let line = |(code, class): (&String, &ClassText)| match &class.description {
            Some(description) => format!("{code}. {}: {description}", class.name),
            None => format!("{code}. {}", class.name),
        };
        let lines: Vec<String> = answers.codes().iter().zip(classes).map(line).collect();
        let lines = lines.join("\n");
        let around = (before.replace("{classes}", &lines), after.replace("{classes}", &lines));
        Ok(Self {
            around,
            answers,
            top_logprobs: 20,
            votes: 5,
            vote_temperature: 1.0,
            smoothing: 1.0,
            max_tokens: 16,
        })
    }

    /// Sets how many alternatives are asked for at each token; default 20, the most that endpoints give. An
    /// endpoint that refuses so many is asked for fewer. 0 asks for none, and every item is voted on.
    #[must_use]
    pub fn with_top_logprobs(mut self, top: u8) -> Self {
        self.top_logprobs = top;
        self
    }

    /// Sets how often an item is asked where there are no log-probabilities, and the temperature of all votes but
    /// the first, which is greedy; default 5 at 1.
    #[must_use]
    pub fn with_votes(mut self, votes: usize, temperature: f64) -> Self {
        self.votes = votes;
        self.vote_temperature = temperature;
        self
    }

    /// Sets `s`, how many votes an even spread over the classes is worth; default 1.
    #[must_use]
    pub fn with_smoothing(mut self, smoothing: f64) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// Sets the most tokens of an answer; default 16. One that is cut off before it names a class is none: a model that
    /// thinks before it answers needs more.
    #[must_use]
    pub fn with_max_tokens(mut self, max_tokens: u32) -> Self {
        self.max_tokens = max_tokens;
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let setting = |name, value: &str, rule| Err(Error::setting(name, value, rule));
        if self.votes == 0 {
            return setting("votes", "0", "at least one answer an item");
        }
        if !(self.vote_temperature >= 0.0 && self.vote_temperature.is_finite()) {
            let value = &self.vote_temperature.to_string();
            return setting("vote_temperature", value, "finite and at least 0");
        }
        if !(self.smoothing > 0.0 && self.smoothing.is_finite()) {
            return setting("smoothing", &self.smoothing.to_string(), "finite and above 0");
        }
        if self.max_tokens == 0 {
            return setting("max_tokens", "0", "at least one token");
        }
        Ok(())
    }

    /// The prompt of an item.
    pub fn prompt(&self, text: &str) -> String {
        format!("{}{text}{}", self.around.0, self.around.1)
    }

    /// The class that an answer names, read as those of an endpoint are; `None` where it is unclear.
    ///
    /// ```
    /// use alfm_core::ClassId;
    /// use alfm_prior::llm::{ClassText, Question};
    /// let question = Question::new(&["lost card", "refund"].map(ClassText::new))?;
    /// assert_eq!(question.class_of("Sure! The best class is **2**."), Some(ClassId::new(1)));
    /// assert_eq!(question.class_of("not 2"), None);
    /// # Ok::<(), alfm_prior::Error>(())
    /// ```
    pub fn class_of(&self, answer: &str) -> Option<ClassId> {
        let said = thinking::answer(answer)?;
        let named = self.answers.class_in(&answer[said], true)?;
        Some(ClassId::from_index(named.class))
    }

    /// Request number `vote` of an item: the first is greedy, and asks for log-probabilities if any are wanted.
    pub(super) fn request<'a>(&self, model: &'a str, text: &str, vote: usize) -> Asked<'a> {
        let logprobs = vote == 0 && self.top_logprobs > 0;
        Asked {
            model,
            prompt: self.prompt(text),
            max_tokens: self.max_tokens,
            temperature: if vote == 0 { 0.0 } else { self.vote_temperature },
            top_logprobs: logprobs.then_some(self.top_logprobs),
            vote,
        }
    }
}
