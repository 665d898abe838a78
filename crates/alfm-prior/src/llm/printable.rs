//! What a server said, for the eyes of a person.

/// With control characters, escapes of terminals among them, and marks that turn the direction of writing spelt out.
pub(super) fn printable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        let shown = printable("a\x1b[2J\r\n\u{9b}31m\u{202e}ä é");
        assert_eq!(shown, r"a\u{1b}[2J\r\n\u{9b}31m\u{202e}ä é");
    }
}
