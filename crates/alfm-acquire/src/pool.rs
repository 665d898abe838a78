use alfm_core::{ClassId, CoreError, MatrixView, Predictions};
use alfm_kernels::device::{Cpu, Device};

use crate::{AcquireError, Averaged, Input, LinearHead};

/// What a strategy may see of the pool in one round.
///
/// `observed` holds the labels that the oracle has returned, and no others: there is no way to hand a
/// strategy a label that was not paid for.
#[derive(Clone, Debug)]
pub struct Pool<'a> {
    observed: &'a [Option<ClassId>],
    candidates: Vec<usize>,
    given: Given<'a>,
}

/// The inputs beside the labels; all of them borrowed, so that a pool is cheap to copy.
#[derive(Clone, Copy, Debug, Default)]
struct Given<'a> {
    model: Option<Predictions<'a>>,
    embeddings: Option<MatrixView<'a>>,
    prior: Option<Predictions<'a>>,
    head: Option<LinearHead<'a>>,
    passes: Option<&'a [Predictions<'a>]>,
    averaged: Option<Averaged<'a>>,
    surprisal: Option<MatrixView<'a>>,
    device: Option<&'a dyn Device>,
}

impl<'a> Pool<'a> {
    /// A pool of `observed.len()` rows; the rows without an observed label are the candidates.
    ///
    /// # Errors
    /// [`AcquireError::PoolTooLarge`] above 2^32 rows.
    pub fn new(observed: &'a [Option<ClassId>]) -> Result<Self, AcquireError> {
        let rows = observed.len();
        if u32::try_from(rows).is_err() {
            return Err(AcquireError::PoolTooLarge { rows });
        }
        let candidates = (0..rows).filter(|row| observed[*row].is_none()).collect();
        Ok(Self { observed, candidates, given: Given::default() })
    }

    /// Adds the small model's class predictions `p_f`, `N x K`.
    ///
    /// # Errors
    /// [`CoreError::RowCount`] if there is not one row an item.
    pub fn with_model(mut self, model: Predictions<'a>) -> Result<Self, AcquireError> {
        self.check_rows("model", model.rows())?;
        self.given.model = Some(model);
        Ok(self)
    }

    /// Adds embeddings, `N x D`.
    ///
    /// # Errors
    /// [`CoreError::RowCount`] if there is not one row an item.
    pub fn with_embeddings(mut self, embeddings: MatrixView<'a>) -> Result<Self, AcquireError> {
        self.check_rows("embeddings", embeddings.rows())?;
        self.given.embeddings = Some(embeddings);
        Ok(self)
    }

    /// Adds the foundation model's class probabilities `p_L`, `N x K`.
    ///
    /// # Errors
    /// [`CoreError::RowCount`] if there is not one row an item.
    pub fn with_prior(mut self, prior: Predictions<'a>) -> Result<Self, AcquireError> {
        self.check_rows("prior", prior.rows())?;
        self.given.prior = Some(prior);
        Ok(self)
    }

    /// Adds the small model's last layer. Give the embeddings that it works on first.
    ///
    /// # Errors
    /// [`CoreError::ColumnCount`] if it does not fit the embeddings or the model's classes.
    pub fn with_head(mut self, head: LinearHead<'a>) -> Result<Self, AcquireError> {
        let widths = [
            ("head", self.given.embeddings.map(|x| x.columns()), head.weights().columns()),
            ("head", self.given.model.map(|model| model.classes()), head.classes()),
        ];
        for (what, expected, got) in widths {
            if let Some(expected) = expected.filter(|expected| *expected != got) {
                return Err(CoreError::ColumnCount { what, expected, got }.into());
            }
        }
        self.given.head = Some(head);
        Ok(self)
    }

