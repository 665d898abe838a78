use alfm_core::{ClassId, Probabilities};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::examples::nothing_to_learn;

/// Number of labels at which the evidence for a flag counts half.
const HALF_EVIDENCE: f64 = 5.0;

/// What out-of-fold predictions say about given labels: confident learning (Northcutt, Jiang and Chuang 2021).
///
/// An item is *confidently* of class `j` if its probability of `j` reaches the threshold `t_j` (equation 2), the
/// mean probability of `j` over the items labelled `j`; if it reaches several, the most probable counts, the
/// lowest on ties. Most items are confidently of no class.
///
/// A class with a single label is not judged: the model that predicts its item has seen no other, see
/// [`out_of_fold`](crate::out_of_fold). It has no threshold, and its label is never flagged. A class without
/// labels has no threshold either.
///
/// ```
/// use alfm_core::{ClassId, Probabilities};
/// use alfm_learn::LabelQuality;
///
/// // Thresholds (0.9 + 0.7 + 0.2) / 3 = 0.6 and (0.8 + 0.6) / 2 = 0.7: the third item is confidently of class 1.
/// let rows = [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.2, 0.8], [0.4, 0.6]];
/// let probabilities = Probabilities::from_rows(&rows)?;
/// let labels = [0, 0, 0, 1, 1].map(ClassId::new);
/// let quality = LabelQuality::measure(&probabilities, &labels)?;
/// assert_eq!(quality.confident_joint, [[2, 1], [0, 1]]);
/// // A third of three labels in five.
/// assert!((quality.noise_rate - 0.2).abs() < 1e-6);
/// let suspect = &quality.suspects[0];
/// assert_eq!((suspect.row, suspect.suggested), (2, ClassId::new(1)));
/// // Five labels prove little: the label keeps most of its weight.
/// assert!(quality.weights[2] > 0.9 && quality.weights[2] < 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LabelQuality {
    /// `t_j`, one a class; `None` for a class with fewer than two labels.
    pub thresholds: Vec<Option<f64>>,
    /// `C[i][j]`, `K x K`: items labelled `i` that are confidently of class `j` (equation 1).
    pub confident_joint: Vec<Vec<usize>>,
    /// `Q[i][j]`, `K x K`: estimated probability that a label is `i` and the truth `j` (equation 3).
    ///
    /// Sums to one, and its rows to the share of each label. Where no item labelled `i` is confidently of class
    /// `i`, one is counted, so that without evidence a label counts as right.
    pub joint: Vec<Vec<f64>>,
    /// Estimated share of wrong labels: what lies off the diagonal of `joint`.
    pub noise_rate: f64,
    /// Labels that are probably wrong, the least probable first, then by row.
    pub suspects: Vec<Suspect>,
    /// Probability of each label by the model, its self-confidence, length `N`.
    pub scores: Vec<f32>,
    /// Weight of each label for training, above 0 and at most 1, length `N`.
    ///
    /// 1 unless flagged. A flagged label `i` with the suggestion `j` gets `1 - e (1 - r)`. Here
    /// `r = p_i / (p_i + p_j)`, at most 1/2, is the model's probability that the label is right if one of the two
    /// is, and `e = C[j][j] / (m + 5) * l / (l + 5)` how far the model can be believed: the share of right
    /// labels among the `m` items that are confidently of class `j`, shrunk, times the evidence of the `l` other
    /// items labelled `i`. So with few labels, or predictions that contradict many, weights stay close to 1. The
    /// 5 is a convention.
    pub weights: Vec<f32>,
}

/// A label that is probably wrong: worth another look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Suspect {
    /// Row of the item.
    pub row: usize,
    /// Its label.
    pub label: ClassId,
    /// The class that it is confidently of.
    pub suggested: ClassId,
    /// Probability of its label by the model.
    pub score: f32,
}

