//! Labels that people gave, looked up by id, text or row.

use std::collections::HashMap;
use std::path::Path;

use alfm_core::{ClassId, ClassSchema, Error, ErrorKind, SampleId};
use alfm_data::Table;
use alfm_data::arrays::{self, ArraySpec};

use super::noise::{LabelColumns, Missing, NoiseInput};

/// The columns of a table.
pub(super) struct Columns<'a> {
    pub(super) key: Option<&'a str>,
    pub(super) label: &'a LabelColumns,
    pub(super) clean: Option<&'a str>,
}

/// The human label of each item, after merging, by its id or text.
pub(super) fn from_table(
    path: &Path,
    columns: &Columns<'_>,
    missing: Missing,
    input: &NoiseInput<'_>,
) -> Result<Vec<ClassId>, Error> {
    check_merge(input)?;
    check_length("ids", input.ids.len(), input)?;
    if !input.texts.is_empty() {
        check_length("texts", input.texts.len(), input)?;
    }
    let table = read(path, columns, original(input))?;
    let find = |labels: &[Option<ClassId>]| {
        let known = index(path, &table.keys, labels)?;
        let find = |(at, id): (usize, &SampleId)| {
            let by_text = || known.get(*input.texts.get(at)?);
            known.get(id.as_str()).or_else(by_text).copied()
        };
        Ok::<Vec<Option<ClassId>>, Error>(input.ids.iter().enumerate().map(find).collect())
    };
    if let (Some(clean), Some(column)) = (&table.clean, columns.clean) {
        check_clean((path, column), &find(clean)?, input)?;
    }
    settle(path, &find(&table.labels)?, missing, input)
}

/// The human label of each item, after merging, by its row in the split.
pub(super) fn from_rows(
    labels: &ArraySpec,
    clean: Option<&ArraySpec>,
    missing: Missing,
    input: &NoiseInput<'_>,
) -> Result<Vec<ClassId>, Error> {
    let (rows, split_rows) = input.rows.unwrap_or_default();
    check_merge(input)?;
    check_length("rows", rows.len(), input)?;
    let find = |array: &ArraySpec| {
        let labels = arrays::read_labels(array)?;
        if labels.len() != split_rows {
            let wrong = Error::row_count("human labels", split_rows, labels.len());
            return Err(wrong.in_file(array.path()));
        }
        let schema = original(input);
        let unknown =
            |label: &Option<ClassId>| label.is_some_and(|class| schema.check(class).is_err());
        if let Some(row) = labels.iter().position(unknown) {
            let value = labels[row].map_or(-1, |class| class.index() as i64);
            let classes = schema.len();
            let message = format!(
                "row {row} is {value}: a label is a class number below {classes}, or -1 for unlabelled"
            );
            return Err(wrong_in(array.path(), message).at_row(row));
        }
        Ok::<Vec<_>, Error>(rows.iter().map(|row| labels[*row]).collect())
    };
    if let Some(clean) = clean {
        check_clean((clean.path(), clean.key().unwrap_or("labels")), &find(clean)?, input)?;
    }
    settle(labels.path(), &find(labels)?, missing, input)
}

/// Content of a file that cannot be used.
fn wrong_in(path: &Path, message: String) -> Error {
    Error::new(ErrorKind::Input, message).in_file(path)
}

fn check_length(what: &'static str, got: usize, input: &NoiseInput<'_>) -> Result<(), Error> {
    let expected = input.clean.len();
    if got == expected { Ok(()) } else { Err(Error::row_count(what, expected, got)) }
}

fn check_merge(input: &NoiseInput<'_>) -> Result<(), Error> {
    match input.merged_from {
        Some((schema, map)) if map.len() != schema.len() => {
            Err(Error::column_count("class map", schema.len(), map.len()))
        }
        _ => Ok(()),
    }
}

/// The classes that files speak of.
fn original<'a>(input: &NoiseInput<'a>) -> &'a ClassSchema {
    input.merged_from.map_or(input.schema, |(schema, _)| schema)
}

