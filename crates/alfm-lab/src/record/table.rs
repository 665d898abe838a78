use std::path::Path;

use alfm_core::files::write_atomically;
use serde::{Deserialize, Serialize};

use super::{FinishedRun, RoundRecord, Seconds};
use crate::Error;
use crate::error::file;

/// One row of `curves.csv`: a round of a run, with the columns that scripts rely on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurveRow {
    /// Data set.
    pub dataset: String,
    /// Imbalance construction.
    pub imbalance: String,
    /// Label noise.
    pub noise: String,
    /// Source of the prior.
    pub prior: String,
    /// Small model.
    pub learner: String,
    /// Strategy.
    pub strategy: String,
    /// Run seed.
    pub seed: u64,
    /// Round, from 1.
    pub round: usize,
    /// Oracle labels used so far.
    pub labels: usize,
    /// Balanced accuracy on the entire pool.
    pub balanced_pool_accuracy: f64,
    /// Balanced accuracy on the test set.
    pub balanced_test_accuracy: f64,
    /// Accuracy on the entire pool.
    pub pool_accuracy: f64,
    /// Macro F1 on the test set.
    pub macro_f1: f64,
    /// Labelled items whose clean class is not the majority class.
    pub minority_labels: usize,
    /// Free labels as a share of the pool.
    pub clean_fraction: f64,
    /// Share of the free labels that is wrong; empty without free labels.
    pub clean_error: Option<f64>,
    /// Time to choose this round's queries and free labels.
    pub acquisition_seconds: f64,
    /// Time to train this round's model.
    pub training_seconds: f64,
}

/// The rows of finished runs, ordered by setting, strategy, seed and round.
pub fn curve_rows(runs: &[FinishedRun]) -> Vec<CurveRow> {
    let mut runs: Vec<&FinishedRun> = runs.iter().collect();
    runs.sort_by_key(|run| run.record.key());
    let rounds = |run: &FinishedRun| -> Vec<CurveRow> {
        let times = run.seconds.iter().copied().chain(std::iter::repeat(Seconds::default()));
        run.record.rounds.iter().zip(times).map(|(round, time)| row(run, round, time)).collect()
    };
    runs.into_iter().flat_map(rounds).collect()
}

fn row(run: &FinishedRun, round: &RoundRecord, seconds: Seconds) -> CurveRow {
    let setting = run.record.setting.clone();
    let pool: usize = run.record.data.pool.iter().sum();
    CurveRow {
        dataset: setting.dataset,
        imbalance: setting.imbalance,
        noise: setting.noise,
        prior: setting.prior,
        learner: setting.learner,
        strategy: run.record.strategy.clone(),
        seed: run.record.seed,
        round: round.round,
        labels: round.labels,
        balanced_pool_accuracy: round.pool.balanced_accuracy,
        balanced_test_accuracy: round.test.balanced_accuracy,
        pool_accuracy: round.pool.accuracy,
        macro_f1: round.test.macro_f1,
        minority_labels: round.minority_labels,
        clean_fraction: round.free.total() as f64 / pool.max(1) as f64,
        clean_error: round.free.error(),
        acquisition_seconds: seconds.acquisition,
        training_seconds: seconds.training,
    }
}

/// Writes `curves.csv`.
///
/// # Errors
/// For a file that cannot be written; an older file is then still whole.
pub fn write_curves(path: &Path, rows: &[CurveRow]) -> Result<(), Error> {
    let bad = |source: csv::Error| no_table(path, source);
    let mut table = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| table.serialize(row)).map_err(bad)?;
    let bytes = table.into_inner().map_err(|failed| bad(failed.into_error().into()))?;
    write_atomically(path, |out| out.write_all(&bytes)).map_err(file("cannot write", path))
}

/// Reads `curves.csv`; columns that are not known are skipped.
///
/// # Errors
/// Naming the line and the column.
pub fn read_curves(path: &Path) -> Result<Vec<CurveRow>, Error> {
    let bad = |source: csv::Error| no_table(path, source);
    let mut table = csv::Reader::from_path(path).map_err(bad)?;
    table.deserialize().collect::<Result<_, _>>().map_err(bad)
}

fn no_table(path: &Path, source: csv::Error) -> Error {
    Error::input("not a table of curves of this version").in_file(path).because(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    const COLUMNS: &str = "dataset,imbalance,noise,prior,learner,strategy,seed,round,labels,\
        balanced_pool_accuracy,balanced_test_accuracy,pool_accuracy,macro_f1,minority_labels,\
        clean_fraction,clean_error,acquisition_seconds,training_seconds";

    #[test]
    fn the_columns_are_those_that_scripts_rely_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curves.csv");
        let rows = curve_rows(&[fixture::finished("random", 1), fixture::finished("prioral", 1)]);
        write_curves(&path, &rows).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().next(), Some(COLUMNS));
        assert_eq!(read_curves(&path).unwrap(), rows);
    }

    #[test]
    fn rows_are_sorted_and_free_labels_counted() {
        let rows = curve_rows(&[fixture::finished("random", 1), fixture::finished("prioral", 1)]);
        assert_eq!((rows[0].strategy.as_str(), rows[0].round), ("prioral", 1));
        let random = rows.iter().find(|row| row.strategy == "random").unwrap();
        assert_eq!((random.clean_fraction, random.clean_error), (0.0, None));
        // Round 2 of the made-up run: 60 free labels of 200 items, 6 of them wrong.
        assert_eq!((rows[1].clean_fraction, rows[1].clean_error), (0.3, Some(0.1)));
    }

    #[test]
    fn a_table_without_a_column_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curves.csv");
        std::fs::write(&path, "dataset,seed\na,1\n").unwrap();
        let error = read_curves(&path).unwrap_err();
        assert_eq!(error.path(), Some(path.as_path()));
        assert!(error.to_string().ends_with("not a table of curves of this version"), "{error}");
    }
}