impl LabelQuality {
    /// Judges labels by class probabilities `N x K` of models that have not seen them: `O(N K)` time,
    /// `O(N + K^2)` memory.
    ///
    /// An item is flagged if it is confidently of another class than its label, and that class is more probable
    /// than the label. All labels count alike, whatever weight they were learned with.
    ///
    /// # Errors
    /// For predictions that are no probabilities, another number of labels than rows, or an unknown class; without
    /// labels.
    pub fn measure(out_of_fold: &Probabilities, labels: &[ClassId]) -> Result<Self, Error> {
        let (rows, classes) = (out_of_fold.rows(), out_of_fold.classes());
        if labels.len() != rows {
            return Err(Error::row_count("labels", rows, labels.len()));
        }
        if let Some(&class) = labels.iter().find(|class| class.index() >= classes) {
            return Err(Error::unknown_class(class, classes));
        }
        if rows == 0 {
            return Err(nothing_to_learn(rows));
        }
        let scores: Vec<f32> =
            out_of_fold.view().iter().zip(labels).map(|(p, label)| p[label.index()]).collect();
        let mut counts = vec![0_usize; classes];
        let mut sums = vec![0.0; classes];
        for (label, score) in labels.iter().zip(&scores) {
            counts[label.index()] += 1;
            sums[label.index()] += f64::from(*score);
        }
        let mean = |(sum, count): (&f64, &usize)| (*count > 1).then(|| sum / *count as f64);
        let thresholds: Vec<Option<f64>> = sums.iter().zip(&counts).map(mean).collect();

        let mut confident_joint = vec![vec![0_usize; classes]; classes];
        let mut suspects = Vec::new();
        for (row, (p, &label)) in out_of_fold.view().iter().zip(labels).enumerate() {
            let Some(class) = confident_class(p, &thresholds) else { continue };
            if counts[label.index()] < 2 {
                continue;
            }
            confident_joint[label.index()][class] += 1;
            let score = scores[row];
            if p[class] > score {
                suspects.push(Suspect { row, label, suggested: ClassId::from_index(class), score });
            }
        }
        // Stable, so that ties stay in the order of rows.
        suspects.sort_by(|a, b| a.score.total_cmp(&b.score));

        let joint = joint(&confident_joint, &counts);
        let right: f64 = joint.iter().enumerate().map(|(class, row)| row[class]).sum();
        let mut weights = vec![1.0; rows];
        for suspect in &suspects {
            let (label, suggested) = (suspect.label.index(), suspect.suggested.index());
            let confident: usize = confident_joint.iter().map(|row| row[suggested]).sum();
            let agreeing = confident_joint[suggested][suggested] as f64;
            let others = counts[label] as f64 - 1.0;
            let belief =
                agreeing / (confident as f64 + HALF_EVIDENCE) * others / (others + HALF_EVIDENCE);
            let score = f64::from(suspect.score);
            let right = score / (score + f64::from(out_of_fold.row(suspect.row)[suggested]));
            weights[suspect.row] = (1.0 - belief * (1.0 - right)) as f32;
        }
        let noise_rate = (1.0 - right).max(0.0);
        Ok(Self { thresholds, confident_joint, joint, noise_rate, suspects, scores, weights })
    }
}

/// The most probable of the classes whose threshold the item reaches.
fn confident_class(probabilities: &[f32], thresholds: &[Option<f64>]) -> Option<usize> {
    // Sums of equal f32 are exact in f64, so that classes of equal probabilities reach their own mean.
    let reaches = |class: &usize| {
        thresholds[*class].is_some_and(|threshold| f64::from(probabilities[*class]) >= threshold)
    };
    let higher = |best: usize, class: usize| {
        if probabilities[class] > probabilities[best] { class } else { best }
    };
    (0..probabilities.len()).filter(reaches).reduce(higher)
}

/// Equation 3: each row of the counts, scaled to the number of labels of its class.
fn joint(confident: &[Vec<usize>], counts: &[usize]) -> Vec<Vec<f64>> {
    let labels: usize = counts.iter().sum();
    let scaled = |(class, row): (usize, &Vec<usize>)| {
        let own = row[class].max(1);
        let total = row.iter().sum::<usize>() - row[class] + own;
        let share = counts[class] as f64 / labels as f64 / total as f64;
        let count = |(other, count): (usize, &usize)| if other == class { own } else { *count };
        row.iter().enumerate().map(count).map(|count| count as f64 * share).collect()
    };
    confident.iter().enumerate().map(scaled).collect()
}