fn merged(class: ClassId, input: &NoiseInput<'_>) -> ClassId {
    input.merged_from.map_or(class, |(_, map)| map[class.index()])
}

/// The item as errors call it: its id, or its row where only rows are known.
fn name(at: usize, input: &NoiseInput<'_>) -> SampleId {
    let row = || input.rows.map_or(at, |(rows, _)| rows[at]);
    input.ids.get(at).cloned().unwrap_or_else(|| format!("row {}", row()).into())
}

/// Refuses clean labels that are not those of the pool: rows or classes in another order would pass for noise.
fn check_clean(
    (path, column): (&Path, &str),
    found: &[Option<ClassId>],
    input: &NoiseInput<'_>,
) -> Result<(), Error> {
    let differs = |(class, clean): (&Option<ClassId>, &ClassId)| {
        class.is_some_and(|class| merged(class, input) != *clean)
    };
    let differing: Vec<bool> = found.iter().zip(input.clean).map(differs).collect();
    let Some(first) = differing.iter().position(|differs| *differs) else { return Ok(()) };
    let class = |class: ClassId| input.schema.name(class).map(str::to_owned);
    let found = class(found[first].map_or(input.clean[first], |class| merged(class, input)))?;
    let message = format!(
        "the clean labels in `{column}` are not those of the data set for {} of {} items, the first is `{}`: {found}, \
         not {}; rows or classes may be in another order",
        differing.iter().filter(|differs| **differs).count(),
        differing.len(),
        name(first, input),
        class(input.clean[first])?,
    );
    Err(wrong_in(path, message))
}

/// What was found, after merging, with `missing` for the rest.
fn settle(
    path: &Path,
    found: &[Option<ClassId>],
    missing: Missing,
    input: &NoiseInput<'_>,
) -> Result<Vec<ClassId>, Error> {
    if missing == Missing::Error
        && let Some(first) = found.iter().position(Option::is_none)
    {
        let message = format!(
            "there is no human label for {} of {} items, the first is `{}`: label them, leave them out of the pool, or \
             say `missing = \"clean\"`",
            found.iter().filter(|class| class.is_none()).count(),
            found.len(),
            name(first, input),
        );
        return Err(wrong_in(path, message));
    }
    let answer = |(class, clean): (&Option<ClassId>, &ClassId)| {
        class.map_or(*clean, |class| merged(class, input))
    };
    Ok(found.iter().zip(input.clean).map(answer).collect())
}

/// Row by row: the key, what people say, and the clean label where there is such a column.
struct People {
    keys: Vec<String>,
    labels: Vec<Option<ClassId>>,
    clean: Option<Vec<Option<ClassId>>>,
}

fn read(path: &Path, columns: &Columns<'_>, schema: &ClassSchema) -> Result<People, Error> {
    let names = columns.label.names();
    if names.is_empty() {
        let message = "`label` is an empty list: name the column of at least one annotator";
        return Err(Error::new(ErrorKind::Setting, message).in_file(path));
    }
    let rest: Vec<&str> = names.iter().map(String::as_str).chain(columns.clean).collect();
    let keyed_by = |key| Table::read(path, &[&[key], &rest[..]].concat());
    let (key, table) = match columns.key {
        Some(key) => (key, keyed_by(key)?),
        None => match Table::read_with_optional(path, &rest, &["id"])? {
            table if table.has("id") => ("id", table),
            _ => ("text", keyed_by("text")?),
        },
    };
    let keys = table.texts(key)?;
    let votes =
        names.iter().map(|name| table.labels(name, schema)).collect::<Result<Vec<_>, _>>()?;
    let clean = columns.clean.map(|name| table.labels(name, schema)).transpose()?;
    let vote = |row: usize| majority(votes.iter().filter_map(|column| column[row]));
    let labels = (0..keys.len()).map(vote).collect();
    Ok(People { keys, labels, clean })
}

