use alfm_core::{ClassId, Matrix, Probabilities};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::calibrate::no_labels;

/// How far hard labels can be believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Reliability {
    /// Every label is right with this probability; the rest is spread over the other classes.
    Scalar {
        /// Between 0 and 1, both excluded: a certain label would leave the model nothing to say.
        probability: f64,
    },
    /// Row `l` holds the class probabilities of an item labelled `l`, `K` rows of `K`.
    PerClass {
        /// The rows, each summing to one.
        posterior: Vec<Vec<f32>>,
    },
}

impl Default for Reliability {
    /// Right with probability 0.8.
    fn default() -> Self {
        Self::Scalar { probability: 0.8 }
    }
}

impl Reliability {
    /// One probability for all labels, from items whose class is known: `(right + 1) / (n + 2)` (Laplace).
    ///
    /// Pairs are `(given label, true class)`; a pair without a given label says nothing and is left out.
    ///
    /// # Errors
    /// If no pair has a given label.
    pub fn estimate(pairs: &[(Option<ClassId>, ClassId)]) -> Result<Self, Error> {
        let given: Vec<_> =
            pairs.iter().filter_map(|(label, truth)| Some((*label)? == *truth)).collect();
        if given.is_empty() {
            return Err(no_labels("estimate a reliability"));
        }
        let right = given.iter().filter(|right| **right).count() as f64;
        Ok(Self::Scalar { probability: (right + 1.0) / (given.len() as f64 + 2.0) })
    }

    /// Class probabilities for each given label, from items whose class is known, over `classes` classes.
    ///
    /// `posterior[l][k] = (n_lk + strength * r_lk) / (n_l + strength)`, where `n_lk` counts items of class `k`
    /// labelled `l`, and `r` is the scalar reliability estimated on all pairs: labels never seen in the pairs
    /// are believed as much as the others on average. `strength` is the number of items that average is
    /// worth, above 0; 2 is a cautious choice.
    ///
    /// # Errors
    /// If no pair has a given label, for an unknown class, or the strength.
    pub fn estimate_per_class(
        pairs: &[(Option<ClassId>, ClassId)],
        classes: usize,
        strength: f64,
    ) -> Result<Self, Error> {
        if !(strength.is_finite() && strength > 0.0) {
            let rule = "smoothing must be finite and above 0";
            return Err(Error::setting("strength", strength, rule));
        }
        let average = Self::estimate(pairs)?.posterior(classes)?;
        let mut counts = vec![vec![0.0f64; classes]; classes];
        for (label, truth) in pairs {
            let Some(label) = label else { continue };
            check(*label, classes)?;
            check(*truth, classes)?;
            counts[label.index()][truth.index()] += 1.0;
        }
        let smooth = |(counts, average): (Vec<f64>, &Vec<f32>)| {
            let total: f64 = counts.iter().sum::<f64>() + strength;
            let pairs = counts.iter().zip(average);
            pairs.map(|(n, r)| ((n + strength * f64::from(*r)) / total) as f32).collect()
        };
        let posterior = counts.into_iter().zip(&average).map(smooth).collect();
        Ok(Self::PerClass { posterior })
    }

    /// Row `l`: the class probabilities of an item labelled `l`.
    fn posterior(&self, classes: usize) -> Result<Vec<Vec<f32>>, Error> {
        match self {
            Self::Scalar { probability } => {
                if !(*probability > 0.0 && *probability < 1.0) {
                    let rule = "a probability between 0 and 1, both excluded";
                    return Err(Error::setting("reliability", probability, rule));
                }
                let other = ((1.0 - probability) / (classes as f64 - 1.0)) as f32;
                let row = |label| {
                    let mut row = vec![other; classes];
                    row[label] = *probability as f32;
                    row
                };
                Ok((0..classes).map(row).collect())
            }
            Self::PerClass { posterior } => {
                let matrix = Matrix::from_rows(posterior)?;
                let checked = crate::from_matrix(
                    matrix.view(),
                    alfm_core::ScoreKind::Probabilities,
                    classes,
                    classes,
                )?;
                Ok(checked.view().iter().map(<[f32]>::to_vec).collect())
            }
        }
    }
}

/// The prior `N x K` of hard labels: row `i` holds what `reliability` makes of label `i`.
///
/// An item without a label (an annotator's "none of these", an answer that names no class) is uniform.
///
/// # Errors
/// For fewer than two classes, an unknown class, a malformed posterior or a reliability outside `(0, 1)`.
///
/// ```
/// use alfm_core::ClassId;
/// use alfm_prior::{Reliability, from_hard_labels};
/// let labels = [Some(ClassId::new(1)), None];
/// let prior = from_hard_labels(&labels, 4, &Reliability::Scalar { probability: 0.7 })?;
/// assert_eq!(prior.row(0), [0.1, 0.7, 0.1, 0.1]);
/// assert_eq!(prior.row(1), [0.25; 4]);
/// # Ok::<(), alfm_prior::Error>(())
/// ```
pub fn from_hard_labels(
    labels: &[Option<ClassId>],
    classes: usize,
    reliability: &Reliability,
) -> Result<Probabilities, Error> {
    if classes < 2 {
        return Err(Error::too_few_classes(classes));
    }
    let posterior = reliability.posterior(classes)?;
    let blank = vec![1.0 / classes as f32; classes];
    let mut values = Vec::with_capacity(labels.len() * classes);
    for label in labels {
        let row = match label {
            Some(label) => &posterior[check(*label, classes)?],
            None => &blank,
        };
        values.extend_from_slice(row);
    }
    Probabilities::new(values, labels.len(), classes)
}

/// The column of a class below `classes`.
fn check(class: ClassId, classes: usize) -> Result<usize, Error> {
    if class.index() < classes {
        Ok(class.index())
    } else {
        Err(Error::unknown_class(class, classes))
    }
}
