use std::ops::Range;

use half::{bf16, f16};
use serde::{Deserialize, Serialize};

use crate::element::Elements;
use crate::softmax::softmax_rows;
use crate::{Error, MatrixView, check};

/// How far the sum of a row of `f32` probabilities may be from one.
///
/// Narrow types get half a unit in the last place more, which is what rounding may have moved the sum by:
/// `1e-3 + 2^-11` for `f16`, `1e-3 + 2^-8` for `bf16`.
pub const ROW_SUM_TOLERANCE: f64 = 1e-3;

/// What the numbers of a prediction matrix are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreKind {
    /// Non-negative, rows sum to one.
    Probabilities,
    /// Unnormalised log-probabilities: the softmax of a row gives its probabilities.
    Logits,
}

/// Class predictions, one row an item, one column a class; checked once, trusted afterwards.
///
/// The values are borrowed as they are, `f32`, `f16` or `bf16`, and may lie in a mapped file that is larger
/// than memory: nothing here holds more than a block of rows.
///
/// ```
/// use alfm_core::Predictions;
/// let model = Predictions::probabilities(&[0.7, 0.3, 0.2, 0.8], 2, 2)?;
/// assert_eq!(model.argmax(1).index(), 1);
///
/// let error = Predictions::probabilities(&[0.75, 0.5, 0.2, 0.8], 2, 2).unwrap_err();
/// assert!(error.to_string().starts_with("row 0 sums to 1.25"));
/// # Ok::<(), alfm_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Predictions<'a> {
    values: Elements<'a>,
    rows: usize,
    classes: usize,
    kind: ScoreKind,
}

impl<'a> Predictions<'a> {
    /// Checks a row-major matrix of probabilities: `O(rows * classes)` time, no memory.
    ///
    /// # Errors
    /// For another number of values, fewer than two classes, and the first row that is no distribution.
    pub fn probabilities(values: &'a [f32], rows: usize, classes: usize) -> Result<Self, Error> {
        Self::checked(Elements::Single(values), rows, classes, ScoreKind::Probabilities)
    }

    /// Checks a row-major matrix of logits.
    ///
    /// # Errors
    /// For another number of values, fewer than two classes, and the first value that is not finite.
    pub fn logits(values: &'a [f32], rows: usize, classes: usize) -> Result<Self, Error> {
        Self::checked(Elements::Single(values), rows, classes, ScoreKind::Logits)
    }

    /// Checks a row-major matrix of `f16`.
    ///
    /// # Errors
    /// As [`Predictions::probabilities`] and [`Predictions::logits`].
    ///
    /// ```
    /// use alfm_core::{Predictions, ScoreKind};
    /// let values = [0.7, 0.3].map(half::f16::from_f32);
    /// let model = Predictions::half(&values, 1, 2, ScoreKind::Probabilities)?;
    /// assert_eq!(model.read(0..1, &mut Vec::new())[0], values[0].to_f32());
    /// # Ok::<(), alfm_core::Error>(())
    /// ```
    pub fn half(
        values: &'a [f16],
        rows: usize,
        classes: usize,
        kind: ScoreKind,
    ) -> Result<Self, Error> {
        Self::checked(Elements::Half(values), rows, classes, kind)
    }

    /// Checks a row-major matrix of `bf16`.
    ///
    /// # Errors
    /// As [`Predictions::half`].
    pub fn brain(
        values: &'a [bf16],
        rows: usize,
        classes: usize,
        kind: ScoreKind,
    ) -> Result<Self, Error> {
        Self::checked(Elements::Brain(values), rows, classes, kind)
    }

    /// Checks what [`MatrixView::new`] has not: the number of classes and, for probabilities, the rows.
    ///
    /// # Errors
    /// As [`Predictions::probabilities`] and [`Predictions::logits`].
    pub fn new(matrix: MatrixView<'a>, kind: ScoreKind) -> Result<Self, Error> {
        let given = Self::of_checked(matrix, kind);
        match kind {
            ScoreKind::Logits => given.check_classes()?,
            ScoreKind::Probabilities => given.check_values()?,
        }
        Ok(given)
    }

    /// The rows of a matrix that were checked before.
    pub(crate) fn of_checked(matrix: MatrixView<'a>, kind: ScoreKind) -> Self {
        let values = Elements::Single(matrix.values());
        Self { values, rows: matrix.rows(), classes: matrix.columns(), kind }
    }