/// The class with most votes; of several, the one that got its first vote first.
fn majority(votes: impl Iterator<Item = ClassId> + Clone) -> Option<ClassId> {
    let count = |class: ClassId| votes.clone().filter(|vote| *vote == class).count();
    votes.clone().reduce(|best, vote| if count(vote) > count(best) { vote } else { best })
}

/// The label of each key; rows without label are left out.
fn index<'a>(
    path: &Path,
    keys: &'a [String],
    labels: &[Option<ClassId>],
) -> Result<HashMap<&'a str, ClassId>, Error> {
    let mut known = HashMap::new();
    for (row, (key, label)) in keys.iter().zip(labels).enumerate() {
        let Some(label) = label else { continue };
        if known.insert(key.as_str(), *label).is_some_and(|earlier| earlier != *label) {
            let message = format!("row {row} contradicts an earlier row for `{key}`: keep one");
            return Err(wrong_in(path, message).at_row(row));
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use npyz::WriterBuilder;
    use serde_json::{Value, json};

    use super::*;
    use crate::simulate::Noise;

    /// Labels of a pool of three classes, the last two merged; the file is keyed as its header says.
    fn apply(content: &str, missing: Missing) -> Result<Vec<ClassId>, Error> {
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
        noise(json!({ "file": file, "missing": missing })).apply(&input)
    }

    /// Human noise as a configuration writes it.
    fn noise(mut keys: Value) -> Noise {
        keys["kind"] = "human".into();
        serde_json::from_value(keys).unwrap()
    }

    /// Labels of four items without merging, the file keyed by id.
    fn apply_columns(content: &str, mut keys: Value) -> Result<Vec<ClassId>, Error> {
        let folder = tempfile::tempdir().unwrap();
        keys["file"] = folder.path().join("labels.csv").to_str().unwrap().into();
        std::fs::write(folder.path().join("labels.csv"), content).unwrap();
        let schema = ClassSchema::new(["x", "y", "z"]).unwrap();
        let clean = [0, 1, 2, 0].map(ClassId::new);
        let input = NoiseInput::new(&clean, &schema);
        let ids = ["a", "b", "c", "d"].map(SampleId::from);
        noise(keys).apply(&input.with_items(&ids, &["", "", "", ""]))
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
        let message = error.to_string();
        assert!(message.contains("for 2 of 3 items, the first is `b`"), "{message}");
        assert_eq!(apply(content, Missing::Clean).unwrap(), [1, 1, 1].map(ClassId::new));
    }

    #[test]
    fn bad_files_are_refused() {
        let error = |content| apply(content, Missing::Clean).unwrap_err();
        let twice = error("id,noisy_label\na,2\na,1\n");
        assert!(twice.to_string().contains("row 1 contradicts an earlier row for `a`"), "{twice}");
        let unkeyed = error("name,noisy_label\na,2\n");
        assert!(
            unkeyed.to_string().contains("no column `text`: the columns are name, noisy_label")
        );
        let unknown = error("id,noisy_label\na,7\n");
        assert_eq!((unknown.kind(), unknown.row()), (ErrorKind::Input, Some(0)), "{unknown}");
    }

    /// a: two to one. b: all differ, so the first column. c: one abstains, the others differ. d: one vote.
    #[test]
    fn the_majority_decides_and_the_first_column_a_tie() {
        let content = "id,one,two,three\na,x,z,z\nb,y,x,z\nc,,z,1\nd,-1,,y\n";
        let found = apply_columns(content, json!({ "label": ["one", "two", "three"] })).unwrap();
        assert_eq!(found, [2, 1, 2, 1].map(ClassId::new));
        let found = apply_columns(content, json!({ "label": ["three", "two", "one"] })).unwrap();
        assert_eq!(found, [2, 2, 1, 1].map(ClassId::new));
        let error = apply_columns(content, json!({ "label": "one" })).unwrap_err();
        assert!(error.to_string().contains("for 2 of 4 items"), "{error}");
        let keys = json!({ "label": "one", "missing": "clean" });
        assert_eq!(apply_columns(content, keys).unwrap(), [0, 1, 2, 0].map(ClassId::new));
        let error = apply_columns(content, json!({ "label": [] })).unwrap_err();
        assert!(error.to_string().contains("name the column of at least one annotator"), "{error}");
    }

    #[test]
    fn a_clean_column_must_be_that_of_the_pool() {
        let keys = || json!({ "clean": "truth" });
        // Where the file knows no truth, nothing is compared.
        let content = "id,noisy_label,truth\na,y,x\nb,y,y\nc,y,\nd,y,0\n";
        assert_eq!(apply_columns(content, keys()).unwrap(), [1; 4].map(ClassId::new));
        let error = apply_columns(&content.replace("b,y,y", "b,y,z"), keys()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("1 of 4 items, the first is `b`: z, not y"), "{message}");
    }

    #[test]
    fn a_class_map_must_cover_the_original_classes() {
        let original = ClassSchema::numbered(3).unwrap();
        let merged = ClassSchema::numbered(2).unwrap();
        let (clean, map) = ([ClassId::new(0)], [0, 1].map(ClassId::new));
        let input = NoiseInput::new(&clean, &merged).with_merge(&original, &map);
        let error = noise(json!({ "file": "absent.csv" })).apply(&input).unwrap_err();
        assert!(error.to_string().starts_with("`class map` has 2 columns"), "{error}");
    }

    /// Items 3 and 0 of a split of four, whose classes 1 and 2 were merged.
    #[test]
    fn labels_are_found_by_row() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, labels: [i64; 4]| {
            let path = folder.path().join(name);
            let file = std::fs::File::create(&path).unwrap();
            let options = npyz::WriteOptions::new().default_dtype().shape(&[4]);
            let mut writer = options.writer(file).begin_nd().unwrap();
            writer.extend(labels).unwrap();
            writer.finish().unwrap();
            path.to_str().unwrap().to_owned()
        };
        let labels = write("labels.npy", [2, 0, -1, 1]);
        let apply = |mut keys: Value, split_rows| {
            keys["kind"] = "human-rows".into();
            let noise: Noise = serde_json::from_value(keys).unwrap();
            let original = ClassSchema::new(["x", "y", "z"]).unwrap();
            let schema = ClassSchema::new(["x", "other"]).unwrap();
            let map = [0, 1, 1].map(ClassId::new);
            let clean = [0, 1, 0].map(ClassId::new);
            let input = NoiseInput::new(&clean[..2], &schema).with_merge(&original, &map);
            noise.apply(&input.with_rows(&[3, 0], split_rows))
        };
        let found = apply(json!({ "labels": labels }), 4).unwrap();
        assert_eq!(found, [1, 1].map(ClassId::new));
        let right = write("right.npy", [1, 0, 0, 0]);
        assert!(apply(json!({ "labels": labels, "clean": right }), 4).is_ok());
        let wrong = write("wrong.npy", [0, 0, 0, 0]);
        let message =
            apply(json!({ "labels": labels, "clean": wrong }), 4).unwrap_err().to_string();
        assert!(message.contains("1 of 2 items, the first is `row 0`: x, not other"), "{message}");
        let message = apply(json!({ "labels": labels }), 5).unwrap_err().to_string();
        assert!(message.contains("`human labels` has 4 rows"), "{message}");
        let unknown = write("unknown.npy", [0, 0, 3, 0]);
        let error = apply(json!({ "labels": unknown }), 4).unwrap_err();
        assert!(error.to_string().contains("row 2 is 3: a label is a class number"), "{error}");
        let none = write("none.npy", [0, 0, 0, -1]);
        let error = apply(json!({ "labels": none }), 4).unwrap_err();
        assert!(error.to_string().contains("1 of 2 items, the first is `row 3`"), "{error}");
    }
}
