//! What the small model learns from.

use alfm_core::{ClassId, Error, Items, LabelLog, Matrix, MatrixView};
use alfm_learn::Examples;
use alfm_select::{CleanSet, Round};

use crate::tuner::TuningExamples;

/// The oracle's labels and the free ones, as a learner takes them.
pub(crate) struct Training {
    rows: Vec<usize>,
    embeddings: Matrix,
    labels: Vec<ClassId>,
    weights: Vec<f32>,
    /// Class distributions of the last items, if the free labels are soft.
    soft: Option<Matrix>,
    classes: usize,
}

impl Training {
    /// The oracle's labels, as far as the round believes them, and a clean set, whose labels weigh `free_weight`
    /// times what the set says.
    ///
    /// An item that has a label, or of which somebody said that it has none, is no longer free.
    pub(crate) fn new(
        (items, log): (&Items, &LabelLog),
        embeddings: MatrixView<'_>,
        round: &Round,
        clean: &CleanSet,
        free_weight: f32,
    ) -> Result<Self, Error> {
        let labelled = log.labels_by_row(items)?;
        let mut weights: Vec<f32> =
            labelled.iter().map(|(_, label)| round.label_weight(label.id, label.class)).collect();
        let (mut rows, mut labels): (Vec<usize>, Vec<ClassId>) =
            labelled.into_iter().map(|(row, label)| (row, label.class)).unzip();
        let free = clean.iter().enumerate();
        let free: Vec<(usize, usize)> = free
            .filter(|(_, item)| log.is_free(&item.id))
            .map(|(at, item)| Ok((at, items.row(&item.id)?)))
            .collect::<Result<_, Error>>()?;
        rows.extend(free.iter().map(|(_, row)| *row));
        weights.resize(rows.len(), free_weight * clean.weight());
        let soft = clean.soft().map(|soft| soft.view().gather(free.iter().map(|(at, _)| *at)));
        if soft.is_none() {
            labels.extend(free.iter().map(|(at, _)| clean.classes()[*at]));
        }
        let embeddings = embeddings.gather(rows.iter().copied());
        Ok(Self { rows, embeddings, labels, weights, soft, classes: log.schema().len() })
    }

    pub(crate) fn examples(&self) -> Examples<'_> {
        let hard = Examples::new(self.embeddings.view(), &self.labels, &self.weights, self.classes);
        match &self.soft {
            None => hard,
            Some(soft) => hard.with_soft(soft.view()),
        }
    }

    pub(crate) fn for_tuning(&self) -> TuningExamples<'_> {
        TuningExamples {
            rows: &self.rows,
            labels: &self.labels,
            weights: &self.weights,
            classes: self.classes,
            soft: self.soft.as_ref().map(Matrix::view),
        }
    }
}
