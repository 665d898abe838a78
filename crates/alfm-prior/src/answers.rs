//! Answers that somebody else got: of a language model by another program, or of people.

use std::collections::BTreeMap;

use alfm_core::{ClassId, ClassSchema, Items, Probabilities, SampleId};
use serde::{Deserialize, Deserializer};

use crate::Error;

/// No answer is surer than this, whatever it says of itself: a certain one would leave the small model nothing to say.
const SUREST: f64 = 0.99;
/// How far from one probabilities may sum: they may have been rounded.
const ROUNDING: f64 = 0.01;

/// One answer to one item, as a line of JSON has it: `{"id": "a7", "label": "refund", "confidence": 0.9}`.
///
/// Without a label (none, `null` or -1) and without probabilities, the item was not answered. Other fields are left
/// alone.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct GivenAnswer {
    /// The item.
    #[serde(deserialize_with = "id")]
    pub id: SampleId,
    /// The class.
    #[serde(default)]
    pub label: Option<GivenLabel>,
    /// How sure the answer is, from 0 to 1.
    #[serde(default)]
    pub confidence: Option<f64>,
    /// The probabilities of the classes, in place of a confidence.
    #[serde(default)]
    pub probabilities: Option<GivenProbabilities>,
}

/// A class by its name or its number, from 0; where names of classes are numbers, a number is a name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "`label` must be the name or the number of a class")]
#[non_exhaustive]
pub enum GivenLabel {
    /// Its number; -1 is none.
    Number(i64),
    /// Its name.
    Name(String),
}

/// Probabilities of classes, which sum to one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "`probabilities` must be a list of numbers, or an object of class names and numbers"
)]
#[non_exhaustive]
pub enum GivenProbabilities {
    /// Of every class, in column order.
    List(Vec<f64>),
    /// By name; what is left out is 0.
    ByName(BTreeMap<String, f64>),
}

/// The prior of given answers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AnsweredPrior {
    /// The class probabilities `N x K`.
    pub prior: Probabilities,
    /// The rows of items without an answer, in order; they are uniform.
    pub missing: Vec<usize>,
}

/// A whole number is an id, too.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SampleId, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "`id` must be a text or a whole number")]
    enum Id {
        Text(String),
        Number(i64),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text.into(),
        Id::Number(number) => number.to_string().into(),
    })
}

/// What an answer states; answers of one item must all state the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Label,
    Confidence,
    Probabilities,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Label => "a label alone",
            Self::Confidence => "a label with a confidence",
            Self::Probabilities => "probabilities",
        }
    }
}

/// The answers of an item so far.
#[derive(Clone, Debug)]
struct Sum {
    form: Form,
    first: usize,
    count: f64,
    mass: Vec<f64>,
}

/// The prior of answers that somebody else got; an item may have none or several.
///
/// Each answer is a row of probabilities. One with `probabilities` is those; one with a confidence `c` gives `c`, at
/// most 0.99, to its class and the rest evenly to the others, as [`from_hard_labels`](crate::from_hard_labels) does.
/// The row of an item is the mean of its answers. Labels alone are votes: `p_k = (n_k + 1 / K) / (n + 1)`, of `n` votes
/// `n_k` for class `k`, as a language model's are. An item without an answer is uniform and counted.
///
/// # Errors
/// Naming the row, from 0: an unknown item or class; a confidence or probabilities that are none; a confidence without
/// a label; a label that is not the most probable class; answers of one item that state different things.
///
/// ```
/// use alfm_core::{ClassSchema, Items};
/// let lines = [
///     r#"{"id": "a", "label": "spam", "confidence": 0.9}"#,
///     r#"{"id": "b", "label": 0}"#,
///     r#"{"id": "b", "label": 1}"#,
/// ];
/// let answers = lines.map(|line| serde_json::from_str(line).unwrap());
/// let (items, classes) = (Items::named(["a", "b", "c"])?, ClassSchema::new(["ham", "spam"])?);
/// let found = alfm_prior::from_answers(&answers, &items, &classes)?;
/// assert_eq!(found.prior.row(0), [0.1, 0.9]);
/// assert_eq!(found.prior.row(1), [0.5, 0.5]);
/// assert_eq!(found.missing, [2]);
/// # Ok::<(), alfm_prior::Error>(())
/// ```
pub fn from_answers(
    answers: &[GivenAnswer],
    items: &Items,
    schema: &ClassSchema,
) -> Result<AnsweredPrior, Error> {
    let classes = schema.len();
    if classes < 2 {
        return Err(Error::too_few_classes(classes));
    }
    let mut sums: Vec<Option<Sum>> = vec![None; items.len()];
    for (row, answer) in answers.iter().enumerate() {
        let at = |message: String| Error::input(format!("row {row}: {message}")).at_row(row);
        let Some(item) = items.row_of(&answer.id) else {
            let message = format!("item `{}` is not among the ids: leave it out", answer.id);
            return Err(at(message));
        };
        let Some((form, stated)) = stated(answer, schema).map_err(at)? else { continue };
        let sum = sums[item].get_or_insert_with(|| Sum {
            form,
            first: row,
            count: 0.0,
            mass: vec![0.0; classes],
        });
        if sum.form != form {
            let (id, first) = (&answer.id, sum.first);
            let (here, there) = (form.name(), sum.form.name());
            let remedy = "give all answers of an item in one form";
            let message = format!("item `{id}` has {here}, and {there} in row {first}: {remedy}");
            return Err(at(message));
        }
        sum.count += 1.0;
        sum.mass.iter_mut().zip(stated).for_each(|(sum, p)| *sum += p);
    }
    let mut missing = Vec::new();
    let mut values = Vec::with_capacity(items.len() * classes);
    for (row, sum) in sums.into_iter().enumerate() {
        let Some(Sum { form, count, mass, .. }) = sum else {
            missing.push(row);
            values.extend(std::iter::repeat_n(1.0 / classes as f32, classes));
            continue;
        };
        let smoothing = if form == Form::Label { 1.0 } else { 0.0 };
        let even = smoothing / classes as f64;
        values.extend(mass.into_iter().map(|mass| ((mass + even) / (count + smoothing)) as f32));
    }
    let prior = Probabilities::new(values, items.len(), classes)?;
    Ok(AnsweredPrior { prior, missing })
}

