use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use alfm_core::files::write_atomically;

use super::RunRecord;
use crate::Error;
use crate::error::{file, no_json};

/// Writes `runs.jsonl`, one record a line, ordered by setting, strategy and seed.
///
/// # Errors
/// For a file that cannot be written; an older file is then still whole.
pub fn write_runs<'a>(
    path: &Path,
    records: impl IntoIterator<Item = &'a RunRecord>,
) -> Result<(), Error> {
    let mut records: Vec<&RunRecord> = records.into_iter().collect();
    records.sort_by_key(|record| record.key());
    let lines: Vec<String> = records
        .into_iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()
        .map_err(no_json)?;
    write_atomically(path, |out| lines.iter().try_for_each(|line| writeln!(out, "{line}")))
        .map_err(file("cannot write", path))
}

/// Reads `runs.jsonl`; blank lines are skipped.
///
/// # Errors
/// For a file that cannot be read, and the first line that is no record.
pub fn read_runs(path: &Path) -> Result<Vec<RunRecord>, Error> {
    let mut records = Vec::new();
    for (at, line) in
        BufReader::new(File::open(path).map_err(file("cannot read", path))?).lines().enumerate()
    {
        let line = line.map_err(file("cannot read", path))?;
        if !line.trim().is_empty() {
            let parsed = serde_json::from_str(&line);
            records.push(parsed.map_err(|source| {
                let remedy = "delete the line or run again";
                let line = at + 1;
                Error::input(format!("line {line}: not a run record of this version; {remedy}"))
                    .in_file(path)
                    .because(source)
            })?);
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use alfm_select::{AccuracyEstimate, Advice};

    use super::*;
    use crate::fixture;
    use crate::record::LabelsOnlyAccuracy;

    #[test]
    fn records_come_back_sorted_and_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.jsonl");
        let records = [fixture::record("random", 2), fixture::record("prioral", 1)];
        write_runs(&path, &records).unwrap();
        let [random, prioral] = records;
        assert_eq!(read_runs(&path).unwrap(), [prioral, random]);
    }

    /// The made-up records have neither, as those of before there was any.
    #[test]
    fn records_without_advice_read_and_those_with_it_come_back() {
        let mut record = fixture::record("random", 1);
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("advice") && !text.contains("labels_only"), "{text}");
        assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record);
        let accuracy = AccuracyEstimate::new(7, 9, 0.1, 5);
        record.rounds[0].advice = Some(Advice::default().with_accuracy(accuracy));
        record.rounds[0].labels_only = Some(LabelsOnlyAccuracy { seen: 0.8, unseen: 0.7 });
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record);
    }

    #[test]
    fn a_broken_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.jsonl");
        write_runs(&path, &[fixture::record("random", 1)]).unwrap();
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("\n{\"setting\": 1}\n");
        std::fs::write(&path, text).unwrap();
        let error = read_runs(&path).unwrap_err();
        assert!(error.to_string().contains("line 3: not a run record of this version"), "{error}");
        assert!(read_runs(&folder.path().join("none")).is_err());
    }
}
