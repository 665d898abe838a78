//! Classes that are named in the middle of a text.

use std::ops::Range;

use serde_json::Value;

use super::answer::{Answers, Named, around, digits, fold, trim_start};

/// Words before a class that say that it is the answer.
const MARKERS: [&str; 22] = [
    "answer",
    "answers",
    "class",
    "category",
    "label",
    "option",
    "choice",
    "number",
    "classification",
    "classified",
    "classify",
    "prediction",
    "topic",
    "intent",
    "belongs",
    "best",
    "boxed",
    "output",
    "result",
    "sentiment",
    "type",
    "falls",
];
/// Words that join a marker and a class.
const JOINS: [&str; 8] = ["is", "be", "as", "to", "under", "with", "the", "would"];
/// Words by which a class is not the answer, or may not be.
const DENIALS: [&str; 14] = [
    "not",
    "no",
    "never",
    "neither",
    "nor",
    "none",
    "cannot",
    "without",
    "except",
    "excluding",
    "unlike",
    "rather",
    "instead",
    "than",
];
/// Words by which a class is one of several answers.
const HEDGES: [&str; 8] =
    ["could", "might", "may", "either", "possibly", "perhaps", "maybe", "between"];
/// Words that part what is denied from what is said, in a sentence.
const TURNS: [&str; 7] = ["so", "thus", "therefore", "hence", "but", "also", "then"];
/// Words of which sentences are made: as the name of a class they count only where they are marked.
const COMMON: [&str; 19] = [
    "a", "an", "the", "it", "is", "i", "of", "to", "and", "or", "in", "on", "for", "no", "not",
    "none", "yes", "other", "text",
];

/// A class in a text.
#[derive(Clone, Debug)]
struct Mention {
    class: usize,
    at: Range<usize>,
    /// By its name, not its number.
    name: bool,
    /// The text says that this is the answer.
    marked: bool,
    denied: bool,
}

/// All classes that a text names.
pub(super) struct Mentions<'a> {
    text: &'a str,
    found: Vec<Mention>,
    /// Numbers in the text, those that are no class among them.
    numbers: usize,
    answer: Option<Named>,
}

/// A text, character by character.
struct Letters {
    raw: Vec<char>,
    folded: Vec<char>,
    /// Where each begins, and the end.
    at: Vec<usize>,
}

impl Letters {
    fn new(text: &str) -> Self {
        let raw: Vec<char> = text.chars().collect();
        let folded = raw.iter().copied().map(fold).collect();
        let at = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        Self { raw, folded, at }
    }

    fn is_word(&self, at: Option<usize>) -> bool {
        at.and_then(|at| self.raw.get(at)).is_some_and(|c| c.is_alphanumeric())
    }

    /// The longest name that begins here and ends with a word: its class and length.
    fn name(&self, at: usize, names: &[(usize, Vec<char>)]) -> Option<(usize, usize)> {
        let rest = &self.folded[at..];
        let fits = |(_, name): &&(usize, Vec<char>)| {
            rest.starts_with(name) && !self.is_word(Some(at + name.len()))
        };
        let longest = names.iter().filter(fits).max_by_key(|(_, name)| name.len());
        longest.map(|(class, name)| (*class, name.len()))
    }
}

fn names(answers: &Answers) -> Vec<(usize, Vec<char>)> {
    answers.names().map(|(class, name)| (class, name.chars().collect())).collect()
}

impl<'a> Mentions<'a> {
    pub(super) fn of(text: &'a str, answers: &Answers) -> Self {
        let (letters, names) = (Letters::new(text), names(answers));
        let answer = field(text, answers);
        let mut mentions = Self { text, found: Vec::new(), numbers: 0, answer };
        let mut at = 0;
        while at < letters.raw.len() {
            let before = at.checked_sub(1);
            if letters.is_word(before) {
                at += 1;
                continue;
            }
            let byte = letters.at[at];
            let length = digits(&text[byte..]);
            if let Some((class, length)) = letters.name(at, &names) {
                mentions.add(class, byte..letters.at[at + length], true);
                at += length;
            } else if length > 0 {
                mentions.numbers += 1;
                let number = byte..byte + length;
                if let Some(class) = answers.number(&text[number.clone()])
                    && alone(text, &number)
                {
                    mentions.add(class, number, false);
                }
                at += length;
            } else {
                at += 1;
            }
        }
        mentions.judge();
        mentions.join();
        mentions
    }

