//! From what a model said to a class.

use std::ops::Range;

use super::mentions::Mentions;

/// Longer texts are no answer, unless they begin with one.
const LONGEST: usize = 16 << 10;

/// What may be answered: the number of a class, its name, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    /// Numbers from 1, zero-padded to one width.
    codes: Vec<String>,
    /// Names in plain form; none where it cannot be told from a number or from another name.
    names: Vec<Option<String>>,
}

/// A class that a text names, and the bytes of the text that decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) class: usize,
    pub(super) at: Range<usize>,
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

    /// The plain names that can be told apart, with their classes.
    pub(super) fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        let named = self.names.iter().enumerate();
        named.filter_map(|(class, name)| Some((class, name.as_deref()?)))
    }

    /// The class with this number, with or without leading zeros.
    pub(super) fn number(&self, digits: &str) -> Option<usize> {
        let class = digits.parse::<usize>().ok()?.checked_sub(1)?;
        (class < self.codes.len()).then_some(class)
    }

    fn is_name(&self, class: usize, text: &str) -> bool {
        self.names[class].as_deref() == Some(text)
    }

    /// The class that a whole answer is: its number, its name, or both as the prompt has them.
    pub(super) fn exact(&self, text: &str) -> Option<usize> {
        let text = plain(text);
        let (digits, rest) = text.split_at(digits(&text));
        if digits.is_empty() {
            return self.names().find(|(_, name)| *name == text).map(|(class, _)| class);
        }
        let (class, rest) = (self.number(digits)?, plain(rest));
        (rest.is_empty() || self.is_name(class, &rest)).then_some(class)
    }

    /// The class that a text names, if it names one; `whole` is false where the text was cut off.
    ///
    /// In this order: all of it; its first line; a number that it begins with; what it marks as its answer
    /// ("the class is 2"); the only name, or the only number, in it. The last counts in a whole text alone, since the
    /// rest of another might name more.
    pub(super) fn class_in(&self, text: &str, whole: bool) -> Option<Named> {
        let start = text.len() - trim_start(text).len();
        let found = if let Some(class) = self.exact(text) {
            Named { class, at: start..text.trim_end_matches(around).len().max(start) }
        } else {
            let leads = self.leading(text, start);
            if let Some(leading) = leads? {
                leading
            } else if text.len() > LONGEST {
                return None;
            } else {
                Mentions::of(text, self).decide(whole)?
            }
        };
        // `card` that was cut off may have become `card arrival`, and 1 may have become 12.
        let ends = found.at.end == text.trim_end_matches(around).len();
        if !whole && ends && self.beginning_with(&text[found.at.clone()], true).len() > 1 {
            return None;
        }
        Some(found)
    }

    /// The class at the beginning of a text that goes on; the outer `None` if the text contradicts itself there.
    fn leading(&self, text: &str, start: usize) -> Option<Option<Named>> {
        let first = text[start..].lines().next().unwrap_or_default();
        let named = match self.exact(first) {
            Some(class) => {
                let end = start + first.trim_end_matches(around).len();
                Some(Named { class, at: start..end })
            }
            None => self
                .leading_number(&text[start..])?
                .map(|(class, length)| Named { class, at: start..start + length }),
        };
        let Some(named) = named else { return Some(None) };
        // A list of the classes is no choice among them.
        let others = text[start..].lines().skip(1).filter_map(|line| self.line(line));
        let alone = others.take(self.codes.len()).all(|class| class == named.class);
        alone.then_some(Some(named))
    }

    /// The class of a number at the very beginning, and its length; the outer `None` for "1 or 2", "1. refund" where
    /// another class has that number, and the like.
    fn leading_number(&self, text: &str) -> Option<Option<(usize, usize)>> {
        let (number, rest) = text.split_at(digits(text));
        let Some(class) = (!number.is_empty()).then(|| self.number(number)).flatten() else {
            return Some(None);
        };
        let goes_on = rest.starts_with(|c: char| c.is_alphanumeric() || "_%°".contains(c));
        let digit = |c: char| c.is_ascii_digit();
        let decimal = rest.starts_with(['.', ',', '/', '-', ':']) && rest[1..].starts_with(digit);
        if goes_on || decimal {
            return Some(None);
        }
        let line = rest.lines().next().unwrap_or_default();
        let word = line.trim_start().split(|c: char| !c.is_alphanumeric()).next();
        let word = word.unwrap_or_default().to_lowercase();
        let next = trim_start(line);
        // "1 or 2", "2 of the classes", "1, 2", "1/2", "1 & 2".
        const NO_CHOICE: [&str; 11] = [
            "or",
            "and",
            "of",
            "to",
            "vs",
            "class",
            "classes",
            "options",
            "categories",
            "labels",
            "possible",
        ];
        let listed = line.trim_start().starts_with([',', '/', '&', '|', '-', '–', '+'])
            && self.number(&next[..digits(next)]).is_some_and(|other| other != class);
        if NO_CHOICE.contains(&word.as_str()) || listed {
            return None;
        }
        match Mentions::name_at_start(next, self) {
            Some(other) if other != class => None,
            _ => Some(Some((class, number.len()))),
        }
    }

    /// The class that a line of a list stands for: number, name or both, with or without more behind them.
    fn line(&self, line: &str) -> Option<usize> {
        let line = trim_start(line);
        if let Some(class) = self.exact(line) {
            return Some(class);
        }
        let (number, rest) = line.split_at(digits(line));
        let class = self.number(number)?;
        (Mentions::name_at_start(trim_start(rest), self) == Some(class)).then_some(class)
    }

    /// The classes whose number or name begins with a text; none for an empty one.
    ///
    /// Numbers are padded, or are not: `padded` says how the model writes them. What ends, a number before another
    /// character or a name before the end of its line, begins no other.
    pub(super) fn beginning_with(&self, text: &str, padded: bool) -> Vec<usize> {
        let text = trim_start(text);
        let (number, rest) = text.split_at(digits(text));
        if !number.is_empty() {
            if rest.starts_with(|c: char| !c.is_alphanumeric()) {
                return self.number(number).into_iter().collect();
            }
            if rest.is_empty() {
                let code = |code: &String| match padded {
                    true => code.starts_with(number),
                    false => code.trim_start_matches('0').starts_with(number),
                };
                return (0..self.codes.len()).filter(|class| code(&self.codes[*class])).collect();
            }
        }
        if let Some((line, _)) = text.split_once('\n') {
            return self.exact(line).into_iter().collect();
        }
        let text = plain(text);
        if text.is_empty() {
            return Vec::new();
        }
        self.names().filter(|(_, name)| name.starts_with(&text)).map(|(class, _)| class).collect()
    }
}

