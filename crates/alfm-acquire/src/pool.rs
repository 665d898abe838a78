use alfm_core::{ClassId, Error};
use alfm_kernels::Ties;
use alfm_kernels::device::{Cpu, Device};

use crate::{Candidates, Input, Inputs};

/// What a strategy may see of the pool in one round.
///
/// `observed` holds the labels that the oracle has returned, and no others: there is no way to hand a
/// strategy a label that was not paid for.
#[derive(Clone, Debug)]
pub struct Pool<'a> {
    observed: &'a [Option<ClassId>],
    candidates: Candidates,
    inputs: Inputs<'a>,
    ties: Ties,
}

impl<'a> Pool<'a> {
    /// A pool of `observed.len()` rows; the rows without an observed label are the candidates.
    ///
    /// # Errors
    /// Above 2^32 rows.
    pub fn new(observed: &'a [Option<ClassId>]) -> Result<Self, Error> {
        let rows = observed.len();
        if u32::try_from(rows).is_err() {
            let remedy = "split it into parts of at most 2^32";
            return Err(Error::input(format!("{rows} rows are too many for one pool: {remedy}")));
        }
        let labelled = (0..rows).filter(|row| observed[*row].is_some()).collect();
        let candidates = Candidates::all_but(rows, labelled);
        Ok(Self { observed, candidates, inputs: Inputs::default(), ties: Ties::default() })
    }

    /// Sets the inputs beside the labels.
    ///
    /// # Errors
    /// As [`Inputs::check`].
    pub fn with(mut self, inputs: Inputs<'a>) -> Result<Self, Error> {
        let labelled = self.labelled().count();
        inputs.check(self.rows(), None, labelled)?;
        self.inputs = inputs;
        Ok(self)
    }

    /// Sets where the kernels run; on the processor unless told otherwise.
    #[must_use]
    pub fn with_device(mut self, device: &'a dyn Device) -> Self {
        self.inputs.device = Some(device);
        self
    }

    /// Sets which of equally good rows comes first; the first row unless told otherwise.
    #[must_use]
    pub fn with_ties(mut self, ties: Ties) -> Self {
        self.ties = ties;
        self
    }

    /// Which of equally good rows comes first.
    pub fn ties(&self) -> Ties {
        self.ties
    }

    /// The same pool with fewer candidates: those of `rows` that are unlabelled.
    ///
    /// Labelled rows stay visible as such, so that CORESET still measures distances to them.
    #[must_use]
    pub fn restricted_to(&self, rows: impl IntoIterator<Item = usize>) -> Self {
        let unlabelled = |row: &usize| self.observed.get(*row).is_some_and(Option::is_none);
        let mut candidates: Vec<usize> = rows.into_iter().filter(unlabelled).collect();
        candidates.sort_unstable();
        candidates.dedup();
        Self { candidates: Candidates::listed(candidates), ..*self }
    }

    /// The same pool without some of its candidates; `rows` ascend.
    #[must_use]
    pub fn without(&self, rows: &[usize]) -> Self {
        Self { candidates: self.candidates.without(rows), ..*self }
    }

    /// Number of rows `N`, labelled ones included.
    pub fn rows(&self) -> usize {
        self.observed.len()
    }

    /// The rows that may be chosen, ascending.
    pub fn candidates(&self) -> &[usize] {
        self.candidates.list()
    }

    /// The same without a list of them, which takes 8 bytes a row.
    pub fn candidate_rows(&self) -> &Candidates {
        &self.candidates
    }

    /// The rows that the oracle has labelled, ascending, with their classes.
    pub fn labelled(&self) -> impl Iterator<Item = (usize, ClassId)> {
        self.observed.iter().enumerate().filter_map(|(row, class)| Some((row, (*class)?)))
    }

    /// How many labels of each of `classes` classes the oracle has returned.
    ///
    /// # Errors
    /// For a label that is none of them.
    pub(crate) fn class_counts(&self, classes: usize) -> Result<Vec<usize>, Error> {
        let mut counts = vec![0; classes];
        for (_, class) in self.labelled() {
            let count = counts.get_mut(class.index());
            *count.ok_or_else(|| Error::unknown_class(class, classes))? += 1;
        }
        Ok(counts)
    }

    /// The inputs beside the labels.
    pub fn inputs(&self) -> Inputs<'a> {
        self.inputs
    }

    /// Where the kernels run.
    pub fn device(&self) -> &'a dyn Device {
        self.inputs.device.unwrap_or(&Cpu)
    }

    /// Whether an input was given.
    pub fn has(&self, input: Input) -> bool {
        self.inputs.has(input)
    }

    /// The labels that the oracle has returned, a row each.
    pub fn observed(&self) -> &'a [Option<ClassId>] {
        self.observed
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::Predictions;

    use super::*;

    #[test]
    fn a_restriction_never_brings_a_labelled_row_back() {
        let observed = [None, Some(ClassId::new(1)), None, None];
        let pool = Pool::new(&observed).unwrap();
        assert_eq!(pool.candidates(), [0, 2, 3]);
        assert_eq!(pool.restricted_to([3, 1, 0, 3, 99]).candidates(), [0, 3]);
        assert_eq!(pool.without(&[0, 1, 2]).candidates(), [3]);
    }

    #[test]
    fn a_label_that_no_class_has_is_refused() {
        let observed = [None, Some(ClassId::new(1)), Some(ClassId::new(1))];
        let pool = Pool::new(&observed).unwrap();
        assert_eq!(pool.class_counts(3).unwrap(), [0, 2, 0]);
        let error = pool.class_counts(1).unwrap_err();
        assert_eq!(error.to_string(), "class 1 is unknown: the schema has 1 classes, 0 to 0");
    }

    #[test]
    fn inputs_of_another_length_are_refused() {
        let observed = [None, None];
        let model = Predictions::probabilities(&[0.5, 0.5], 1, 2).unwrap();
        let error = Pool::new(&observed).unwrap().with_model(model).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`model` has 1 rows, but the pool has 2 items: give one row per item"
        );
    }
}
