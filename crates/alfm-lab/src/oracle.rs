//! Who answers queries.

use std::collections::{BTreeMap, BTreeSet};

use alfm_core::{ClassId, Error, ErrorKind, SampleId};

/// Whoever answers queries: a person, a service, or a file of labels.
///
/// An oracle is persistent: asked twice for an item, it gives the same answer, right or wrong.
pub trait Oracle {
    /// Labels a batch; one class per id, in the order of the ids.
    ///
    /// # Errors
    /// If any of them cannot be answered; then none is.
    fn answer(&mut self, ids: &[SampleId]) -> Result<Vec<ClassId>, Error>;
}

/// An oracle that reads its answers, noise included, from a list made beforehand.
///
/// ```
/// use alfm_core::{ClassId, SampleId};
/// use alfm_lab::oracle::{Oracle, SimulatedOracle};
/// let ids = [SampleId::from("a"), SampleId::from("b")];
/// let mut oracle = SimulatedOracle::new(&ids, &[ClassId::new(1), ClassId::new(0)])?;
/// assert_eq!(oracle.answer(&ids[1..])?, [ClassId::new(0)]);
/// assert_eq!(oracle.asked(), 1);
/// # Ok::<(), alfm_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SimulatedOracle {
    labels: BTreeMap<SampleId, ClassId>,
    asked: BTreeSet<SampleId>,
}

impl SimulatedOracle {
    /// An oracle that gives `labels[i]` for `ids[i]`.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] for another number of labels than ids, or an id that is given twice.
    pub fn new(ids: &[SampleId], labels: &[ClassId]) -> Result<Self, Error> {
        if ids.len() != labels.len() {
            let (ids, labels) = (ids.len(), labels.len());
            let message = format!("{labels} labels for {ids} items: give one label per item");
            return Err(Error::new(ErrorKind::Input, message));
        }
        let mut known = BTreeMap::new();
        for (row, (id, label)) in ids.iter().zip(labels).enumerate() {
            if known.insert(id.clone(), *label).is_some() {
                let message = format!("item `{id}` is given twice: ids must be distinct");
                return Err(Error::new(ErrorKind::Input, message).at_row(row));
            }
        }
        Ok(Self { labels: known, asked: BTreeSet::new() })
    }

    /// Number of different items that were asked for.
    pub fn asked(&self) -> usize {
        self.asked.len()
    }
}

impl Oracle for SimulatedOracle {
    fn answer(&mut self, ids: &[SampleId]) -> Result<Vec<ClassId>, Error> {
        let unknown = |id: &SampleId| {
            let message =
                format!("the oracle does not know item `{id}`: ask for items of its pool only");
            Error::new(ErrorKind::NotFound, message)
        };
        let answer = |id: &SampleId| self.labels.get(id).copied().ok_or_else(|| unknown(id));
        let answers = ids.iter().map(answer).collect::<Result<_, _>>()?;
        self.asked.extend(ids.iter().cloned());
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<SampleId> {
        names.iter().map(|name| SampleId::from(*name)).collect()
    }

    #[test]
    fn asking_twice_gives_the_same_answer_and_counts_once() {
        let labels = [ClassId::new(2), ClassId::new(0)];
        let mut oracle = SimulatedOracle::new(&ids(&["a", "b"]), &labels).unwrap();
        let batch = ids(&["b", "a", "b"]);
        let first = oracle.answer(&batch).unwrap();
        assert_eq!(first, [labels[1], labels[0], labels[1]]);
        assert_eq!(oracle.answer(&batch).unwrap(), first);
        assert_eq!(oracle.asked(), 2);
    }

    #[test]
    fn a_batch_with_an_unknown_item_is_refused_whole() {
        let mut oracle = SimulatedOracle::new(&ids(&["a"]), &[ClassId::new(0)]).unwrap();
        let error = oracle.answer(&ids(&["a", "z"])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("does not know item `z`"), "{error}");
        assert_eq!(oracle.asked(), 0);
    }

    #[test]
    fn items_and_labels_must_match() {
        let error = SimulatedOracle::new(&ids(&["a", "b"]), &[ClassId::new(0)]).unwrap_err();
        assert!(error.to_string().starts_with("1 labels for 2 items"), "{error}");
        let error = SimulatedOracle::new(&ids(&["a", "a"]), &[ClassId::new(0); 2]).unwrap_err();
        assert!(error.to_string().starts_with("item `a` is given twice"), "{error}");
        assert_eq!(error.row(), Some(1));
    }
}
