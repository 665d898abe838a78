//! The one owner of labels: an append-only log of what was asked, what was answered, and how classes changed.

mod entry;
mod record;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub use entry::{Answer, Entry, Event, Provenance, Source};
use record::{Outcome, Record};

use crate::{ClassId, ClassSchema, Error, ErrorKind, Items, SampleId};

/// Where an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ItemState {
    /// Nobody was asked.
    Unlabelled,
    /// Suggested to somebody who has not answered: not suggested again until it is released.
    Pending,
    /// It has a label.
    Labelled(ClassId),
    /// Somebody passed it by; it may be suggested again from the next round on.
    Skipped,
    /// Somebody could not tell; not suggested again.
    Unsure,
    /// It belongs to none of the classes; not suggested again.
    NoneOfThese,
    /// Its label was taken back; it may be suggested again.
    Retracted,
    /// It is no longer part of the pool.
    Removed,
}

/// A label that holds now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label<'a> {
    /// The item.
    pub id: &'a SampleId,
    /// Its class, in today's numbering.
    pub class: ClassId,
    /// How it came about.
    pub provenance: Provenance,
    /// The round in which it was given; 0 before the first suggestion.
    pub round: u32,
    /// Whether its item was drawn at random, not chosen.
    pub at_random: bool,
    /// Who gave it, and when.
    pub source: &'a Source,
}

/// Labels, what else was answered, what is out with annotators, and the classes as they are today.
///
/// Nothing is ever changed or deleted: an answer that is taken back, a class that is renamed or merged are further
/// entries, and [`entries`](LabelLog::entries) tells the whole story. All else is read off the entries, in order, so
/// that a log that is replayed from a file or a database is the log that was written. A database needs to store
/// entries alone: it takes those from [`len`](slice::len) onwards that it has not, and never becomes a second owner.
///
/// ```
/// use alfm_core::{ClassId, ClassSchema, ItemState, LabelLog};
/// let mut log = LabelLog::new(ClassSchema::new(["ham", "spam"])?);
/// log.tell(&[("a".into(), ClassId::new(1))])?;
/// log.rename_class(ClassId::new(1), "junk")?;
/// assert_eq!(log.state(&"a".into()), ItemState::Labelled(ClassId::new(1)));
/// assert_eq!((log.counts(), log.entries().len()), (vec![0, 1], 2));
/// # Ok::<(), alfm_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct LabelLog {
    first_schema: ClassSchema,
    schema: ClassSchema,
    entries: Vec<Entry>,
    records: HashMap<SampleId, Record>,
    labelled: usize,
    /// The round of the last suggestion.
    round: u32,
    /// Whether anything was answered since.
    answered: bool,
}

impl LabelLog {
    /// An empty log for the classes of `schema`.
    pub fn new(schema: ClassSchema) -> Self {
        Self {
            first_schema: schema.clone(),
            schema,
            entries: Vec::new(),
            records: HashMap::new(),
            labelled: 0,
            round: 0,
            answered: false,
        }
    }

