use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{ClassId, ClassSchema, Error, ErrorKind, SampleId};

/// Who gave a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// An annotator (or, in a simulation, the oracle) answered a query.
    Human,
    /// It was there before the first query.
    Seed,
    /// The engine gave it for free; it may be wrong, and changes from round to round.
    Pseudo,
}

/// One label, as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The item.
    pub id: SampleId,
    /// Its class.
    pub class: ClassId,
    /// Who gave it.
    pub provenance: Provenance,
    /// The round in which it was given; 0 before the first query.
    pub round: u32,
}

/// The one owner of labels: an append-only log in which the newest label of an item holds.
///
/// An annotator may change their mind: the earlier label stays in [`LabelStore::log`].
/// A pseudo-label never replaces an oracle label.
///
/// ```
/// use alfm_core::{ClassId, ClassSchema, Label, LabelStore, Provenance};
/// let mut store = LabelStore::new(ClassSchema::new(["ham", "spam"])?);
/// let class = ClassId::new(1);
/// store.record(Label { id: "a".into(), class, provenance: Provenance::Human, round: 1 })?;
/// assert_eq!(store.class(&"a".into()), Some(class));
/// assert_eq!(store.counts(), [0, 1]);
/// # Ok::<(), alfm_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Log", into = "Log")]
pub struct LabelStore {
    schema: ClassSchema,
    log: Vec<Label>,
    newest: HashMap<SampleId, usize>,
}

impl LabelStore {
    /// An empty store for the classes of `schema`.
    pub fn new(schema: ClassSchema) -> Self {
        Self { schema, log: Vec::new(), newest: HashMap::new() }
    }

    /// Appends a label. On an error nothing has changed.
    ///
    /// # Errors
    /// For a class outside the schema, or a pseudo-label for an item that has an oracle label.
    pub fn record(&mut self, label: Label) -> Result<(), Error> {
        self.schema.check(label.class)?;
        if label.provenance == Provenance::Pseudo
            && self.get(&label.id).is_some_and(|old| old.provenance != Provenance::Pseudo)
        {
            let id = &label.id;
            let message =
                format!("item `{id}` has an oracle label: a pseudo-label may not replace it");
            return Err(Error::new(ErrorKind::State, message));
        }
        self.newest.insert(label.id.clone(), self.log.len());
        self.log.push(label);
        Ok(())
    }

    /// The label of an item that holds now.
    pub fn get(&self, id: &SampleId) -> Option<&Label> {
        self.newest.get(id).map(|at| &self.log[*at])
    }

    /// The class of an item that holds now.
    pub fn class(&self, id: &SampleId) -> Option<ClassId> {
        self.get(id).map(|label| label.class)
    }

    /// The labels that hold now, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Label> {
        self.log
            .iter()
            .enumerate()
            .filter(|(at, label)| self.newest.get(&label.id) == Some(at))
            .map(|(_, label)| label)
    }

    /// Every label ever given, replaced ones included.
    pub fn log(&self) -> &[Label] {
        &self.log
    }

    /// Number of labelled items.
    pub fn len(&self) -> usize {
        self.newest.len()
    }

    /// Whether nothing is labelled.
    pub fn is_empty(&self) -> bool {
        self.newest.is_empty()
    }

    /// The classes.
    pub fn schema(&self) -> &ClassSchema {
        &self.schema
    }

    /// Labelled items of each class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.schema.len()];
        for label in self.iter() {
            counts[label.class.index()] += 1;
        }
        counts
    }
}

/// The saved form: the index of the newest labels is rebuilt on reading.
#[derive(Clone, Serialize, Deserialize)]
struct Log {
    schema: ClassSchema,
    log: Vec<Label>,
}

impl TryFrom<Log> for LabelStore {
    type Error = Error;

    fn try_from(saved: Log) -> Result<Self, Error> {
        let mut store = Self::new(saved.schema);
        for label in saved.log {
            store.record(label)?;
        }
        Ok(store)
    }
}

impl From<LabelStore> for Log {
    fn from(store: LabelStore) -> Self {
        Self { schema: store.schema, log: store.log }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(id: &str, class: u32, provenance: Provenance) -> Label {
        Label { id: id.into(), class: ClassId::new(class), provenance, round: 1 }
    }

    fn store() -> LabelStore {
        LabelStore::new(ClassSchema::new(["a", "b"]).unwrap())
    }

    #[test]
    fn the_newest_label_holds_and_the_old_one_is_kept() {
        let mut store = store();
        store.record(label("x", 0, Provenance::Human)).unwrap();
        store.record(label("y", 0, Provenance::Human)).unwrap();
        store.record(label("x", 1, Provenance::Human)).unwrap();
        assert_eq!(store.counts(), [1, 1]);
        assert_eq!(store.len(), 2);
        assert_eq!(store.log().len(), 3);
        let order: Vec<&str> = store.iter().map(|label| label.id.as_str()).collect();
        assert_eq!(order, ["y", "x"]);
    }

    #[test]
    fn a_pseudo_label_never_replaces_an_oracle_label() {
        let mut store = store();
        store.record(label("x", 0, Provenance::Pseudo)).unwrap();
        store.record(label("x", 0, Provenance::Human)).unwrap();
        let error = store.record(label("x", 1, Provenance::Pseudo)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::State);
        assert!(error.to_string().starts_with("item `x` has an oracle label: "), "{error}");
        assert_eq!(store.class(&"x".into()), Some(ClassId::new(0)));
    }

    #[test]
    fn a_saved_store_comes_back_and_is_checked() {
        let mut store = store();
        store.record(label("x", 1, Provenance::Seed)).unwrap();
        let text = serde_json::to_string(&store).unwrap();
        let back: LabelStore = serde_json::from_str(&text).unwrap();
        assert_eq!(back.log(), store.log());
        let broken = text.replace("\"class\":1", "\"class\":9");
        let message = serde_json::from_str::<LabelStore>(&broken).unwrap_err().to_string();
        assert!(message.contains("class 9 is unknown"), "{message}");
    }
}
