use std::sync::Arc;

use alfm_core::{ClassId, Matrix, SampleId};

/// The items that a round labels for free.
///
/// Empty for strategies that only ask.
#[derive(Clone, Debug)]
pub struct CleanSet {
    pub(crate) ids: Arc<[SampleId]>,
    pub(crate) rows: Vec<usize>,
    pub(crate) classes: Vec<ClassId>,
    pub(crate) confidences: Vec<f32>,
    pub(crate) soft: Option<Matrix>,
    pub(crate) weight: f32,
    pub(crate) certified: Vec<bool>,
}

impl Default for CleanSet {
    fn default() -> Self {
        Self {
            ids: Arc::default(),
            rows: Vec::new(),
            classes: Vec::new(),
            confidences: Vec::new(),
            soft: None,
            weight: 1.0,
            certified: Vec::new(),
        }
    }
}

/// One free label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanItem<'a> {
    /// The item.
    pub id: &'a SampleId,
    /// Its row in the matrices of the pool.
    pub row: usize,
    /// Its pseudo-label.
    pub class: ClassId,
    /// The joint probability of the pseudo-label, in `[0, 1]`.
    pub confidence: f32,
    /// Whether it is one of those whose error is stated to be below the guard's `epsilon`.
    pub certified: bool,
}

impl CleanSet {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing is labelled for free.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The items, by ascending row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = CleanItem<'_>> {
        (0..self.rows.len()).map(|at| CleanItem {
            id: &self.ids[self.rows[at]],
            row: self.rows[at],
            class: self.classes[at],
            confidence: self.confidences[at],
            certified: self.certified.get(at).copied().unwrap_or(false),
        })
    }

    /// What each free label should weigh in training, an oracle label weighing 1.
    pub fn weight(&self) -> f32 {
        self.weight
    }

    /// Class probabilities of the items, one row an item, if the clean set is
    /// [`Soft`](crate::CleanRule::Soft).
    pub fn soft(&self) -> Option<&Matrix> {
        self.soft.as_ref()
    }
}
