use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Error, text};

/// A class as a person describes it: its name, and prompts for a zero-shot prior.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClassEntry {
    /// Its name.
    pub name: String,
    /// What it covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Sentences that an item of the class is close to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<String>,
}

impl ClassEntry {
    /// A class of which only the name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), description: None, prompts: Vec::new() }
    }
}

/// Reads a list of classes: `[{"name": .., "description": .., "prompt": ..}, ..]`, in column order.
///
/// A list of `prompts` is taken as it is; otherwise name, description and prompt, as far as they are there, are
/// the prompts: together they describe a class better than any of them. A bare name is a class, too.
///
/// # Errors
/// An unreadable file, or one that holds no such list.
pub fn read_classes(path: &Path) -> Result<Vec<ClassEntry>, Error> {
    parse(path, &text::read_text(path)?)
}

pub(crate) fn parse(path: &Path, text: &str) -> Result<Vec<ClassEntry>, Error> {
    serde_json::from_str(text).map_err(|source| {
        let form = r#"expected a JSON list of {"name": .., "description": .., "prompt": ..}"#;
        Error::input(form).in_file(path).because(source)
    })
}

/// The forms in which a class may be written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Name(String),
    Full {
        name: String,
        description: Option<String>,
        prompt: Option<String>,
        #[serde(default)]
        prompts: Vec<String>,
    },
}

impl<'de> Deserialize<'de> for ClassEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Name(name) => Self::named(name),
            Written::Full { name, description, prompts, .. } if !prompts.is_empty() => {
                Self { name, description, prompts }
            }
            Written::Full { name, description, prompt: None, .. } if description.is_none() => {
                Self::named(name)
            }
            Written::Full { name, description, prompt, .. } => {
                let words = name.replace('_', " ");
                let prompts = [Some(words), description.clone(), prompt];
                Self { name, description, prompts: prompts.into_iter().flatten().collect() }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_class_is_read() {
        let text =
            r#"["a", {"name": "b", "prompt": "p"}, {"name": "c", "prompts": ["q", "r"], "id": 2}]"#;
        let classes = parse(Path::new("classes.json"), text).unwrap();
        let prompts: Vec<usize> = classes.iter().map(|class| class.prompts.len()).collect();
        assert_eq!(prompts, [0, 2, 2]);
        assert_eq!(classes[2].name, "c");
    }

    #[test]
    fn what_is_not_a_list_of_classes_is_refused() {
        let error = parse(Path::new("classes.json"), r#"{"a": 1}"#).unwrap_err();
        assert!(error.to_string().contains("classes.json"), "{error}");
    }
}
