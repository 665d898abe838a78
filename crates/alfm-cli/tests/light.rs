//! The light build says what it is without, and how to get it.

#![cfg(not(any(feature = "models", feature = "llm")))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{run, succeed};

#[test]
fn the_help_keeps_every_command_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let help = succeed(folder.path(), "--help");
    for part in ["embed", "prior", "run", "This build is without:", "models", "--features full"] {
        assert!(help.contains(part), "{part} is not in: {help}");
    }
}

#[test]
fn a_command_without_its_feature_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("classes.json"), r#"["a", "b"]"#).unwrap();
    let prior = "prior --classes classes.json --out prior.safetensors";
    let commands = [
        ("embed --dataset support-inbox --out e.safetensors", "models"),
        ("run support.toml", "models"),
        (&format!("{prior} --embeddings e.safetensors:pool"), "models"),
        (&format!("{prior} --llm http://localhost --llm-model m --texts t.txt"), "llm"),
    ];
    for (arguments, feature) in commands {
        let output = run(folder.path(), arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {message}");
        let expected = format!("needs the feature `{feature}`");
        assert!(message.contains(&expected), "{arguments}: {message}");
        assert!(message.contains(&format!("--features {feature}")), "{arguments}: {message}");
    }
}