    /// The log that these entries make, one after the other.
    ///
    /// # Errors
    /// As [`record`](LabelLog::record), for the first entry that does not fit the ones before it.
    pub fn replay(
        schema: ClassSchema,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<Self, Error> {
        let mut log = Self::new(schema);
        entries.into_iter().try_for_each(|entry| log.record(entry))?;
        Ok(log)
    }

    /// Appends an entry. On an error nothing has changed.
    ///
    /// # Errors
    /// An unknown class, a class name that is there already, a label of the engine over one of people, a label to
    /// take back that is not there, a merge that leaves one class, an item that was removed.
    pub fn record(&mut self, entry: Entry) -> Result<(), Error> {
        self.check(&entry.event)?;
        let at = self.entries.len();
        match &entry.event {
            Event::Suggested { id, at_random, again, .. } => {
                let record = self.records.entry(id.clone()).or_default();
                record.pending = true;
                if !again {
                    record.at_random = *at_random;
                }
                self.answered &= entry.round == self.round;
                self.round = entry.round;
            }
            Event::Released { id } => self.records.entry(id.clone()).or_default().pending = false,
            Event::Answered { id, answer, at_random, .. } => {
                let record = self.records.entry(id.clone()).or_default();
                let before = record.class().is_some();
                record.answer(*answer, entry.round, at);
                record.at_random = at_random.unwrap_or(record.at_random);
                let now = record.class().is_some();
                self.labelled = self.labelled + usize::from(now) - usize::from(before);
                self.answered = true;
            }
            Event::Removed { id } => {
                let record = self.records.entry(id.clone()).or_default();
                self.labelled -= usize::from(record.class().is_some());
                record.remove();
            }
            Event::ClassAdded { name } => self.schema = self.schema.with_added(name)?,
            Event::ClassRenamed { class, name } => {
                self.schema = self.schema.with_renamed(*class, name)?;
            }
            Event::ClassMerged { class, into } => {
                let (schema, today) = self.schema.with_merged(*class, *into)?;
                self.records.values_mut().for_each(|record| record.renumber(&today));
                self.schema = schema;
            }
        }
        self.entries.push(entry);
        Ok(())
    }

    fn check(&self, event: &Event) -> Result<(), Error> {
        let refuse = |kind, message| Err(Error::new(kind, message));
        if let Some(id) = event.id()
            && self.state(id) == ItemState::Removed
        {
            let message = format!("item `{id}` was removed from the pool: nothing is said of it");
            return refuse(ErrorKind::State, message);
        }
        match event {
            Event::Answered { id, answer, provenance, .. } => {
                let label = self.label(id);
                match answer {
                    Answer::Class(class) => {
                        self.schema.check(*class)?;
                        let engine = *provenance == Provenance::Pseudo;
                        if engine && label.is_some_and(|old| old.provenance != Provenance::Pseudo) {
                            let remedy = "a pseudo-label may not replace it";
                            let message = format!("item `{id}` has an oracle label: {remedy}");
                            return refuse(ErrorKind::State, message);
                        }
                    }
                    Answer::Retract if label.is_none() => {
                        let message =
                            format!("item `{id}` has no label: there is none to take back");
                        return refuse(ErrorKind::State, message);
                    }
                    _ => {}
                }
            }
            Event::ClassAdded { name } => drop(self.schema.with_added(name)?),
            Event::ClassRenamed { class, name } => drop(self.schema.with_renamed(*class, name)?),
            Event::ClassMerged { class, into } => drop(self.schema.with_merged(*class, *into)?),
            Event::Suggested { .. } | Event::Released { .. } | Event::Removed { .. } => {}
        }
        Ok(())
    }

    /// Records labels of people. On an error nothing is recorded.
    ///
    /// # Errors
    /// As [`record`](LabelLog::record).
    pub fn tell(&mut self, labels: &[(SampleId, ClassId)]) -> Result<(), Error> {
        self.label_all(labels, Provenance::Human, None)
    }

    /// Records labels that were there before the first question. On an error nothing is recorded.
    ///
    /// # Errors
    /// As [`record`](LabelLog::record).
    pub fn tell_seed(&mut self, labels: &[(SampleId, ClassId)]) -> Result<(), Error> {
        self.label_all(labels, Provenance::Seed, None)
    }

    /// As [`tell_seed`](LabelLog::tell_seed), for items that were drawn at random.
    ///
    /// Estimates of error rest on them: a label that was asked because it was hard says little of the others.
    ///
    /// # Errors
    /// As [`record`](LabelLog::record).
    pub fn tell_random(&mut self, labels: &[(SampleId, ClassId)]) -> Result<(), Error> {
        self.label_all(labels, Provenance::Seed, Some(true))
    }

    fn label_all(
        &mut self,
        labels: &[(SampleId, ClassId)],
        provenance: Provenance,
        at_random: Option<bool>,
    ) -> Result<(), Error> {
        let event = |(id, class): &(SampleId, ClassId)| Event::Answered {
            id: id.clone(),
            answer: Answer::Class(*class),
            provenance,
            at_random,
        };
        self.record_all(labels.iter().map(event).collect(), &Source::default())
    }

    /// Records answers of any kind from one annotator. On an error nothing is recorded.
    ///
    /// # Errors
    /// As [`record`](LabelLog::record).
    pub fn answer(&mut self, answers: &[(SampleId, Answer)], source: &Source) -> Result<(), Error> {
        let event = |(id, answer): &(SampleId, Answer)| Event::Answered {
            id: id.clone(),
            answer: *answer,
            provenance: Provenance::Human,
            at_random: None,
        };
        self.record_all(answers.iter().map(event).collect(), source)
    }

    /// Takes items back from whoever they were suggested to.
    ///
    /// # Errors
    /// As [`record`](LabelLog::record).
    pub fn release(&mut self, ids: impl IntoIterator<Item = SampleId>) -> Result<(), Error> {
        let events = ids.into_iter().map(|id| Event::Released { id }).collect();
        self.record_all(events, &Source::default())
    }

    /// Takes back what was to be answered before `now`, in milliseconds since 1970; how many items that were.
    ///
    /// That is an entry of its own, so that no state depends on when it is read.
    ///
    /// # Errors
    /// As [`record`](LabelLog::record).
    pub fn release_expired(&mut self, now: u64) -> Result<usize, Error> {
        let mut until = HashMap::new();
        for entry in &self.entries {
            if let Event::Suggested { id, until: limit, .. } = &entry.event {
                until.insert(id, *limit);
            }
        }
        let expired = |(id, limit): &(&SampleId, Option<u64>)| {
            limit.is_some_and(|limit| limit <= now) && self.is_pending(id)
        };
        let mut ids: Vec<SampleId> =
            until.into_iter().filter(expired).map(|(id, _)| id.clone()).collect();
        ids.sort();
        let count = ids.len();
        self.release(ids)?;
        Ok(count)
    }

    /// Removes items from the pool; what was said of them stays in the entries.
    ///
    /// # Errors
    /// As [`record`](LabelLog::record).
    pub fn remove(&mut self, ids: impl IntoIterator<Item = SampleId>) -> Result<(), Error> {
        let events = ids.into_iter().map(|id| Event::Removed { id }).collect();
        self.record_all(events, &Source::default())
    }

    /// Adds a class behind the others.
    ///
    /// # Errors
    /// A name that is there already.
    pub fn add_class(&mut self, name: impl Into<String>) -> Result<ClassId, Error> {
        self.record_now(Event::ClassAdded { name: name.into() })?;
        Ok(ClassId::from_index(self.schema.len() - 1))
    }

    /// Gives a class another name; its labels stay.
    ///
    /// # Errors
    /// An unknown class, or a name that is there already.
    pub fn rename_class(&mut self, class: ClassId, name: impl Into<String>) -> Result<(), Error> {
        self.record_now(Event::ClassRenamed { class, name: name.into() })
    }

    /// Makes `class` a part of `into`: its labels are now of that class, and the classes behind it move up by one.
    ///
    /// # Errors
    /// An unknown class, a class into itself, or a merge that leaves one class.
    pub fn merge_class(&mut self, class: ClassId, into: ClassId) -> Result<(), Error> {
        self.record_now(Event::ClassMerged { class, into })
    }

    fn record_now(&mut self, event: Event) -> Result<(), Error> {
        self.record(Entry { event, round: self.round, source: Source::default() })
    }

    fn record_all(&mut self, events: Vec<Event>, source: &Source) -> Result<(), Error> {
        // No event of such a batch makes a later one valid or invalid.
        events.iter().try_for_each(|event| self.check(event))?;
        let round = self.round;
        events
            .into_iter()
            .try_for_each(|event| self.record(Entry { event, round, source: source.clone() }))
    }

    /// Where an item stands; an item of which nothing was ever said is unlabelled.
    pub fn state(&self, id: &SampleId) -> ItemState {
        self.records.get(id).map_or(ItemState::Unlabelled, Record::state)
    }

    /// The class of an item, if it has a label.
    pub fn class(&self, id: &SampleId) -> Option<ClassId> {
        self.records.get(id)?.class()
    }

    /// The label of an item that holds now.
    pub fn label(&self, id: &SampleId) -> Option<Label<'_>> {
        let (id, record) = self.records.get_key_value(id)?;
        self.label_of(id, record)
    }

