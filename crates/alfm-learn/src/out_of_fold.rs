use alfm_core::{ClassId, MatrixView, Probabilities, SeedTree};
use rayon::prelude::*;

use crate::by_class::shuffled_by_class;
use crate::{Error, ErrorKind, Examples, Learner};

/// Class probabilities `N x K` of the examples themselves, row `i` by a model that has not seen item `i`.
///
/// Cross-validation: every item is in one fold, and is predicted by the model of all other folds, which honours
/// the weights. Folds are stratified: the items of each class are shuffled and dealt out in turn, and the next
/// class goes on where the last one stopped. So the sizes of the folds differ by at most one, as do each class's
/// counts. More folds than items are as many as items: then each item is left out alone.
///
/// A class whose items all lie in one fold, such as a class with one label, is unseen by the model that predicts
/// them: they get the probability `1 / (n + K)` of [`Classifier::predict`](crate::Classifier::predict).
///
/// Soft items train every fold and are not predicted.
///
/// Folds are fitted in parallel, `O(folds)` fits in all, each on a copy of its examples; the bytes do not depend
/// on the threads.
///
/// ```
/// use alfm_core::{ClassId, Matrix, SeedTree};
/// use alfm_learn::{Examples, LearnerConfig, out_of_fold};
///
/// // The last item is labelled 0, but lies among the items of class 1.
/// let rows = [[1.0, 0.0], [0.9, 0.1], [1.0, 0.1], [0.1, 1.0], [0.0, 1.0], [0.1, 0.9], [0.0, 0.9]];
/// let embeddings = Matrix::from_rows(&rows)?;
/// let labels = [0, 0, 0, 1, 1, 1, 0].map(ClassId::new);
/// let examples = Examples::new(embeddings.view(), &labels, &[1.0; 7], 2);
/// let learner = LearnerConfig::default().build()?;
/// let probabilities = out_of_fold(&*learner, &examples, 7, &SeedTree::new(0))?;
/// assert!(probabilities.row(6)[1] > 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Examples::check`], for fewer than two folds or items, and if all weight lies in one fold.
pub fn out_of_fold(
    learner: &dyn Learner,
    examples: &Examples<'_>,
    folds: usize,
    seed: &SeedTree,
) -> Result<Probabilities, Error> {
    out_of_fold_by(examples, folds, seed, |kept, held, seed| {
        let reduced = kept.reduced(learner.capabilities())?;
        learner.fit(&reduced.examples(), seed)?.predict(held)
    })
}

/// As [`out_of_fold`], for whatever fits and predicts: `fit_and_predict` is given the examples to learn from, the
/// embeddings to predict (`m x D`) and a seed, and returns class probabilities, `m x K`.
///
/// # Errors
/// As [`out_of_fold`], what `fit_and_predict` returns, and predictions of another shape.
pub fn out_of_fold_by(
    examples: &Examples<'_>,
    folds: usize,
    seed: &SeedTree,
    fit_and_predict: impl Fn(&Examples<'_>, MatrixView<'_>, &SeedTree) -> Result<Probabilities, Error>
    + Sync,
) -> Result<Probabilities, Error> {
    examples.check()?;
    if folds < 2 {
        let rule = "an item is predicted by the other folds, so there must be at least two";
        return Err(Error::setting("folds", folds, rule));
    }
    let rows = examples.labels.len();
    if rows < 2 {
        let message = format!(
            "{rows} example cannot be predicted by the others: label at least two items first"
        );
        return Err(Error::new(ErrorKind::Missing, message));
    }
    let folds = folds.min(rows);
    let fold_of = deal(examples.labels, examples.classes, folds, &seed.child("folds"));
    let predictions: Vec<Result<_, Error>> = (0..folds)
        .into_par_iter()
        .map(|fold| {
            let (held, kept): (Vec<usize>, Vec<usize>) =
                (0..rows).partition(|row| fold_of[*row] == fold);
            let fold_seed = seed.child("fits").index(fold as u64);
            let predicted = with_folds(examples, &kept, &held, |kept, held| {
                fit_and_predict(kept, held, &fold_seed)
            })?;
            if (predicted.rows(), predicted.classes()) != (held.len(), examples.classes) {
                let (rows, columns) = (held.len(), examples.classes);
                return Err(Error::shape(rows, columns, predicted.rows() * predicted.classes()));
            }
            Ok((predicted, held))
        })
        .collect();
    let classes = examples.classes;
    let mut values = vec![0.0; rows * classes];
    for prediction in predictions {
        let (predicted, held) = prediction?;
        for (row, probabilities) in held.into_iter().zip(predicted.view().iter()) {
            values[row * classes..][..classes].copy_from_slice(probabilities);
        }
    }
    Probabilities::new(values, rows, classes)
}

/// The fold of each item.
fn deal(labels: &[ClassId], classes: usize, folds: usize, seed: &SeedTree) -> Vec<usize> {
    let rows_of = shuffled_by_class(labels, classes, seed);
    let mut fold_of = vec![0; labels.len()];
    for (turn, row) in rows_of.into_iter().flatten().enumerate() {
        fold_of[row] = turn % folds;
    }
    fold_of
}

/// The rows `kept` as examples, beside all soft ones, and the embeddings of the rows `held`.
fn with_folds(
    examples: &Examples<'_>,
    kept: &[usize],
    held: &[usize],
    act: impl FnOnce(&Examples<'_>, MatrixView<'_>) -> Result<Probabilities, Error>,
) -> Result<Probabilities, Error> {
    let labels: Vec<ClassId> = kept.iter().map(|row| examples.labels[*row]).collect();
    let soft = examples.labels.len()..examples.embeddings.rows();
    let rows = || kept.iter().copied().chain(soft.clone());
    let embeddings = examples.embeddings.gather(rows());
    let weights: Vec<f32> = rows().map(|row| examples.weights[row]).collect();
    let mut kept = Examples::new(embeddings.view(), &labels, &weights, examples.classes);
    kept.soft = examples.soft;
    act(&kept, examples.embeddings.gather(held.iter().copied()).view())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_even_overall_and_within_each_class() {
        // 7, 1, 0 and 9 items of four classes, interleaved.
        let counts = [7, 1, 0, 9];
        let labels: Vec<ClassId> = (0..9)
            .flat_map(|turn| (0..4).filter(move |class| turn < counts[*class]))
            .map(ClassId::from_index)
            .collect();
        for folds in [2, 3, 5, 17] {
            let fold_of = deal(&labels, 4, folds, &SeedTree::new(1));
            let spread = |class: Option<usize>| {
                let mut sizes = vec![0_usize; folds];
                let rows = fold_of.iter().zip(&labels);
                rows.filter(|(_, label)| class.is_none_or(|class| label.index() == class))
                    .for_each(|(fold, _)| sizes[*fold] += 1);
                sizes.iter().max().unwrap() - sizes.iter().min().unwrap()
            };
            assert!(spread(None) <= 1, "{folds} folds: {fold_of:?}");
            assert!((0..4).all(|class| spread(Some(class)) <= 1), "{folds} folds: {fold_of:?}");
        }
    }

    #[test]
    fn the_seed_decides_the_folds() {
        let labels = [0; 20].map(ClassId::new);
        let deal = |seed| deal(&labels, 2, 4, &SeedTree::new(seed));
        assert_eq!(deal(0), deal(0));
        assert_ne!(deal(0), deal(1));
    }
}