/// What an answer states, as a row; `None` if nothing.
fn stated(answer: &GivenAnswer, schema: &ClassSchema) -> Result<Option<(Form, Vec<f64>)>, String> {
    let classes = schema.len();
    let class = match &answer.label {
        Some(label) => label.class(schema)?.map(ClassId::index),
        None => None,
    };
    if let Some(probabilities) = &answer.probabilities {
        let row = probabilities.row(schema)?;
        let highest = row.iter().copied().fold(0.0, f64::max);
        if let Some(class) = class.filter(|class| row[*class] < highest) {
            let (name, p) = (&schema.names()[class], row[class]);
            return Err(format!(
                "the label `{name}` has probability {p}, another class {highest}: correct one of them"
            ));
        }
        return Ok(Some((Form::Probabilities, row)));
    }
    let Some(class) = class else {
        return match answer.confidence {
            Some(_) => Err("there is a confidence, but no label: add it".into()),
            None => Ok(None),
        };
    };
    let Some(confidence) = answer.confidence else {
        let row = (0..classes).map(|other| f64::from(u8::from(other == class))).collect();
        return Ok(Some((Form::Label, row)));
    };
    if !(0.0..=1.0).contains(&confidence) {
        return Err(format!("the confidence is {confidence}: it must be between 0 and 1"));
    }
    let sure = confidence.min(SUREST);
    let rest = (1.0 - sure) / (classes as f64 - 1.0);
    let row = (0..classes).map(|other| if other == class { sure } else { rest }).collect();
    Ok(Some((Form::Confidence, row)))
}

impl GivenLabel {
    fn class(&self, schema: &ClassSchema) -> Result<Option<ClassId>, String> {
        let names = schema.names();
        let named = |name: &str| names.iter().position(|known| known == name);
        let (place, shown) = match self {
            Self::Name(name) => (named(name), name.clone()),
            Self::Number(number) => {
                let shown = number.to_string();
                let numbered = names.iter().all(|name| name.parse::<i64>().is_ok());
                let place = usize::try_from(*number).ok();
                let place = place.filter(|place| !numbered && *place < names.len());
                match named(&shown).or(place) {
                    None if *number == -1 => return Ok(None),
                    place => (place, shown),
                }
            }
        };
        match place {
            Some(place) => Ok(Some(ClassId::from_index(place))),
            None => Err(unknown(&shown, schema)),
        }
    }
}

