//! Data that is part of the program, so that it is there wherever the program is installed.

/// The content of a bundled file, by dataset and file name.
pub(crate) fn file(dataset: &str, name: &str) -> Option<&'static str> {
    match (dataset, name) {
        ("support-inbox", "pool.jsonl") => {
            Some(include_str!("../../../datasets/support-inbox/pool.jsonl"))
        }
        ("support-inbox", "test.jsonl") => {
            Some(include_str!("../../../datasets/support-inbox/test.jsonl"))
        }
        ("support-inbox", "classes.json") => {
            Some(include_str!("../../../datasets/support-inbox/classes.json"))
        }
        _ => None,
    }
}
