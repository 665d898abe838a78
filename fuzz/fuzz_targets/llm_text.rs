//! What a model says, down to the class: at most one of those that there are.

#![no_main]

use std::sync::LazyLock;

use alfm_prior::llm::{ClassText, Question};

static QUESTION: LazyLock<Question> = LazyLock::new(|| {
    let names = ["card", "card arrival", "not spam", "C++", "20 news", "no", "Stra\u{df}e"];
    Question::new(&names.map(ClassText::new)).expect("distinct names")
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert!(QUESTION.class_of(text).is_none_or(|class| class.index() < 7));
});