impl GivenProbabilities {
    fn row(&self, schema: &ClassSchema) -> Result<Vec<f64>, String> {
        let classes = schema.len();
        let mut row = match self {
            Self::List(list) if list.len() == classes => list.clone(),
            Self::List(list) => {
                let given = list.len();
                return Err(format!("{given} probabilities are given for {classes} classes"));
            }
            Self::ByName(named) => {
                let mut row = vec![0.0; classes];
                for (name, p) in named {
                    let place = schema.names().iter().position(|known| known == name);
                    row[place.ok_or_else(|| unknown(name, schema))?] = *p;
                }
                row
            }
        };
        if let Some(p) = row.iter().find(|p| !(0.0..=1.0 + ROUNDING).contains(*p)) {
            return Err(format!("a probability is {p}: it must be between 0 and 1"));
        }
        let sum: f64 = row.iter().sum();
        if (sum - 1.0).abs() > ROUNDING {
            return Err(format!("the probabilities sum to {sum}, not to 1: normalise them"));
        }
        row.iter_mut().for_each(|p| *p /= sum);
        Ok(row)
    }
}

fn unknown(label: &str, schema: &ClassSchema) -> String {
    const SHOWN: usize = 10;
    let names = schema.names();
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    let known = names[..names.len().min(SHOWN)].join(", ");
    format!("`{label}` is no class: the classes are {known}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<AnsweredPrior, Error> {
        let answers: Vec<GivenAnswer> =
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let items = Items::named(["a", "b", "7"]).unwrap();
        from_answers(&answers, &items, &ClassSchema::new(["x", "y", "z"]).unwrap())
    }

    fn close(found: &[f32], expected: [f64; 3]) {
        let near = found.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6);
        assert!(near, "{found:?}, not {expected:?}");
    }

    #[test]
    fn every_form_becomes_a_row() {
        let found = read(&[
            r#"{"id":"a","label":"x","confidence":0.8}"#,
            r#"{"id":"a","label":"y","confidence":1.0,"model":"m"}"#,
            r#"{"id":"b","probabilities":{"y":0.75,"z":0.25},"label":"y","confidence":0.7}"#,
            r#"{"id":7,"label":2}"#,
            r#"{"id":"7","label":"z"}"#,
            r#"{"id":"7","label":null}"#,
            r#"{"id":"7","label":-1}"#,
        ])
        .unwrap();
        close(found.prior.row(0), [0.4025, 0.545, 0.0525]);
        close(found.prior.row(1), [0.0, 0.75, 0.25]);
        close(found.prior.row(2), [1.0 / 9.0, 1.0 / 9.0, 7.0 / 9.0]);
        assert!(found.missing.is_empty());
        let found = read(&[r#"{"id":"b","probabilities":[0.2,0.3,0.505]}"#]).unwrap();
        close(found.prior.row(0), [1.0 / 3.0; 3]);
        assert_eq!(found.missing, [0, 2]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_row() {
        for (line, expected) in [
            (r#"{"id":"c","label":"x"}"#, "item `c` is not among the ids"),
            (r#"{"id":"a","label":"w"}"#, "`w` is no class: the classes are x, y, z"),
            (r#"{"id":"a","label":3}"#, "`3` is no class"),
            (r#"{"id":"a","label":-2}"#, "`-2` is no class"),
            (r#"{"id":"a","label":"x","confidence":90}"#, "the confidence is 90"),
            (r#"{"id":"a","confidence":0.5}"#, "there is a confidence, but no label"),
            (r#"{"id":"a","probabilities":[1.0]}"#, "1 probabilities are given for 3 classes"),
            (r#"{"id":"a","probabilities":[0.5,0.4,0.0]}"#, "the probabilities sum to 0.9"),
            (r#"{"id":"a","probabilities":[1.5,-0.5,0.0]}"#, "a probability is 1.5"),
            (r#"{"id":"a","probabilities":{"w":1.0}}"#, "`w` is no class"),
            (
                r#"{"id":"a","label":"x","probabilities":[0.2,0.8,0.0]}"#,
                "the label `x` has probability 0.2",
            ),
            (
                r#"{"id":"b","label":"x","confidence":0.5}"#,
                "item `b` has a label with a confidence, and a label alone in row 0",
            ),
        ] {
            let error = read(&[r#"{"id":"b","label":"x"}"#, line]).unwrap_err();
            let message = error.to_string();
            assert!(message.starts_with(&format!("row 1: {expected}")), "{message}");
            assert_eq!((error.kind(), error.row()), (crate::ErrorKind::Input, Some(1)), "{line}");
        }
    }

    /// Of classes that are called by numbers, a number is the name.
    #[test]
    fn numbers_may_be_names() {
        let schema = ClassSchema::new(["1", "2"]).unwrap();
        let class = |label: GivenLabel| label.class(&schema);
        assert_eq!(class(GivenLabel::Number(1)), Ok(Some(ClassId::new(0))));
        assert!(class(GivenLabel::Number(0)).is_err());
        assert_eq!(class(GivenLabel::Name("2".into())), Ok(Some(ClassId::new(1))));
    }
}
