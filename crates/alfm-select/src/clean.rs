use alfm_core::{ClassId, Items, Matrix, MatrixView, SampleId};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The items that a round labels for free.
///
/// Empty for strategies that only ask. Ids are made as they are asked for: a clean set of millions holds 12 bytes an
/// item, and `4 K` more if its labels are distributions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct CleanSet {
    pub(crate) items: Items,
    /// Ascending.
    pub(crate) rows: Vec<u32>,
    pub(crate) classes: Vec<ClassId>,
    pub(crate) confidences: Vec<f32>,
    pub(crate) soft: Option<Matrix>,
    pub(crate) weight: f32,
    pub(crate) certified: Vec<bool>,
}

impl Default for CleanSet {
    fn default() -> Self {
        Self {
            items: Items::numbered(0),
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
#[derive(Clone, Debug, PartialEq)]
pub struct CleanItem {
    /// The item.
    pub id: SampleId,
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

    /// The items, in the order of the pool.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = CleanItem> + '_ {
        (0..self.rows.len()).map(|at| CleanItem {
            id: self.items.id(self.rows[at] as usize),
            class: self.classes[at],
            confidence: self.confidences[at],
            certified: self.certified.get(at).copied().unwrap_or(false),
        })
    }

    /// The pseudo-label of each item, in the order of the pool.
    pub fn classes(&self) -> &[ClassId] {
        &self.classes
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

    /// The items' rows of a matrix of the whole pool, embeddings for example.
    ///
    /// # Errors
    /// A matrix that has not one row for each item of the pool.
    pub fn gather(&self, of_pool: MatrixView<'_>) -> Result<Matrix, Error> {
        let (expected, got) = (self.items.len(), of_pool.rows());
        if got != expected && !self.is_empty() {
            return Err(Error::row_count("matrix", expected, got));
        }
        Ok(of_pool.gather(self.rows.iter().map(|row| *row as usize)))
    }
}

/// The saved form: ids in place of rows.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    ids: Vec<SampleId>,
    classes: Vec<ClassId>,
    confidences: Vec<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    soft: Option<Vec<Vec<f32>>>,
    weight: f32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    certified: Vec<bool>,
}

impl From<CleanSet> for Saved {
    fn from(set: CleanSet) -> Self {
        Self {
            ids: set.iter().map(|item| item.id).collect(),
            soft: set.soft.map(|soft| soft.view().iter().map(<[f32]>::to_vec).collect()),
            classes: set.classes,
            confidences: set.confidences,
            weight: set.weight,
            certified: set.certified,
        }
    }
}

/// A set that was read back knows its own items alone: [`gather`](CleanSet::gather) then takes a matrix of these.
impl TryFrom<Saved> for CleanSet {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self, Error> {
        let items = saved.ids.len();
        let certified = if saved.certified.is_empty() { items } else { saved.certified.len() };
        for (what, got) in [
            ("classes", saved.classes.len()),
            ("confidences", saved.confidences.len()),
            ("certified", certified),
            ("soft", saved.soft.as_ref().map_or(items, Vec::len)),
        ] {
            if got != items {
                return Err(Error::row_count(what, items, got));
            }
        }
        let rows = u32::try_from(items).map_err(|_| Error::input("more than 2^32 free labels"))?;
        Ok(Self {
            items: Items::named(saved.ids.iter().map(SampleId::as_str))?,
            rows: (0..rows).collect(),
            classes: saved.classes,
            confidences: saved.confidences,
            soft: saved.soft.map(|rows| Matrix::from_rows(&rows)).transpose()?,
            weight: saved.weight,
            certified: saved.certified,
        })
    }
}