    fn label_of<'a>(&'a self, id: &'a SampleId, record: &Record) -> Option<Label<'a>> {
        let Outcome::Class { class, entry: at } = record.outcome else { return None };
        let Entry { event: Event::Answered { provenance, .. }, round, source } = &self.entries[at]
        else {
            return None;
        };
        let (provenance, round, at_random) = (*provenance, *round, record.at_random);
        Some(Label { id, class, provenance, round, at_random, source })
    }

    /// The labels that hold now with the rows of their items, in the order of the pool: as out-of-fold predictions and
    /// training examples are ordered. `O(n log n)`.
    ///
    /// # Errors
    /// A labelled item that the pool does not hold.
    pub fn labels_by_row(&self, items: &Items) -> Result<Vec<(usize, Label<'_>)>, Error> {
        let labels = self.labels().map(|label| Ok((items.row(label.id)?, label)));
        let mut labels = labels.collect::<Result<Vec<_>, Error>>()?;
        labels.sort_unstable_by_key(|(row, _)| *row);
        Ok(labels)
    }

    /// The labels that hold now, in the order in which they were given.
    pub fn labels(&self) -> impl Iterator<Item = Label<'_>> {
        self.entries.iter().enumerate().filter_map(|(at, entry)| {
            let (id, record) = self.records.get_key_value(entry.event.id()?)?;
            self.label_of(id, record).filter(|_| record.entry() == Some(at))
        })
    }

    /// Number of labelled items.
    pub fn labelled(&self) -> usize {
        self.labelled
    }

    /// The items of which anything was ever said, in no order.
    pub fn known(&self) -> impl Iterator<Item = &SampleId> {
        self.records.keys()
    }

    /// Whether a round may suggest an item now.
    pub fn is_open(&self, id: &SampleId) -> bool {
        let round = self.next_round();
        self.records.get(id).is_none_or(|record| record.is_open(round))
    }

    /// Whether an item may have a free label: it has none of people's, and nobody said that it has no class.
    pub fn is_free(&self, id: &SampleId) -> bool {
        use ItemState::{Pending, Retracted, Skipped, Unlabelled};
        matches!(self.state(id), Unlabelled | Pending | Skipped | Retracted)
    }

    /// Whether an item was suggested and neither answered nor released, labelled or not.
    pub fn is_pending(&self, id: &SampleId) -> bool {
        self.records.get(id).is_some_and(|record| record.pending)
    }

    /// Whether an item was drawn at random, not chosen, when it was last asked.
    pub fn at_random(&self, id: &SampleId) -> bool {
        self.records.get(id).is_some_and(|record| record.at_random)
    }

    /// How many labels of people an item was ever given.
    pub fn times_labelled(&self, id: &SampleId) -> usize {
        self.records.get(id).map_or(0, |record| record.times_labelled)
    }

    /// The number of the next round: the last one goes on until something is answered.
    pub fn next_round(&self) -> u32 {
        self.round + u32::from(self.answered)
    }

    /// Everything that was ever recorded, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The classes before the first entry.
    pub fn first_schema(&self) -> &ClassSchema {
        &self.first_schema
    }

    /// The classes as they are today.
    pub fn schema(&self) -> &ClassSchema {
        &self.schema
    }

    /// Labelled items of each class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.schema.len()];
        for class in self.records.values().filter_map(Record::class) {
            counts[class.index()] += 1;
        }
        counts
    }
}

/// Version of the saved form.
const FORMAT: u32 = 1;

/// The saved form: entries alone, replayed on reading.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    format: u32,
    classes: ClassSchema,
    entries: Vec<Entry>,
}

impl TryFrom<Saved> for LabelLog {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self, Error> {
        if saved.format != FORMAT {
            let format = saved.format;
            let message = format!("the log has format {format}, and this version reads {FORMAT}");
            return Err(Error::new(ErrorKind::Input, message));
        }
        Self::replay(saved.classes, saved.entries)
    }
}

impl From<LabelLog> for Saved {
    fn from(log: LabelLog) -> Self {
        Self { format: FORMAT, classes: log.first_schema, entries: log.entries }
    }
}

#[cfg(test)]
mod tests;
