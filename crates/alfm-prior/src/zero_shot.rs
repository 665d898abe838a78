use alfm_core::{ClassId, Matrix, MatrixView, Predictions, Probabilities, ScoreKind};
use rayon::prelude::*;

use crate::{Error, ErrorKind, Head};

/// Temperature that served MiniLM embeddings in the prototype.
pub const DEFAULT_TEMPERATURE: f64 = 20.0;

/// One direction per class: the mean of its unit-length prompt embeddings, normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassPrompts {
    /// `K x D`, rows of length 1.
    directions: Matrix,
}

impl ClassPrompts {
    /// Prompts from their embeddings `P x D` and the class of each row, for `classes` classes.
    ///
    /// Each prompt is normalised, prompts of a class are averaged, and the mean is normalised: a class with
    /// several prompts is no longer or shorter than one with a single prompt.
    ///
    /// # Errors
    /// For lengths, class ids or fewer than two classes, a class without a prompt or whose prompts cancel out, and
    /// the first prompt that is the zero vector.
    pub fn new(
        embeddings: MatrixView<'_>,
        class_of_row: &[ClassId],
        classes: usize,
    ) -> Result<Self, Error> {
        if classes < 2 {
            return Err(Error::too_few_classes(classes));
        }
        let expected = embeddings.rows();
        if class_of_row.len() != expected {
            return Err(Error::row_count("classes of prompts", expected, class_of_row.len()));
        }
        let columns = embeddings.columns();
        let mut sums = vec![0.0f64; classes * columns];
        let mut counts = vec![0usize; classes];
        for (row, (prompt, class)) in embeddings.iter().zip(class_of_row).enumerate() {
            let class = *class;
            if class.index() >= classes {
                return Err(Error::unknown_class(class, classes));
            }
            let norm = norm(prompt).ok_or_else(|| no_direction("prompt", row))?;
            let sum = &mut sums[class.index() * columns..][..columns];
            sum.iter_mut().zip(prompt).for_each(|(sum, value)| *sum += f64::from(*value) / norm);
            counts[class.index()] += 1;
        }
        let mut directions = Vec::with_capacity(sums.len());
        for (class, (sum, count)) in sums.chunks_exact(columns).zip(counts).enumerate() {
            if count == 0 {
                return Err(Error::new(
                    ErrorKind::Missing,
                    format!(
                        "class {class} has no prompt: give at least one for each of the {classes} classes"
                    ),
                ));
            }
            let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
            // Unit prompts that cancel leave rounding only, some 1e-7 each.
            if length < 1e-6 * count as f64 {
                return Err(Error::input(format!(
                    "the prompts of class {class} cancel out: keep those that mean the same"
                )));
            }
            directions.extend(sum.iter().map(|value| (value / length) as f32));
        }
        Ok(Self { directions: Matrix::new(directions, classes, columns)? })
    }

    /// The class directions, `K x D`, each of length 1.
    pub fn directions(&self) -> MatrixView<'_> {
        self.directions.view()
    }
}

/// The zero-shot prior `N x K`: `p[i,k] = softmax_k(temperature * cos(item_i, class_k))`.
///
/// `items` are embeddings `N x D`, of any length but zero. `O(N D K)` time, in parallel over rows.
///
/// Source: Radford et al., "Learning transferable visual models from natural language supervision" (2021),
/// section 3.1.4 (prompt ensembling in embedding space).
///
/// # Errors
/// For items and prompts of different widths, a temperature that is not finite and above 0, and the first item that
/// is the zero vector.
///
/// ```
/// use alfm_core::{ClassId, Matrix};
/// use alfm_prior::{ClassPrompts, zero_shot};
/// let prompts = Matrix::from_rows(&[[1.0, 0.0], [0.0, 1.0]])?;
/// let prompts = ClassPrompts::new(prompts.view(), &[0, 1].map(ClassId::new), 2)?;
/// let items = Matrix::from_rows(&[[3.0, 4.0]])?; // cosines 0.6 and 0.8
/// let prior = zero_shot(items.view(), &prompts, 10.0)?;
/// assert!((prior.row(0)[1] - 1.0 / (1.0 + (-2.0f32).exp())).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn zero_shot(
    items: MatrixView<'_>,
    prompts: &ClassPrompts,
    temperature: f64,
) -> Result<Probabilities, Error> {
    if !(temperature.is_finite() && temperature > 0.0) {
        let rule = "a temperature must be finite and above 0";
        return Err(Error::setting("temperature", temperature, rule));
    }
    Head::Softmax { scale: temperature }.apply(items, prompts)
}

