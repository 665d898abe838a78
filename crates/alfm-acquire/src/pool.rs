use alfm_core::{ClassId, CoreError, MatrixView, Predictions};

use crate::AcquireError;

/// What a strategy may see of the pool in one round.
///
/// `observed` holds the labels that the oracle has returned, and no others: there is no way to hand a
/// strategy a label that was not paid for.
#[derive(Clone, Debug)]
pub struct Pool<'a> {
    observed: &'a [Option<ClassId>],
    candidates: Vec<usize>,
    model: Option<Predictions<'a>>,
    embeddings: Option<MatrixView<'a>>,
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
        Ok(Self { observed, candidates, model: None, embeddings: None })
    }

    /// Adds the small model's class predictions `p_f`, `N x K`.
    ///
    /// # Errors
    /// [`CoreError::RowCount`] if there is not one row an item.
    pub fn with_model(mut self, model: Predictions<'a>) -> Result<Self, AcquireError> {
        self.check_rows("model", model.rows())?;
        self.model = Some(model);
        Ok(self)
    }

    /// Adds embeddings, `N x D`.
    ///
    /// # Errors
    /// [`CoreError::RowCount`] if there is not one row an item.
    pub fn with_embeddings(mut self, embeddings: MatrixView<'a>) -> Result<Self, AcquireError> {
        self.check_rows("embeddings", embeddings.rows())?;
        self.embeddings = Some(embeddings);
        Ok(self)
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

    /// The small model's predictions, if given.
    pub fn model(&self) -> Option<Predictions<'a>> {
        self.model
    }

    /// The embeddings, if given.
    pub fn embeddings(&self) -> Option<MatrixView<'a>> {
        self.embeddings
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