    /// The class whose name a text begins with.
    pub(super) fn name_at_start(text: &str, answers: &Answers) -> Option<usize> {
        let names = names(answers);
        let longest = names.iter().map(|(_, name)| name.len()).max().unwrap_or(0);
        let start: String = text.chars().take(longest + 1).collect();
        Letters::new(&start).name(0, &names).map(|(class, _)| class)
    }

    fn add(&mut self, class: usize, at: Range<usize>, name: bool) {
        self.found.push(Mention { class, at, name, marked: false, denied: false });
    }

    /// Sees what the sentences say of the classes.
    fn judge(&mut self) {
        // Names of classes are none of the sentence's own words.
        let mut blank = self.text.to_owned();
        for mention in self.found.iter().filter(|mention| mention.name) {
            blank.replace_range(mention.at.clone(), &"\u{1}".repeat(mention.at.len()));
        }
        for mention in &mut self.found {
            let (begin, end) = sentence(&blank, &mention.at);
            let before = &blank[begin..mention.at.start];
            let (clause, said) = (last_clause(before), &blank[begin..end]);
            // The class may be called as the marker is: `class` in `class 2`.
            let own = |word: &str| word == "\u{1}";
            let mut near: Vec<String> = words(clause).collect();
            near.retain(|word| !own(word));
            let denied = |words: &[String]| words.iter().any(|word| denies(word));
            mention.marked = marks(clause, &near, self.text, begin + before.len() - clause.len())
                && !near.iter().any(|word| HEDGES.contains(&word.as_str()));
            mention.denied = match mention.marked {
                true => denied(&near),
                false => denied(&words(said).collect::<Vec<_>>()),
            };
        }
    }

    /// "Answer: 2 or 3" gives both as the answer.
    fn join(&mut self) {
        const ALSO: [&str; 8] =
            ["or", "and", "class", "option", "number", "maybe", "possibly", "also"];
        for at in 1..self.found.len() {
            let (before, rest) = self.found.split_at_mut(at);
            let (Some(last), Some(next)) = (before.last(), rest.first_mut()) else { continue };
            let gap = &self.text[last.at.end..next.at.start];
            let parted = gap.contains(['\n', '.', ':', ';', '(']);
            if last.marked && !parted && words(gap).all(|word| ALSO.contains(&word.as_str())) {
                (next.marked, next.denied) = (true, last.denied);
            }
        }
    }

    /// The one class that the text names.
    pub(super) fn decide(mut self, whole: bool) -> Option<Named> {
        if let Some(answer) = self.answer.take() {
            return Some(answer);
        }
        if self.contradicts() {
            return None;
        }
        let text = self.text;
        // In "the best number is 2" the number is no class, even if one is called so.
        let numbered = self.found.iter().any(|mention| mention.marked && !mention.name);
        let a_word = |mention: &Mention| {
            let word = text[mention.at.clone()].to_lowercase();
            COMMON.contains(&word.as_str()) || MARKERS.contains(&word.as_str())
        };
        self.found.retain(|m| !m.name || !a_word(m) || (m.marked && !numbered));
        let said = |mention: &&Mention| !mention.denied;
        if self.found.iter().any(|mention| mention.marked) {
            return one(self.found.iter().filter(said).filter(|mention| mention.marked));
        }
        if !whole {
            return None;
        }
        if self.found.iter().any(|mention| mention.name) {
            return one(self.found.iter().filter(said).filter(|mention| mention.name));
        }
        let last = |mention: &&Mention| {
            let rest =
                text[mention.at.end..].trim_start_matches(['*', '`', '"', '\'', ')', ']', '}']);
            rest.trim().is_empty() || rest.starts_with(['.', '!', '\n'])
        };
        if self.numbers == 1 { one(self.found.iter().filter(said).filter(last)) } else { None }
    }

    /// Whether a number and a name that stand together are of two classes.
    fn contradicts(&self) -> bool {
        self.found.windows(2).any(|pair| {
            let [first, second] = pair else { return false };
            let gap = &self.text[first.at.end..second.at.start];
            let together = match (first.name, second.name) {
                (false, true) => trim_start(gap).is_empty() && !gap.contains('\n'),
                (true, false) => gap.trim() == "(",
                _ => false,
            };
            together && first.class != second.class
        })
    }
}

