//! What the small model learns from.

use alfm_core::{ClassId, Matrix};
use alfm_learn::Examples;
use alfm_select::{CleanSet, Round};

use super::run::Run;

/// The oracle's labels and the free ones, as the learner takes them.
pub(super) struct Training {
    pub(super) rows: Vec<usize>,
    pub(super) embeddings: Matrix,
    pub(super) labels: Vec<ClassId>,
    pub(super) weights: Vec<f32>,
    /// Class distributions of the last items, if the free labels are soft.
    pub(super) soft: Option<Matrix>,
}

impl Training {
    /// The oracle's labels, as far as the round believes them, and a clean set.
    pub(super) fn new(run: &Run<'_>, round: &Round, clean: &CleanSet) -> Self {
        let (mut rows, mut labels): (Vec<usize>, Vec<ClassId>) =
            run.labelled_rows().into_iter().unzip();
        let oracle = rows.iter().zip(&labels);
        let mut weights: Vec<f32> =
            oracle.map(|(row, class)| round.label_weight(*row, *class)).collect();
        rows.extend(clean.iter().map(|item| item.row));
        weights.resize(rows.len(), run.config.pseudo_label_weight * clean.weight());
        if clean.soft().is_none() {
            labels.extend(clean.iter().map(|item| item.class));
        }
        let embeddings = run.task.pool.view().gather(rows.iter().copied());
        Self { rows, embeddings, labels, weights, soft: clean.soft().cloned() }
    }

    pub(super) fn examples(&self, classes: usize) -> Examples<'_> {
        let hard = Examples::new(self.embeddings.view(), &self.labels, &self.weights, classes);
        match &self.soft {
            None => hard,
            Some(soft) => hard.with_soft(soft.view()),
        }
    }
}
