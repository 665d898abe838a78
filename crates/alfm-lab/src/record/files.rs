use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use alfm_core::files::write_atomically;
use alfm_core::{Error, ErrorKind};

use super::RunRecord;
use crate::error::file;

/// Writes `runs.jsonl`, one record a line, ordered by setting, strategy and seed.
///
/// # Errors
/// [`ErrorKind::System`]; an older file is then still whole.
pub fn write_runs<'a>(
    path: &Path,
    records: impl IntoIterator<Item = &'a RunRecord>,
) -> Result<(), Error> {
    let mut records: Vec<&RunRecord> = records.into_iter().collect();
    records.sort_by_key(|record| record.key());
    let lines = records.into_iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
    let lines = lines.map_err(|source| {
        let message = "a record cannot be written as JSON";
        Error::new(ErrorKind::System, message).in_file(path).because(source)
    })?;
    write_atomically(path, |out| lines.iter().try_for_each(|line| writeln!(out, "{line}")))
        .map_err(file("cannot write", path))
}

/// Reads `runs.jsonl`; blank lines are skipped.
///
/// # Errors
/// [`ErrorKind::System`], or [`ErrorKind::Input`] for the first line that is no record.
pub fn read_runs(path: &Path) -> Result<Vec<RunRecord>, Error> {
    let failed = |source| {
        let message = "cannot read: check that it exists and may be read";
        Error::new(ErrorKind::System, message).in_file(path).because(source)
    };
    let mut records = Vec::new();
    for (at, line) in BufReader::new(File::open(path).map_err(failed)?).lines().enumerate() {
        let line = line.map_err(failed)?;
        if !line.trim().is_empty() {
            let parsed = serde_json::from_str(&line);
            records.push(parsed.map_err(|source| {
                let message = format!(
                    "line {}: not a run record of this version; delete the line or run again",
                    at + 1
                );
                Error::new(ErrorKind::Input, message).in_file(path).because(source)
            })?);
        }
    }
    Ok(records)
}