/// The class that all mentions name, where the first of them does.
fn one<'m>(mut mentions: impl Iterator<Item = &'m Mention>) -> Option<Named> {
    let first = mentions.next()?;
    let same = mentions.all(|mention| mention.class == first.class);
    same.then(|| Named { class: first.class, at: first.at.clone() })
}

/// Whether a number stands for itself: 2, but not that of 2.5, 24/7 or 2 %.
fn alone(text: &str, number: &Range<usize>) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    let joins = |c: char| ".,/:-–+$€£".contains(c);
    let (before, after) = (&text[..number.start], &text[number.end..]);
    let joined_before = before
        .strip_suffix(joins)
        .is_some_and(|rest| rest.ends_with(digit) || before.ends_with(['$', '€', '£', '+']));
    let joined_after = after.strip_prefix(joins).is_some_and(|rest| rest.starts_with(digit));
    let goes_on = after.starts_with(|c: char| c.is_alphanumeric() || "%°".contains(c));
    !joined_before && !joined_after && !goes_on && !after.trim_start().starts_with('%')
}

/// The bounds of the sentence around a mention.
fn sentence(text: &str, at: &Range<usize>) -> (usize, usize) {
    let begin = ends(&text[..at.start]).last().unwrap_or(0);
    let end = ends(&text[at.end..]).next().map_or(text.len(), |end| at.end + end);
    (begin, end)
}

/// Where sentences end: behind a mark that white space or nothing follows, or a line.
fn ends(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.char_indices().filter_map(|(at, c)| {
        let next = at + c.len_utf8();
        let over = match c {
            '\n' => true,
            '.' | '!' | '?' | ';' => text[next..].chars().next().is_none_or(char::is_whitespace),
            _ => false,
        };
        over.then_some(next)
    })
}

/// What stands behind the last comma or turn of a sentence.
fn last_clause(text: &str) -> &str {
    let mut from = text.rfind([',', '\u{2014}']).map_or(0, |comma| comma + 1);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    for turn in TURNS {
        let turn = format!(" {turn} ");
        if let Some(at) = text.to_ascii_lowercase().rfind(&turn) {
            from = from.max(at + turn.len());
        }
    }
    &text[from..]
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let letter = |c: char| c.is_alphanumeric() || "'’\u{1}".contains(c);
    let words = text.split(move |c: char| !letter(c)).map(|word| word.trim_matches('\''));
    words.filter(|word| !word.is_empty()).map(|word| word.to_lowercase().replace('’', "'"))
}

fn denies(word: &str) -> bool {
    DENIALS.contains(&word) || word.ends_with("n't")
}

/// Whether the clause before a class says that the class is the answer: `class 2`, `answer: 2`, `the best class is 2`.
/// `names` of classes are blank in the clause; the whole text has them, for a class that is called as a marker is.
fn marks(clause: &str, words: &[String], whole: &str, start: usize) -> bool {
    let raw: Vec<String> = self::words(&whole[start..start + clause.len()]).collect();
    let marker = |word: &String| MARKERS.contains(&word.as_str());
    if !words.iter().chain(&raw).any(marker) {
        return false;
    }
    let end = clause.trim_end_matches(|c: char| around(c) && c != ':' || c == '#' || c == '\\');
    if end.ends_with([':', '=', '→']) || end.ends_with("->") {
        return true;
    }
    raw.last().is_some_and(|last| marker(last) || JOINS.contains(&last.as_str()))
}

/// The answer in a JSON object, with or without a fence around it.
fn field(text: &str, answers: &Answers) -> Option<Named> {
    let (begin, end) = (text.find('{')?, text.rfind('}')? + 1);
    let object = text.get(begin..end)?;
    let Value::Object(fields) = serde_json::from_str(object).ok()? else { return None };
    let single = fields.len() == 1;
    let is_answer = |key: &str| {
        single || words(&key.replace('_', " ")).any(|word| MARKERS.contains(&word.as_str()))
    };
    let mut found: Option<Named> = None;
    for (key, value) in fields.iter().filter(|(key, _)| is_answer(key)) {
        let said = match value {
            Value::String(said) => said.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        let Some(class) = answers.exact(&said) else { continue };
        if found.as_ref().is_some_and(|other| other.class != class) {
            return None;
        }
        let behind = begin + object.find(&format!("\"{key}\""))? + key.len() + 2;
        let at = behind + text[behind..].find(&said)?;
        found.get_or_insert(Named { class, at: at..at + said.len() });
    }
    found
}