    /// Adds class predictions of `M` stochastic passes, each `N x K`. They may lie in mapped files.
    ///
    /// # Errors
    /// [`CoreError::RowCount`] or [`CoreError::ColumnCount`] for a pass of another shape;
    /// [`AcquireError::NoPasses`] for an empty list.
    pub fn with_passes(mut self, passes: &'a [Predictions<'a>]) -> Result<Self, AcquireError> {
        let first = passes.first().ok_or(AcquireError::NoPasses)?;
        for pass in passes {
            self.check_rows("passes", pass.rows())?;
            let (expected, got) = (first.classes(), pass.classes());
            if got != expected {
                return Err(CoreError::ColumnCount { what: "passes", expected, got }.into());
            }
        }
        self.given.passes = Some(passes);
        Ok(self)
    }

    /// Adds the small model's running average.
    ///
    /// # Errors
    /// [`CoreError::RowCount`] or [`CoreError::ColumnCount`] where a part has another shape.
    pub fn with_averaged(mut self, averaged: Averaged<'a>) -> Result<Self, AcquireError> {
        self.check_rows("averaged model", averaged.model.rows())?;
        self.check_rows("hidden", averaged.hidden.rows())?;
        self.check_rows("online hidden", averaged.online_hidden.rows())?;
        let (expected, got) = (averaged.hidden.columns(), averaged.online_hidden.columns());
        if got != expected {
            return Err(CoreError::ColumnCount { what: "online hidden", expected, got }.into());
        }
        self.given.averaged = Some(averaged);
        Ok(self)
    }

    /// Adds a language model's surprisal, `N x T`: nats at every token position, 0 where there is no token.
    ///
    /// # Errors
    /// [`CoreError::RowCount`] if there is not one row an item.
    pub fn with_surprisal(mut self, surprisal: MatrixView<'a>) -> Result<Self, AcquireError> {
        self.check_rows("surprisal", surprisal.rows())?;
        self.given.surprisal = Some(surprisal);
        Ok(self)
    }

    /// Sets where the kernels run; on the processor unless told otherwise.
    #[must_use]
    pub fn with_device(mut self, device: &'a dyn Device) -> Self {
        self.given.device = Some(device);
        self
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
        Self { candidates, ..*self }
    }

    /// Number of rows `N`, labelled ones included.
    pub fn rows(&self) -> usize {
        self.observed.len()
    }

    /// The rows that may be chosen, ascending.
    pub fn candidates(&self) -> &[usize] {
        &self.candidates
    }

    /// The rows that the oracle has labelled, ascending, with their classes.
    pub fn labelled(&self) -> impl Iterator<Item = (usize, ClassId)> {
        self.observed.iter().enumerate().filter_map(|(row, class)| Some((row, (*class)?)))
    }

    /// How many labels of each of `classes` classes the oracle has returned.
    ///
    /// # Errors
    /// [`CoreError::UnknownClass`] for a label that is none of them.
    pub(crate) fn class_counts(&self, classes: usize) -> Result<Vec<usize>, AcquireError> {
        let mut counts = vec![0; classes];
        for (_, class) in self.labelled() {
            *counts.get_mut(class.index()).ok_or(CoreError::UnknownClass { class, classes })? += 1;
        }
        Ok(counts)
    }

    /// The small model's predictions, if given.
    pub fn model(&self) -> Option<Predictions<'a>> {
        self.given.model
    }

    /// The embeddings, if given.
    pub fn embeddings(&self) -> Option<MatrixView<'a>> {
        self.given.embeddings
    }

    /// The foundation model's class probabilities, if given.
    pub fn prior(&self) -> Option<Predictions<'a>> {
        self.given.prior
    }

    /// The small model's last layer, if given.
    pub fn head(&self) -> Option<LinearHead<'a>> {
        self.given.head
    }

    /// The stochastic passes, if given; never empty.
    pub fn passes(&self) -> Option<&'a [Predictions<'a>]> {
        self.given.passes
    }

    /// The small model's running average, if given.
    pub fn averaged(&self) -> Option<Averaged<'a>> {
        self.given.averaged
    }

    /// The language model's surprisal, if given.
    pub fn surprisal(&self) -> Option<MatrixView<'a>> {
        self.given.surprisal
    }

    /// Where the kernels run.
    pub fn device(&self) -> &'a dyn Device {
        self.given.device.unwrap_or(&Cpu)
    }

    /// Whether an input was given.
    pub fn has(&self, input: Input) -> bool {
        match input {
            Input::Model => self.given.model.is_some(),
            Input::Embeddings => self.given.embeddings.is_some(),
            Input::Prior => self.given.prior.is_some(),
            Input::Head => self.given.head.is_some(),
            Input::Passes => self.given.passes.is_some(),
            Input::Averaged => self.given.averaged.is_some(),
            Input::Surprisal => self.given.surprisal.is_some(),
            // Evidence about the prior, which no acquisition function looks at.
            Input::LabelsOnly => false,
        }
    }

    /// The labels that the oracle has returned, a row each.
    pub fn observed(&self) -> &'a [Option<ClassId>] {
        self.observed
    }

    fn check_rows(&self, what: &'static str, got: usize) -> Result<(), CoreError> {
        let expected = self.rows();
        if got == expected { Ok(()) } else { Err(CoreError::RowCount { what, expected, got }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restriction_never_brings_a_labelled_row_back() {
        let observed = [None, Some(ClassId::new(1)), None, None];
        let pool = Pool::new(&observed).unwrap();
        assert_eq!(pool.candidates(), [0, 2, 3]);
        assert_eq!(pool.restricted_to([3, 1, 0, 3, 99]).candidates(), [0, 3]);
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
