use std::path::Path;

use alfm_core::files::write_atomically;
use alfm_core::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use super::{FinishedRun, RoundRecord, Seconds};
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
/// [`ErrorKind::System`]; an older file is then still whole.
pub fn write_curves(path: &Path, rows: &[CurveRow]) -> Result<(), Error> {
    let bad = |source| {
        let message = "the curves cannot be written as CSV";
        Error::new(ErrorKind::System, message).in_file(path).because(source)
    };
    let mut table = csv::Writer::from_writer(Vec::new());
    let written = rows.iter().try_for_each(|row| table.serialize(row));
    let bytes = written.and_then(|()| Ok(table.into_inner().map_err(|full| full.into_error())?));
    let bytes = bytes.map_err(bad)?;
    write_atomically(path, |out| out.write_all(&bytes)).map_err(file("cannot write", path))
}

/// Reads `curves.csv`; columns that are not known are skipped.
///
/// # Errors
/// [`ErrorKind::Input`], whose source names the line and the column.
pub fn read_curves(path: &Path) -> Result<Vec<CurveRow>, Error> {
    let bad = |source| {
        let message = "not a table of curves of this version";
        Error::new(ErrorKind::Input, message).in_file(path).because(source)
    };
    let mut table = csv::Reader::from_path(path).map_err(bad)?;
    table.deserialize().collect::<Result<_, _>>().map_err(bad)
}
