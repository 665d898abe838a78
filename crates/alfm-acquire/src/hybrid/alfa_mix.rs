use std::collections::BTreeMap;

use alfm_core::{ClassId, Matrix, MatrixView};
use alfm_kernels::blocks::{POINTS, Rows};
use alfm_kernels::draw;
use alfm_kernels::{cluster_means, dots, representatives};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::options::{COUNT, HasOptions, Opt};
use crate::{Acquisition, Error, Input, LinearHead, Needs, Pick, Request};

/// ALFA-Mix: rows whose prediction flips on the way to a labelled class (Parvaneh et al., CVPR 2022,
/// arXiv 2203.07034).
///
/// The anchor `a_k` of a class is the mean embedding of its labelled rows; classes without any share the mean
/// of all labelled rows. The worst mixture of a row `x` with an anchor moves it by `e |a_k - x|` along
/// `g = W^T (p - e_yhat)`, the gradient of the cross-entropy under the predicted label, so that its scores are
/// `z + e |a_k - x| / |g| W g`. A row is a candidate if the largest of them is not that of `yhat` for some
/// anchor. `e` is `step / sqrt D`, then twice that and so on, at most `steps` times, until more than `b` rows
/// are candidates. Of those k-means with `b` clusters on the embeddings, each divided by its norm, keeps the
/// one nearest each mean; up to `b` are all taken and the rest is drawn uniformly. Where `g = 0`, or nothing
/// is labelled, nothing flips. The score is the size of the cluster, 0 for drawn rows.
///
/// The lead of `yhat` over a class is linear in the way moved, so that once lost it stays lost: only the
/// farthest anchor needs a look. `O(N K (K + D))` time, `O(N D)` memory; nothing is divided by `a_k - x`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlfaMix {
    /// The first `e sqrt D`, and how much it grows; finite, above 0.
    pub step: f64,
    /// How often `e` is tried, the first time included; at least 1.
    pub steps: usize,
}

impl Default for AlfaMix {
    fn default() -> Self {
        Self { step: 0.2, steps: 5 }
    }
}

impl HasOptions for AlfaMix {
    const OPTIONS: &'static [Opt] = &[
        Opt::new(
            "step",
            "the first mixing ratio times sqrt D, and how much it grows",
            "above 0 and finite",
        ),
        Opt::new("steps", "how often the ratio is tried, the first time included", COUNT),
    ];
}

impl Acquisition for AlfaMix {
    fn name(&self) -> &str {
        "alfamix"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Embeddings, Input::Head])
    }

    fn check(&self) -> Result<(), Error> {
        self.require("step", self.step, self.step.is_finite() && self.step > 0.0)?;
        self.require("steps", self.steps, self.steps >= 1)
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        let embeddings = request.embeddings()?;
        let head = request.head()?;
        let expected = embeddings.columns();
        let got = head.weights().columns();
        if expected != got {
            return Err(Error::column_count("head", expected, got));
        }
        let candidates = request.candidates();
        let budget = request.budget;
        let labelled: Vec<(usize, ClassId)> = request.pool.labelled().collect();
        let rows = match anchors(embeddings, &labelled, head.classes())? {
            None => Vec::new(),
            Some(anchors) => {
                let flips = self.flips(embeddings, candidates, &anchors, &head);
                flipped(candidates, &flips, self.steps, budget)
            }
        };
        let random = &mut draw::uniform(&request.seed);
        let mut picks = representatives(embeddings, &rows, budget, random)?;
        draw::complete(&mut picks, candidates, budget, random);
        Ok(picks)
    }
}

impl AlfaMix {
    /// For every candidate the first step, from 1, at which its prediction flips; 0 if it never does.
    fn flips(
        &self,
        embeddings: MatrixView<'_>,
        candidates: &[usize],
        anchors: &Matrix,
        head: &LinearHead<'_>,
    ) -> Vec<usize> {
        let points = Rows::new(embeddings);
        let anchors = Rows::new(anchors.view());
        let mixer = Mixer::new(*head);
        let unit = self.step / (embeddings.columns() as f64).sqrt();
        let block = |block: &[usize]| {
            let mut distances = Vec::new();
            points.squared_distances(block, &anchors, 0..anchors.len(), &mut distances);
            let farthest = distances
                .chunks_exact(anchors.len())
                .map(|row| row.iter().copied().fold(0.0, f64::max).sqrt());
            let first = |(row, distance): (&usize, f64)| {
                let line = mixer.line(points.row(*row))?;
                (1..=self.steps).find(|step| line.flips(unit * *step as f64 * distance))
            };
            let steps = block.iter().zip(farthest).map(first);
            steps.map(|step| step.unwrap_or(0)).collect::<Vec<usize>>()
        };
        candidates.par_chunks(POINTS).flat_map_iter(block).collect()
    }
}

/// The candidates that have flipped at the first step with more than `budget` of them, or at the last.
fn flipped(candidates: &[usize], flips: &[usize], steps: usize, budget: usize) -> Vec<usize> {
    let by = |step: usize| move |flip: &usize| (1..=step).contains(flip);
    let count = |step: usize| flips.iter().filter(|flip| by(step)(flip)).count();
    let step = (1..steps).find(|step| count(*step) > budget).unwrap_or(steps);
    candidates.iter().zip(flips).filter(|(_, flip)| by(step)(flip)).map(|(row, _)| *row).collect()
}