/// The length of the number that a text begins with.
pub(super) fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// What stands around an answer and is no part of it.
pub(super) fn around(c: char) -> bool {
    c.is_whitespace() || "\"'`*.:;,!?()[]{}<>“”‘’«»_".contains(c)
}

/// Without what stands before an answer: marks of lists and headings as well.
pub(super) fn trim_start(text: &str) -> &str {
    text.trim_start_matches(|c: char| around(c) || "#-–—•=→$\\".contains(c))
}

/// A character as it is compared.
pub(super) fn fold(c: char) -> char {
    match c {
        '_' | '-' => ' ',
        c if c.is_whitespace() => ' ',
        // Of the few that become several, the first.
        c => c.to_lowercase().next().unwrap_or(c),
    }
}

/// Without case, and without white space and punctuation around it; `_` and `-` are spaces.
pub(super) fn plain(text: &str) -> String {
    trim_start(text).trim_end_matches(around).chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLASSES: [&str; 3] = ["card_arrival", "lost_card", "refund"];

    fn answers(names: &[&str]) -> Answers {
        Answers::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    /// The number of the class, 0 for none.
    fn read(names: &[&str], text: &str, whole: bool) -> usize {
        answers(names).class_in(text, whole).map_or(0, |named| named.class + 1)
    }

    #[test]
    fn answers_as_models_give_them() {
        for (text, expected) in [
            // As asked.
            ("2", 2),
            (" 2.", 2),
            ("02", 2),
            ("2. lost_card", 2),
            ("lost_card", 2),
            ("Lost card.", 2),
            ("lost-card", 2),
            ("LOST_CARD", 2),
            // Markup.
            ("**2**", 2),
            ("`lost_card`", 2),
            ("\"refund\"", 3),
            ("[2]", 2),
            ("(2)", 2),
            ("{'refund'}", 3),
            ("### 2", 2),
            ("- 2", 2),
            ("_refund_", 3),
            ("«refund»", 3),
            ("\\boxed{2}", 2),
            ("$\\boxed{3}$", 3),
            ("<answer>2</answer>", 2),
            ("```\n2\n```", 2),
            ("2)", 2),
            ("2) lost_card", 2),
            ("#2", 2),
            ("```json\n{\"class\": 2}\n```", 2),
            ("{\"class\": 2, \"reason\": \"it is not a refund\"}", 2),
            ("{\"label\": \"refund\", \"confidence\": 0.9}", 3),
            ("{\"answer\": \"2. lost_card\"}", 2),
            // Chatter behind it.
            ("2\n\nThe text asks about lost_card, so", 2),
            ("lost_card\n\nThe text mentions it", 2),
            ("2 because the card is lost", 2),
            ("1. card_arrival: where a card is, and refund is not asked for", 1),
            ("2 - lost_card", 2),
            ("2: lost_card", 2),
            ("3\n\nExplanation: not 1, since nothing is lost", 3),
            ("refund\nIt is not lost_card or card_arrival.", 3),
            ("2\n\n**Reason:** the text says 3 times that it is no refund", 2),
            ("Class: lost_card\nConfidence: 90%", 2),
            ("Number: 2\nReason: the customer does not want a refund", 2),
            ("The text most likely belongs to class 2 (lost_card), not class 1.", 2),
            ("card_arrival is not correct. The right class is lost_card.", 2),
            ("The class is lost_card (not refund)", 2),
            ("class_2", 2),
            ("Since a refund is asked for, the most appropriate class is 3.", 3),
            ("1. card_arrival\n\nReasons:\n1. It asks.\n2. It says", 1),
            // Chatter before it.
            ("Answer: 2", 2),
            ("Sure! The best class is: 1. card_arrival", 1),
            ("The answer is **3**.", 3),
            ("Final answer: refund", 3),
            ("Class 2", 2),
            ("Option (2)", 2),
            ("The text belongs to class 3.", 3),
            ("The card has not arrived, so the class is card_arrival.", 1),
            ("**Answer:** 2", 2),
            ("I would classify this as refund.", 3),
            ("Sure, 2", 2),
            ("I'd go with 3.", 3),
            ("The text is about a lost card.", 2),
            ("This is clearly lost_card, with two cards at stake", 2),
            ("The number is 2.", 2),
            ("It mentions 2 cards, so lost_card", 2),
            ("Category: Refund", 3),
            ("Based on the text, the best class is 2. lost_card.", 2),
            ("lost_card (2)", 2),
            // Unclear.
            ("", 0),
            ("banana", 0),
            ("not 2", 0),
            ("not class 2", 0),
            ("It isn't class 2.", 0),
            ("1 or 2", 0),
            ("1, 2", 0),
            ("1/2", 0),
            ("1 and 3", 0),
            ("2 of the classes fit", 0),
            ("2nd", 0),
            ("2.5", 0),
            ("4", 0),
            ("0", 0),
            ("lost_card or refund", 0),
            ("Either lost_card or refund fits.", 0),
            ("1. refund", 0),
            ("The answer is 3. card_arrival", 0),
            ("Class 1: no. Class 2: yes.", 0),
            ("refund (1)", 0),
            ("1. card_arrival\n2. lost_card\n3. refund", 0),
            ("1\n2", 0),
            ("card_arrival\nlost_card", 0),
            ("I cannot help with that.", 0),
            ("There are 2 problems with this text", 0),
            ("2%", 0),
            ("1-3", 0),
            ("The text does not fit refund.", 0),
            ("anything except refund", 0),
            ("none of them", 0),
            ("It could be refund rather than lost_card", 0),
            ("I don't think the best class is 2", 0),
            ("{\"class\": 2, \"label\": 3}", 0),
            ("Between 1 and 2, hard to say", 0),
            ("The answer might be 2 or 3", 0),
            ("24/7", 0),
            ("Answer: 2 or 3", 0),
            ("Answer: 1, 2", 0),
            ("The class is lost_card or refund.", 0),
            ("The answer is not clear: it could be 2.", 0),
            ("1. card_arrival - no\n2. lost_card - yes", 0),
            ("99999999999999999999999", 0),
            ("It costs 2.50", 0),
            ("refunds", 0),
            ("2 classes fit", 0),
        ] {
            assert_eq!(read(&CLASSES, text, true), expected, "{text:?}");
        }
    }

    /// What was cut off counts if what is missing can't change it.
    #[test]
    fn answers_that_were_cut_off() {
        for (text, expected) in [
            ("2", 2),
            ("2\n\nThe text asks about card_arrival and", 2),
            ("Answer: 2", 2),
            ("Sure! The best class is: 1. card", 1),
            ("The text is about a lost card and not", 0),
            ("lost", 0),
            ("The best", 0),
            ("It mentions 2", 0),
        ] {
            assert_eq!(read(&CLASSES, text, false), expected, "{text:?}");
        }
        let names = ["card", "card arrival", "refund"];
        for (text, whole, expected) in [
            ("card", true, 1),
            ("card", false, 0),
            ("card\nIt", false, 1),
            ("card arrival", false, 2),
        ] {
            assert_eq!(read(&names, text, whole), expected, "{text:?}");
        }
    }

    #[test]
    fn names_of_every_kind() {
        for (names, text, expected) in [
            (&["card", "card arrival"][..], "The class is card arrival", 2),
            (&["spam", "not spam"], "Not spam", 2),
            (&["spam", "not spam"], "This is not spam.", 2),
            (&["spam", "ham"], "This is not spam.", 0),
            (&["yes", "no"], "No, because it is", 0),
            (&["yes", "no"], "No.", 2),
            (&["yes", "no"], "Answer: no", 2),
            (&["human", "number"], "The best number is 1", 1),
            (&["human", "number"], "number", 2),
            (&["C", "C++", "C#"], "C#", 3),
            (&["C", "C++", "C#"], "The language of this class is C++", 2),
            (&["comp.sys.mac", "sci.med"], "sci.med", 2),
            (&["Größe", "straße"], "The class is GRÖßE.", 1),
            (&["20 news", "30 news"], "2. 30 news", 2),
            (&["a b", "a_b", "c"], "a b", 0),
            (&["a b", "a_b", "c"], "2", 2),
        ] {
            assert_eq!(read(names, text, true), expected, "{names:?} {text:?}");
        }
        let many: Vec<String> = (1..=12).map(|class| format!("topic {class}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (text, whole, expected) in [
            ("7", true, 7),
            ("07", true, 7),
            ("12", true, 12),
            ("1", true, 1),
            ("1", false, 0),
            ("12", false, 12),
            ("Answer: 12. topic 12", true, 12),
            ("topic 12", true, 12),
            ("topic 1", false, 0),
            ("13", true, 0),
        ] {
            assert_eq!(read(&many, text, whole), expected, "{text:?}");
        }
    }

    #[test]
    fn what_decides_is_where_the_class_begins() {
        let answers = answers(&CLASSES);
        for (text, expected) in [
            (" 2.", "2"),
            ("Answer: 2", "2"),
            ("Sure! The best class is: 1. card_arrival", "1"),
            ("**lost_card**\nIt", "lost_card"),
            ("The text is about a Lost Card.", "Lost Card"),
            ("{\"reason\": \"2 cards\", \"class\": \"refund\"}", "refund"),
        ] {
            let named = answers.class_in(text, true).unwrap();
            assert_eq!(&text[named.at], expected, "{text:?}");
        }
    }

    /// An answer without end costs no time without end.
    #[test]
    fn long_answers_are_bounded() {
        let start = std::time::Instant::now();
        assert_eq!(read(&CLASSES, &"refund ".repeat(1 << 19), true), 0);
        assert_eq!(read(&CLASSES, &format!("2\n{}", "x\n".repeat(1 << 20)), true), 2);
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    }

    const PIECES: [&str; 24] = [
        "1",
        "2",
        "03",
        "card_arrival",
        "lost card",
        "refund",
        " ",
        "\n",
        ".",
        ":",
        "not",
        "n't",
        "class",
        "answer",
        "is",
        "or",
        "{",
        "\"",
        "}",
        "é",
        "İ",
        "**",
        "-",
        ",",
    ];

    proptest! {
        /// Whatever is said: no panic, and what decides is a part of the text.
        #[test]
        fn every_text_is_read(pieces in prop::collection::vec(0..PIECES.len(), 0..12), whole: bool) {
            let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            if let Some(named) = answers(&CLASSES).class_in(&text, whole) {
                prop_assert!(named.class < 3);
                prop_assert!(!text[named.at].is_empty());
            }
        }

        #[test]
        fn any_text_is_read(text: String, whole: bool) {
            if let Some(named) = answers(&["a", "é", "x y"]).class_in(&text, whole) {
                prop_assert!(named.class < 3);
                prop_assert!(text.get(named.at).is_some());
            }
        }
    }
}