    fn checked(
        values: Elements<'a>,
        rows: usize,
        classes: usize,
        kind: ScoreKind,
    ) -> Result<Self, Error> {
        if rows.checked_mul(classes) != Some(values.len()) || classes == 0 {
            return Err(Error::shape(rows, classes, values.len()));
        }
        let given = Self { values, rows, classes, kind };
        given.check_values()?;
        Ok(given)
    }

    fn check_classes(&self) -> Result<(), Error> {
        if self.classes < 2 { Err(Error::too_few_classes(self.classes)) } else { Ok(()) }
    }

    fn check_values(&self) -> Result<(), Error> {
        self.check_classes()?;
        match self.kind {
            ScoreKind::Logits => check::finite(self.values, self.classes),
            ScoreKind::Probabilities => {
                let tolerance = ROW_SUM_TOLERANCE + self.values.rounding();
                check::distributions(self.values, self.classes, tolerance)
            }
        }
    }

    /// Number of items.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of classes `K`, at least 2.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Some of the items, which are not checked again. Panics if `rows` is out of range, as slicing does.
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        let span = rows.start * self.classes..rows.end * self.classes;
        Self { values: self.values.part(span), rows: rows.len(), ..*self }
    }

    /// Whether the values were given as probabilities or as logits.
    pub fn kind(&self) -> ScoreKind {
        self.kind
    }

    /// All values, row by row, where they are `f32` probabilities already; `None` where reading converts them.
    pub fn in_place(&self) -> Option<&'a [f32]> {
        match (self.kind, self.values) {
            (ScoreKind::Probabilities, Elements::Single(values)) => Some(values),
            _ => None,
        }
    }

    /// The class probabilities of a block of items, row by row.
    ///
    /// The values themselves if they are `f32` probabilities; else widened, and the softmax of logits taken,
    /// in `buffer`, which is resized to the block. Panics if `rows` is out of range, as slicing does.
    pub fn read<'b>(&self, rows: Range<usize>, buffer: &'b mut Vec<f32>) -> &'b [f32]
    where
        'a: 'b,
    {
        let span = rows.start * self.classes..rows.end * self.classes;
        match self.kind {
            ScoreKind::Probabilities => self.values.read(span, buffer),
            ScoreKind::Logits => {
                let block = self.values.copy(span, buffer);
                softmax_rows(block, self.classes);
                block
            }
        }
    }

    /// The class probabilities of one item: [`read`](Predictions::read) of one row.
    pub fn row<'b>(&self, row: usize, buffer: &'b mut Vec<f32>) -> &'b [f32]
    where
        'a: 'b,
    {
        self.read(row..row + 1, buffer)
    }

    /// The most probable class of one item; the lowest on ties.
    pub fn argmax(&self, row: usize) -> crate::ClassId {
        let first = row * self.classes;
        let mut best = 0;
        for class in 1..self.classes {
            if self.values.get(first + class) > self.values.get(first + best) {
                best = class;
            }
        }
        crate::ClassId::from_index(best)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_fault_names_its_row_and_value() {
        let cases: [(&[f32], &str); 4] = [
            (&[0.5, 0.5, f32::NAN, 0.5], "row 1, column 0 is NaN"),
            (&[0.5, 0.5, 1.25, -0.25], "row 1, column 1 is -0.25"),
            (&[0.5, 0.5, 0.5, 0.25], "row 1 sums to 0.75"),
            (&[0.5, 0.5, 0.5], "2 x 2 values expected, 3 given"),
        ];
        for (values, expected) in cases {
            let message = Predictions::probabilities(values, 2, 2).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
        let error = Predictions::probabilities(&[1.0, 1.0], 2, 1).unwrap_err();
        assert_eq!(error, Error::too_few_classes(1));
    }

    #[test]
    fn ties_go_to_the_lowest_class() {
        let model = Predictions::probabilities(&[0.4, 0.4, 0.2], 1, 3).unwrap();
        assert_eq!(model.argmax(0).index(), 0);
    }

    #[test]
    fn the_first_wrong_row_is_named_wherever_it_lies() {
        let mut values = [0.25f32; 4].repeat(10_000);
        values[4 * 9_000] = 0.5;
        values[4 * 7_000 + 2] = f32::NAN;
        let error = Predictions::probabilities(&values, 10_000, 4).unwrap_err();
        assert!(error.to_string().starts_with("row 7000, column 2 is NaN"), "{error}");
        values[4 * 7_000 + 2] = 0.25;
        let error = Predictions::probabilities(&values, 10_000, 4).unwrap_err();
        assert_eq!(error.row(), Some(9_000));
        assert!(error.to_string().starts_with("row 9000 sums to 1.2500, not to 1 within 0.001: "));
    }

    #[test]
    fn a_negative_zero_is_no_negative_probability() {
        assert!(Predictions::probabilities(&[-0.0, 1.0], 1, 2).is_ok());
    }

    #[test]
    fn the_tolerance_suits_the_type() {
        // 1 + 1.46e-3: half precision may have made that of 1 + 1e-3.
        let sum = [0.75f32, 0.251_464_84];
        let single = Predictions::probabilities(&sum, 1, 2);
        assert!(single.unwrap_err().to_string().starts_with("row 0 sums to 1.0015, not to 1"));
        let half = sum.map(f16::from_f32);
        assert_eq!(half.map(f16::to_f32), sum);
        assert!(Predictions::half(&half, 1, 2, ScoreKind::Probabilities).is_ok());
        let brain = [0.75f32, 0.255_859_38].map(bf16::from_f32);
        let error = Predictions::brain(&brain, 1, 2, ScoreKind::Probabilities).unwrap_err();
        assert!(error.to_string().contains("within 0.00490625"), "{error}");
    }

    #[test]
    fn narrow_values_are_checked_as_wide_ones_are() {
        let halves = [0.5, f32::INFINITY, 0.5, 0.5].map(f16::from_f32);
        for kind in [ScoreKind::Probabilities, ScoreKind::Logits] {
            let error = Predictions::half(&halves, 2, 2, kind).unwrap_err();
            assert!(error.to_string().starts_with("row 0, column 1 is inf"), "{error}");
        }
        let brains = [1.5, -0.5].map(bf16::from_f32);
        let error = Predictions::brain(&brains, 1, 2, ScoreKind::Probabilities).unwrap_err();
        assert!(error.to_string().starts_with("row 0, column 1 is -0.5"), "{error}");
        assert!(Predictions::half(&halves, 2, 3, ScoreKind::Logits).is_err());
    }

    proptest! {
        #[test]
        fn every_width_reads_as_the_values_it_holds(
            quarters in prop::collection::vec(-8i8..8, 6),
            logits: bool,
        ) {
            let kind = if logits { ScoreKind::Logits } else { ScoreKind::Probabilities };
            let values: Vec<f32> = match kind {
                ScoreKind::Logits => quarters.iter().map(|q| f32::from(*q) / 4.0).collect(),
                ScoreKind::Probabilities => {
                    let first = |q: &i8| f32::from(q.unsigned_abs()) / 8.0;
                    quarters.iter().flat_map(|q| [first(q), 1.0 - first(q)]).collect()
                }
            };
            let rows = values.len() / 2;
            let matrix = MatrixView::new(&values, rows, 2).unwrap();
            let halves: Vec<f16> = values.iter().map(|x| f16::from_f32(*x)).collect();
            let brains: Vec<bf16> = values.iter().map(|x| bf16::from_f32(*x)).collect();
            let single = Predictions::new(matrix, kind).unwrap();
            let half = Predictions::half(&halves, rows, 2, kind).unwrap();
            let brain = Predictions::brain(&brains, rows, 2, kind).unwrap();
            let mut buffers = [vec![], vec![], vec![]];
            let [a, b, c] = &mut buffers;
            for whole in [single, half, brain] {
                let part = whole.part(1..rows);
                prop_assert_eq!((part.rows(), part.kind()), (rows - 1, kind));
                prop_assert_eq!(part.row(0, a), whole.row(1, b));
            }
            prop_assert_eq!(single.read(1..rows, a), half.read(1..rows, b));
            prop_assert_eq!(single.read(1..rows, a), brain.read(1..rows, c));
            for row in 0..rows {
                prop_assert_eq!(single.row(row, a), half.row(row, b));
                prop_assert_eq!(single.argmax(row), half.argmax(row));
                prop_assert_eq!(single.argmax(row), brain.argmax(row));
            }
        }

        #[test]
        fn logits_and_their_softmax_are_the_same_prediction(
            logits in prop::collection::vec(-80.0f32..80.0, 4),
        ) {
            let given = Predictions::logits(&logits, 1, 4).unwrap();
            let mut buffer = Vec::new();
            let row = given.row(0, &mut buffer).to_vec();
            let back = Predictions::probabilities(&row, 1, 4).unwrap();
            prop_assert_eq!(given.argmax(0), back.argmax(0));
        }
    }
}
