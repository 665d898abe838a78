use alfm_core::{ClassId, Items, Matrix, MatrixView, Probabilities, SampleId};
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
    pub(crate) soft: Option<Probabilities>,
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
    pub fn soft(&self) -> Option<&Probabilities> {
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

/// A clean set as arrays, to be stored beside its pool; rows are those of the pool's items.
#[derive(Clone, Debug, PartialEq)]
pub struct CleanParts {
    /// Row of each free label in the pool, ascending.
    pub rows: Vec<u32>,
    /// Its class.
    pub classes: Vec<ClassId>,
    /// Its confidence.
    pub confidences: Vec<f32>,
    /// Whether it is certified; empty where none is.
    pub certified: Vec<bool>,
    /// Class probabilities, one row a free label, if they are soft.
    pub soft: Option<Probabilities>,
    /// What each weighs.
    pub weight: f32,
}

impl CleanSet {
    /// Without its items; it knows what they weighed.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self { weight: self.weight, ..Self::default() }
    }

    /// The set as arrays.
    pub fn to_parts(&self) -> CleanParts {
        CleanParts {
            rows: self.rows.clone(),
            classes: self.classes.clone(),
            confidences: self.confidences.clone(),
            certified: self.certified.clone(),
            soft: self.soft.clone(),
            weight: self.weight,
        }
    }

    /// The set of a pool that these arrays are.
    ///
    /// # Errors
    /// Arrays of different lengths, and rows that do not ascend or that the pool does not have.
    pub fn from_parts(items: &Items, parts: CleanParts) -> Result<Self, Error> {
        let CleanParts { rows, classes, confidences, certified, soft, weight } = parts;
        let count = rows.len();
        let marked = if certified.is_empty() { count } else { certified.len() };
        for (what, got) in [
            ("classes", classes.len()),
            ("confidences", confidences.len()),
            ("certified", marked),
            ("soft", soft.as_ref().map_or(count, Probabilities::rows)),
        ] {
            if got != count {
                return Err(Error::row_count(what, count, got));
            }
        }
        let ascend = rows.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascend || rows.last().is_some_and(|row| *row as usize >= items.len()) {
            return Err(Error::input("the rows of free labels are not those of the pool"));
        }
        Ok(Self { items: items.clone(), rows, classes, confidences, soft, weight, certified })
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
        let rows = u32::try_from(items).map_err(|_| Error::input("more than 2^32 free labels"))?;
        let parts = CleanParts {
            rows: (0..rows).collect(),
            classes: saved.classes,
            confidences: saved.confidences,
            certified: saved.certified,
            soft: saved.soft.map(|rows| Probabilities::from_rows(&rows)).transpose()?,
            weight: saved.weight,
        };
        Self::from_parts(&Items::named(saved.ids.iter().map(SampleId::as_str))?, parts)
    }
}
