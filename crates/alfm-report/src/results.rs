//! The output folder of an experiment.

use std::path::{Path, PathBuf};

use alfm_core::{Digest, Error};
use alfm_lab::experiment::ExperimentConfig;
use alfm_lab::record::{FinishedRun, RunRecord, curve_rows, write_curves, write_runs};

use crate::figures::{LearningCurves, TrustPlot};
use crate::summary::{Metric, groups};
use crate::{report, save};

/// Writes `config.toml`, `runs.jsonl`, `curves.csv`, `report.html`, `summary.md` and, for every setting and headline metric, the
/// learning curves as SVG (`SETTING-test.svg`) and, with the feature `png`, as PNG; for several priors, the same of `trust`.
///
/// # Errors
/// [`ErrorKind::System`](alfm_core::ErrorKind) and what drawing returns; each file is whole or not there.
pub fn write_results(
    folder: &Path,
    title: &str,
    config: &ExperimentConfig,
    runs: &[FinishedRun],
) -> Result<(), Error> {
    let records: Vec<RunRecord> = runs.iter().map(|run| run.record.clone()).collect();
    save(&folder.join("config.toml"), config.to_toml()?.as_bytes())?;
    write_runs(&folder.join("runs.jsonl"), &records)?;
    write_curves(&folder.join("curves.csv"), &curve_rows(runs))?;
    report::write(&folder.join("report.html"), title, &records)?;
    report::write_markdown(&folder.join("summary.md"), title, &records)?;
    let groups = groups(&records);
    for group in &groups {
        for metric in Metric::ALL {
            let svg = LearningCurves::new(group, metric)?.svg()?;
            let name = match groups.len() {
                1 => metric.slug().to_owned(),
                _ => format!("{}-{}", slug(group.setting), metric.slug()),
            };
            save_figure(&folder.join(name), &svg)?;
        }
    }
    if let Some(figure) = TrustPlot::new(&groups)? {
        save_figure(&folder.join("trust"), &figure.svg()?)?;
    }
    Ok(())
}

/// Writes a figure as `NAME.svg` and, with the feature `png`, as `NAME.png` with two pixels for each unit.
fn save_figure(name: &Path, svg: &str) -> Result<(), Error> {
    let beside = |extension: &str| {
        let mut file = name.as_os_str().to_owned();
        file.push(extension);
        PathBuf::from(file)
    };
    save(&beside(".svg"), svg.as_bytes())?;
    #[cfg(feature = "png")]
    save(&beside(".png"), &crate::figures::png(svg, 2.0)?)?;
    Ok(())
}

/// Longest name of a setting; with what follows it, file systems take 255 bytes.
const LONGEST: usize = 160;

/// A setting as a file name; of a longer one the beginning and its digest.
fn slug(setting: &alfm_lab::record::Setting) -> String {
    let parts =
        [&setting.dataset, &setting.imbalance, &setting.noise, &setting.prior, &setting.learner];
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let parts = parts.map(|part| part.chars().map(keep).collect::<String>());
    let name = parts.map(|part| part.trim_matches('-').to_owned()).join("_");
    match name.get(..LONGEST) {
        None => name,
        Some(beginning) => format!("{beginning}-{}", Digest::of(&name).short()),
    }
}

#[cfg(test)]
mod tests {
    use alfm_lab::record::{Seconds, Setting};

    use super::*;
    use crate::fixture;

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let named = |prior: String| {
            let [dataset, imbalance, noise, learner] =
                ["cifar10", "natural", "none", "linear"].map(str::to_owned);
            slug(&Setting { dataset, imbalance, noise, prior, learner })
        };
        assert_eq!(named("zero-shot(20)".into()), "cifar10_natural_none_zero-shot-20_linear");
        let [one, other] = ["a", "b"].map(|last| named(format!("file({}{last})", "x".repeat(300))));
        assert!(one != other && one.len() == LONGEST + 17, "{one}, {other}");
    }

    /// Clock times are in `curves.csv` alone.
    #[test]
    fn the_same_records_give_the_same_bytes() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let config = ExperimentConfig::from_toml(
            "seeds = 1\ninitial = 4\nbatch = 2\nrounds = 3\nstrategies = [\"random\"]\n[[dataset]]\nname = \"support-inbox\"\npool = { split = \"pool\" }\n\
             test = { split = \"test\" }\n",
        )
        .unwrap();
        let names = ["random", "prioral", "prioral-guarded"];
        let mut runs: Vec<FinishedRun> = names.map(|name| fixture::finished(name, 1)).to_vec();
        write_results(folders[0].path(), "test", &config, &runs).unwrap();
        for seconds in runs.iter_mut().flat_map(|run| &mut run.seconds) {
            *seconds = Seconds { acquisition: 7.5, training: 0.125 };
        }
        write_results(folders[1].path(), "test", &config, &runs).unwrap();
        let read = |folder: &tempfile::TempDir, name: &str| {
            std::fs::read(folder.path().join(name)).unwrap()
        };
        for name in ["runs.jsonl", "config.toml", "test.svg", "report.html", "summary.md"] {
            assert!(read(&folders[0], name) == read(&folders[1], name), "{name} differs");
        }
        assert!(read(&folders[0], "curves.csv") != read(&folders[1], "curves.csv"));
    }
}
