//! Labels that people gave, looked up by id or text.

use std::collections::HashMap;
use std::path::Path;

use alfm_core::{ClassId, ClassSchema};

use super::noise::{Missing, NoiseInput};
use crate::DataError;
use crate::dataset::read_labels;
use crate::table::{self, Wanted};

/// The file's columns.
pub(super) struct Columns<'a> {
    pub(super) key: Option<&'a str>,
    pub(super) label: &'a str,
}

/// The human label of each item, after merging.
pub(super) fn apply(
    path: &Path,
    columns: Columns<'_>,
    missing: Missing,
    input: &NoiseInput<'_>,
) -> Result<Vec<ClassId>, DataError> {
    for (what, got) in [("ids", input.ids.len()), ("texts", input.texts.len())] {
        if got != input.clean.len() {
            let expected = input.clean.len();
            return Err(alfm_core::CoreError::RowCount { what, expected, got }.into());
        }
    }
    let schema = input.merged_from.map_or(input.schema, |(schema, _)| schema);
    let known = read(path, &columns, schema)?;
    let keys = input.ids.iter().zip(input.texts);
    let found: Vec<Option<ClassId>> = keys
        .map(|(id, text)| known.get(id.as_str()).or_else(|| known.get(*text)).copied())
        .map(|class| match (class, input.merged_from) {
            (Some(class), Some((_, map))) => map.get(class.index()).copied(),
            (class, _) => class,
        })
        .collect();
    if missing == Missing::Error
        && let Some(first) = found.iter().position(Option::is_none)
    {
        return Err(DataError::HumanLabels {
            path: path.into(),
            missing: found.iter().filter(|class| class.is_none()).count(),
            items: found.len(),
            first: input.ids[first].clone(),
        });
    }
    Ok(found.iter().zip(input.clean).map(|(class, clean)| class.unwrap_or(*clean)).collect())
}

/// The label of each key; rows without label are left out.
fn read(
    path: &Path,
    columns: &Columns<'_>,
    schema: &ClassSchema,
) -> Result<HashMap<String, ClassId>, DataError> {
    let required = |name| Wanted { name, required: true };
    let keyed_by = |key| table::read(path, &[required(columns.label), required(key)]);
    let cells = match (columns.key, keyed_by(columns.key.unwrap_or("id"))) {
        (None, Err(DataError::MissingColumn { column, .. })) if column == "id" => keyed_by("text"),
        (_, cells) => cells,
    };
    let mut cells = cells?.into_iter().map(Option::unwrap_or_default);
    let labels = cells.next().unwrap_or_default();
    let labels = read_labels(path, columns.label, &labels, schema)?;
    let mut known = HashMap::new();
    for (row, (key, label)) in cells.flatten().zip(labels).enumerate() {
        let Some(label) = label else { continue };
        let key = key.to_string();
        if known.insert(key.clone(), label).is_some_and(|earlier| earlier != label) {
            return Err(DataError::Contradiction { path: path.into(), row, key });
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use alfm_core::SampleId;

    use super::*;
    use crate::simulate::Noise;

    /// Labels of a pool of three classes, the last two merged; the file is keyed as its header says.
    fn apply(content: &str, missing: Missing) -> Result<Vec<ClassId>, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.csv");
        std::fs::write(&file, content).unwrap();
        let ids = ["a", "b", "c"].map(SampleId::from);
        let texts = ["first", "second", "third"];
        let original = ClassSchema::new(["x", "y", "z"]).unwrap();
        let merged = ClassSchema::new(["x", "other"]).unwrap();
        let map = [0, 1, 1].map(ClassId::new);
        let clean = [0, 1, 1].map(ClassId::new);
        let input =
            NoiseInput::new(&clean, &merged).with_items(&ids, &texts).with_merge(&original, &map);
        Noise::Human { file, key: None, label: "noisy_label".to_owned(), missing }.apply(&input)
    }

    #[test]
    fn labels_are_found_by_id_or_text_and_merged() {
        let expected = [1, 1, 0].map(ClassId::new);
        let by_id = apply("id,noisy_label\na,2\nb,y\nc,0\nd,1\n", Missing::Error).unwrap();
        assert_eq!(by_id, expected);
        let by_text = apply("text,noisy_label\nthird,0\nfirst,1\nsecond,2\n", Missing::Error);
        assert_eq!(by_text.unwrap(), expected);
    }

    #[test]
    fn an_item_without_human_label_is_an_error_unless_said_otherwise() {
        let content = "id,noisy_label\na,2\nc,-1\n";
        let error = apply(content, Missing::Error).unwrap_err();
        let DataError::HumanLabels { missing: 2, items: 3, ref first, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(first.as_str(), "b");
        assert_eq!(apply(content, Missing::Clean).unwrap(), [1, 1, 1].map(ClassId::new));
    }

    #[test]
    fn bad_files_are_refused() {
        let error = |content| apply(content, Missing::Clean).unwrap_err();
        let twice = error("id,noisy_label\na,2\na,1\n");
        assert!(matches!(twice, DataError::Contradiction { row: 1, .. }), "{twice}");
        let unkeyed = error("name,noisy_label\na,2\n");
        assert!(
            unkeyed.to_string().contains("no column `text`: the columns are name, noisy_label")
        );
        let unknown = error("id,noisy_label\na,7\n");
        assert!(matches!(unknown, DataError::Cell { row: 0, .. }), "{unknown}");
    }
}
