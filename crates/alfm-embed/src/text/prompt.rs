use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::Error;
use crate::error::{read_json, setting};

/// `config_sentence_transformers.json`, as far as it changes embeddings.
#[derive(Default, Deserialize)]
struct SentenceTransformers {
    #[serde(default)]
    prompts: Option<BTreeMap<String, String>>,
    #[serde(default)]
    default_prompt_name: Option<String>,
}

/// What the model was published to put before every text; empty where there is nothing, as in most.
///
/// # Errors
/// A name that no prompt has.
pub(crate) fn default_prompt(folder: &Path) -> Result<String, Error> {
    let path = folder.join("config_sentence_transformers.json");
    if !path.exists() {
        return Ok(String::new());
    }
    let config: SentenceTransformers = read_json(&path)?;
    let Some(name) = config.default_prompt_name else { return Ok(String::new()) };
    let mut prompts = config.prompts.unwrap_or_default();
    prompts.remove(&name).ok_or_else(|| {
        let known: Vec<&str> = prompts.keys().map(String::as_str).collect();
        let rule = format!("one of its prompts is needed: {}", known.join(", "));
        setting(&path, "default_prompt_name", format!("`{name}`"), &rule)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: &str) -> Result<String, Error> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config_sentence_transformers.json"), config).unwrap();
        default_prompt(folder.path())
    }

    #[test]
    fn the_prompt_is_the_one_that_is_named() {
        let prompts = r#""prompts": {"query": "query: ", "document": "passage: "}"#;
        let named = |name: &str| of(&format!(r#"{{{prompts}, "default_prompt_name": {name}}}"#));
        assert_eq!(named(r#""query""#).unwrap(), "query: ");
        assert_eq!(named("null").unwrap(), "");
        assert_eq!(of(&format!("{{{prompts}}}")).unwrap(), "");
        assert_eq!(of(r#"{"__version__": {"pytorch": "1.8"}}"#).unwrap(), "");
        assert_eq!(default_prompt(Path::new("absent")).unwrap(), "");
        let error = named(r#""question""#).unwrap_err().to_string();
        assert!(error.contains("document, query"), "{error}");
    }
}
