//! What a model says to itself before it answers.

use std::ops::Range;

/// Marks around thinking, in lower case, as models and servers write them.
const MARKS: [(&str, &str); 8] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<scratchpad>", "</scratchpad>"),
    ("[think]", "[/think]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
];

/// Where in a text the answer stands; `None` if thinking begins that does not end.
///
/// Thinking that only ends began in the prompt.
pub(super) fn answer(text: &str) -> Option<Range<usize>> {
    // Keeps all offsets.
    let lower = text.to_ascii_lowercase();
    let ends = MARKS.iter().filter_map(|(_, end)| Some(lower.rfind(end)? + end.len()));
    let after = ends.max().unwrap_or(0);
    let begins = MARKS.iter().filter_map(|(begin, _)| lower[after..].find(begin));
    let range = match begins.min() {
        Some(begin) => after..after + begin,
        None => after..text.len(),
    };
    if !text[range.clone()].trim().is_empty() {
        return Some(range);
    }
    if begins_in(&lower[after..]) {
        return None;
    }
    // Thinking behind the answer, and nothing behind the thinking.
    let first = MARKS.iter().filter_map(|(begin, _)| lower.find(begin)).min();
    Some(first.map_or(range, |first| 0..first))
}

fn begins_in(text: &str) -> bool {
    MARKS.iter().any(|(begin, _)| text.contains(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_is_left() {
        for (text, expected) in [
            ("2", Some("2")),
            ("<think>1 or 2?</think>\n\n2", Some("\n\n2")),
            ("<THINK>\n</THINK>2", Some("2")),
            ("1 seems wrong.\n</think>\n2", Some("\n2")),
            ("<think>a</think><thinking>b</thinking>2", Some("2")),
            ("2\n<think>was that right", Some("2\n")),
            ("2 <think>it was</think>", Some("2 ")),
            ("<think>\nOkay, the user wants", None),
            ("<think>a</think>\n<think>b", None),
            ("[THINK]x[/THINK]2", Some("2")),
            ("<|channel|>analysis<|message|>1?<|end|><|channel|>final<|message|>2", Some("2")),
            ("", Some("")),
        ] {
            let found = answer(text).map(|range| &text[range]);
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