/// The means of the labelled rows by class, and of all of them if a class has none; `None` without labels.
fn anchors(
    embeddings: MatrixView<'_>,
    labelled: &[(usize, ClassId)],
    classes: usize,
) -> Result<Option<Matrix>, Error> {
    if labelled.is_empty() {
        return Ok(None);
    }
    let rows = labelled.iter().map(|(row, _)| *row);
    let mut numbers: BTreeMap<ClassId, usize> =
        labelled.iter().map(|(_, class)| (*class, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(at, number)| *number = at);
    let clusters: Vec<usize> = labelled.iter().map(|(_, class)| numbers[class]).collect();
    let points = embeddings.gather(rows);
    let by_class = cluster_means(points.view(), &clusters)?;
    if numbers.len() >= classes {
        return Ok(Some(by_class));
    }
    let mut values = by_class.into_values();
    values.extend(cluster_means(points.view(), &vec![0; labelled.len()])?.into_values());
    Matrix::new(values, numbers.len() + 1, embeddings.columns()).map(Some)
}

/// The head with its Gram matrix `W W^T`.
struct Mixer<'a> {
    head: LinearHead<'a>,
    gram: Vec<f64>,
}

impl<'a> Mixer<'a> {
    fn new(head: LinearHead<'a>) -> Self {
        let weights: Vec<&[f32]> = head.weights().iter().collect();
        let mut gram = vec![0.0; weights.len() * weights.len()];
        dots(&weights, &weights, &mut gram);
        Self { head, gram }
    }

    /// How the scores of `point` move along the gradient; `None` if there is none.
    fn line(&self, point: &[f32]) -> Option<Line> {
        let mut scores = Vec::new();
        self.head.logits(point, &mut scores);
        let label = argmax(&scores);
        let residual = residual(&scores, label);
        // W g = W W^T q and |g|^2 = q^T W W^T q.
        let rows = self.gram.chunks_exact(residual.len());
        let inner = |row: &[f64]| row.iter().zip(&residual).map(|(a, b)| a * b).sum::<f64>();
        let mut slopes: Vec<f64> = rows.map(inner).collect();
        let length = inner(&slopes).max(0.0).sqrt();
        if length == 0.0 {
            return None;
        }
        slopes.iter_mut().for_each(|slope| *slope /= length);
        Some(Line { scores, slopes, label })
    }
}

/// Scores along the gradient: `scores + way * slopes`.
struct Line {
    scores: Vec<f64>,
    slopes: Vec<f64>,
    label: usize,
}

impl Line {
    fn at(&self, way: f64) -> Vec<f64> {
        self.scores.iter().zip(&self.slopes).map(|(score, slope)| score + way * slope).collect()
    }

    fn flips(&self, way: f64) -> bool {
        argmax(&self.at(way)) != self.label
    }
}

/// The largest, the first on ties.
fn argmax(scores: &[f64]) -> usize {
    (1..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best })
}

/// `q = softmax(scores) - e_label`.
fn residual(scores: &[f64], label: usize) -> Vec<f64> {
    let mut residual: Vec<f64> = scores.iter().map(|z| (z - scores[label]).exp()).collect();
    let sum: f64 = residual.iter().sum();
    residual.iter_mut().for_each(|p| *p /= sum);
    residual[label] -= 1.0;
    residual
}

#[cfg(test)]
mod tests {
    use alfm_core::SeedTree;

    use super::*;
    use crate::Pool;

    const W: [f32; 4] = [1.0, 0.0, -1.0, 0.5];