/// The prior at a temperature if one is given, else by the model's own head if it has one, else at
/// [`DEFAULT_TEMPERATURE`].
///
/// # Errors
/// As [`zero_shot`] and [`Head::apply`].
pub fn zero_shot_by(
    items: MatrixView<'_>,
    prompts: &ClassPrompts,
    temperature: Option<f64>,
    own: Option<Head>,
) -> Result<Probabilities, Error> {
    match temperature {
        Some(temperature) => zero_shot(items, prompts, temperature),
        None => own.unwrap_or_default().apply(items, prompts),
    }
}

/// `logit(cos(item, class))`, `N x K`, in parallel over rows.
pub(crate) fn logits(
    items: MatrixView<'_>,
    prompts: &ClassPrompts,
    logit: impl Fn(f64) -> f64 + Sync,
) -> Result<Matrix, Error> {
    let directions = prompts.directions();
    let (expected, got) = (directions.columns(), items.columns());
    if expected != got {
        return Err(Error::input(format!(
            "items have {got} columns, prompts have {expected}: embed both with one encoder"
        )));
    }
    let classes = directions.rows();
    let mut logits = vec![0.0f32; items.rows() * classes];
    let zero = logits
        .par_chunks_exact_mut(classes)
        .zip(items.values().par_chunks_exact(got))
        .position_first(|(logits, item)| !similarities(item, directions, &logit, logits));
    if let Some(row) = zero {
        return Err(no_direction("item", row));
    }
    Matrix::new(logits, items.rows(), classes)
}

/// Writes `logit(cos(item, class))`; `false` if the item has no direction.
fn similarities(
    item: &[f32],
    directions: MatrixView<'_>,
    logit: impl Fn(f64) -> f64,
    logits: &mut [f32],
) -> bool {
    let Some(norm) = norm(item) else { return false };
    for (value, direction) in logits.iter_mut().zip(directions.iter()) {
        *value = logit(dot(item, direction) / norm) as f32;
    }
    true
}

/// The softmax of each row.
pub(crate) fn softmax_rows(logits: MatrixView<'_>) -> Result<Probabilities, Error> {
    let predictions = Predictions::new(logits, ScoreKind::Logits)?;
    let mut values = Vec::new();
    predictions.read(0..logits.rows(), &mut values);
    Probabilities::new(values, logits.rows(), logits.columns())
}

fn no_direction(what: &str, row: usize) -> Error {
    Error::input(format!(
        "{what} {row} is the zero vector: it has no direction, so embed a text that is not empty"
    ))
    .at_row(row)
}

/// Euclidean length; `None` for the zero vector.
fn norm(vector: &[f32]) -> Option<f64> {
    let squares: f64 = vector.iter().map(|value| f64::from(*value).powi(2)).sum();
    (squares > 0.0).then(|| squares.sqrt())
}

/// In double precision, in four sums that the compiler keeps in vector registers.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0f64; 4];
    let (a, b) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = products(a.remainder(), b.remainder()).sum();
    for (a, b) in a.zip(b) {
        for (sum, product) in sums.iter_mut().zip(products(a, b)) {
            *sum += product;
        }
    }
    sums.iter().sum::<f64>() + rest
}

fn products<'a>(a: &'a [f32], b: &'a [f32]) -> impl Iterator<Item = f64> + 'a {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b))
}