    fn head<'a>(weights: &'a [f32], bias: &'a [f32]) -> LinearHead<'a> {
        let classes = bias.len();
        let width = weights.len() / classes;
        LinearHead::new(MatrixView::new(weights, classes, width).unwrap(), bias).unwrap()
    }

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 2e-6, "{found:?} is not {expected:?}");
        }
    }

    /// The worked example of the specification, and the elementwise form that the closed form replaces.
    #[test]
    fn worked_example() {
        let (x, anchor) = ([0.3f32, 0.2], [-1.0f32, 1.0]);
        let line = Mixer::new(head(&W, &[0.0, 0.0])).line(&x).unwrap();
        near(&line.scores, &[0.3, -0.2]);
        let residual = residual(&line.scores, 0);
        near(&residual, &[-0.377_541, 0.377_541]);
        let gradient = [residual[0] - residual[1], 0.5 * residual[1]];
        near(&gradient, &[-0.755_081, 0.188_770]);
        let epsilon = 0.2 / 2.0f64.sqrt();
        let apart = [-1.3, 0.8];
        let distance = f64::hypot(apart[0], apart[1]);
        let length = f64::hypot(gradient[0], gradient[1]);
        let alpha = [0, 1].map(|d| epsilon * distance * gradient[d] / (length * apart[d]));
        near(&alpha, &[0.161_096, 0.065_445]);
        let mixed =
            [0, 1].map(|d| alpha[d] * f64::from(anchor[d]) + (1.0 - alpha[d]) * f64::from(x[d]));
        near(&mixed, &[0.090_575, 0.252_356]);
        near(&line.at(epsilon * distance), &[mixed[0], -mixed[0] + 0.5 * mixed[1]]);
        near(&line.at(epsilon * distance), &[0.090_575, 0.035_603]);
        near(&line.at(5.0 * epsilon * distance), &[-0.747_125, 0.978_016]);
        assert!(!line.flips(epsilon * distance) && line.flips(5.0 * epsilon * distance));
    }

    #[test]
    fn the_step_grows_until_more_than_the_budget_flip() {
        let (rows, flips) = ([10, 11, 12, 13], [1, 3, 0, 2]);
        assert_eq!(flipped(&rows, &flips, 5, 0), [10]);
        assert_eq!(flipped(&rows, &flips, 5, 1), [10, 13]);
        assert_eq!(flipped(&rows, &flips, 5, 2), [10, 11, 13]);
        assert_eq!(flipped(&rows, &flips, 5, 9), [10, 11, 13]);
        assert_eq!(flipped(&rows, &flips, 1, 9), [10]);
    }

    /// Defect: anchors run over `0..number of seen classes` instead of the classes seen.
    #[test]
    fn anchors_are_of_the_classes_seen_and_the_others_share_the_mean() {
        let x = [0.0, 2.0, 7.0, 100.0];
        let x = MatrixView::new(&x, 4, 1).unwrap();
        let labelled = [(0, ClassId::new(2)), (1, ClassId::new(2)), (2, ClassId::new(5))];
        let found = anchors(x, &labelled, 6).unwrap().unwrap();
        assert_eq!(found.into_values(), [1.0, 7.0, 3.0]);
        let all_seen = anchors(x, &labelled[1..], 2).unwrap().unwrap();
        assert_eq!(all_seen.into_values(), [2.0, 7.0]);
        assert!(anchors(x, &[], 2).unwrap().is_none());
    }

    fn select(weights: &[f32], x: &[f32], label: u32, budget: usize) -> Vec<Pick> {
        let mut observed = vec![None; x.len() / 2];
        observed[0] = Some(ClassId::new(label));
        let pool = Pool::new(&observed)
            .and_then(|pool| pool.with_embeddings(MatrixView::new(x, x.len() / 2, 2)?))
            .and_then(|pool| pool.with_head(head(weights, &[0.0; 2])))
            .unwrap();
        AlfaMix::default().select(&pool, budget, &SeedTree::new(6)).unwrap()
    }

    /// Defect: division by `x_anchor - x`, elementwise, is 0 / 0 where they share a coordinate.
    #[test]
    fn an_anchor_that_shares_coordinates_with_a_row_is_no_trouble() {
        // Row 1 differs from the anchor, row 0, in one coordinate; row 2 is the anchor.
        let x = [-1.0, 0.2, 0.1, 0.2, -1.0, 0.2];
        let picks = select(&W, &x, 1, 1);
        assert_eq!(picks, [Pick { row: 1, score: 1.0 }]);
    }

    /// Defects: without a candidate the call fails; the top-up draws with replacement.
    #[test]
    fn without_a_candidate_the_batch_is_drawn_without_replacement() {
        let x: Vec<f32> = (0..20).map(|i| i as f32 / 5.0).collect();
        let picks = select(&[0.0; 4], &x, 0, 9);
        let mut rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
        rows.sort_unstable();
        assert_eq!(rows, (1..10).collect::<Vec<_>>());
        assert!(picks.iter().all(|pick| pick.score == 0.0));
    }

    /// Defect: representatives are skipped for empty clusters, so that the batch is short.
    #[test]
    fn duplicate_candidates_do_not_shorten_the_batch() {
        let mut x = vec![-1.0, 1.0];
        x.extend([0.05, 0.1].repeat(8));
        let picks = select(&W, &x, 1, 5);
        let mut rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), 5);
    }

    #[test]
    fn a_head_of_another_width_and_options_out_of_range_are_refused() {
        let observed = [None, Some(ClassId::new(0))];
        let pool =
            Pool::new(&observed).and_then(|pool| pool.with_head(head(&W, &[0.0; 2]))).unwrap();
        let narrow = MatrixView::new(&[1.0, 2.0], 2, 1).unwrap();
        let error = pool.clone().with_embeddings(narrow).unwrap_err().to_string();
        assert!(error.starts_with("`head` has 2 columns, but there are 1"), "{error}");
        let wide = MatrixView::new(&[1.0, 2.0, 3.0, 4.0], 2, 2).unwrap();
        let pool = pool.with_embeddings(wide).unwrap();
        for (step, steps) in [(0.0, 5), (f64::INFINITY, 5), (0.2, 0)] {
            let error = AlfaMix { step, steps }.select(&pool, 1, &SeedTree::new(0)).unwrap_err();
            assert!(error.to_string().starts_with("option `"), "{error}");
        }
    }
}
