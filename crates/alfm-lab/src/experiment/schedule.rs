//! All runs of an experiment: in parallel, kept as they finish, continued after a stop.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use alfm_core::Digest;
use alfm_core::files::write_atomically;
use alfm_kernels::device::Device;
use alfm_select::Strategy;
use rayon::prelude::*;

use super::config::ExperimentConfig;
use super::prepare::Task;
use super::run::{run_unless, written};
use crate::error::{file, no_json};
use crate::record::FinishedRun;
use crate::{Error, ErrorKind};

/// Digits of a short digest, which is the name of a kept run.
const DIGITS: usize = 16;

/// Where runs are kept, and how the caller watches and stops them.
pub struct Schedule<'a> {
    /// A finished run is a file here at once; the ones that are there already are not run again.
    pub folder: &'a Path,
    /// Set by the caller to stop: no run and no round begins any more.
    pub stop: &'a AtomicBool,
    /// Where the kernels of the strategies run.
    pub device: Arc<dyn Device>,
    /// Called after each run with the numbers of finished and of all runs.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// Runs every strategy and seed on every task; the result is in the order of the configuration.
///
/// Parallel over runs on the current rayon pool. A run is a function of its task, configuration and seed, so
/// that neither the number of threads nor a stop in between changes a byte but the seconds.
///
/// # Errors
/// Of [`ErrorKind::Stopped`] when the caller stopped it; what was finished stays in the folder.
pub fn run_all(
    config: &ExperimentConfig,
    tasks: &[Task],
    schedule: &Schedule<'_>,
) -> Result<Vec<FinishedRun>, Error> {
    let seeds = config.seeds.list();
    let runs: Vec<(&Task, &Strategy, u64)> = tasks
        .iter()
        .flat_map(|task| config.strategies.iter().map(move |strategy| (task, strategy)))
        .flat_map(|(task, strategy)| seeds.iter().map(move |seed| (task, strategy, *seed)))
        .collect();
    let done = AtomicUsize::new(0);
    let outcome: Result<Vec<FinishedRun>, Error> = runs
        .par_iter()
        .with_max_len(1)
        .map(|(task, strategy, seed)| {
            let Some(run) = kept_or_run(config, task, strategy, *seed, schedule)? else {
                let (finished, total) = (done.load(Ordering::Relaxed), runs.len());
                let remedy = "the same command with --resume goes on";
                let message = format!("stopped after {finished} of {total} runs; {remedy}");
                return Err(Error::new(ErrorKind::Stopped, message));
            };
            (schedule.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, runs.len());
            Ok(run)
        })
        .collect();
    outcome
}

/// Deletes the runs that a folder keeps, and nothing else that lies in it; a folder that is not there keeps none.
///
/// # Errors
/// For a file that cannot be read or deleted.
pub fn forget_runs(folder: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(file("cannot read", folder)(source)),
    };
    for entry in entries {
        let path = entry.map_err(file("cannot read", folder))?.path();
        if is_kept_run(&path) {
            fs::remove_file(&path).map_err(file("cannot delete", &path))?;
        }
    }
    Ok(())
}

/// Whether a file has a name as [`kept_path`] gives it.
fn is_kept_run(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(".json").is_some_and(|stem| {
        stem.len() == DIGITS && stem.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// Threads a core that an experiment may have: more of them only wait for each other.
const MOST_THREADS_A_CORE: usize = 4;

/// A pool of `jobs` threads, to run an experiment on.
///
/// # Errors
/// Of [`ErrorKind::Setting`] for none or more than four a core, of [`ErrorKind::System`] if the system gives none.
pub fn threads(jobs: usize) -> Result<rayon::ThreadPool, Error> {
    let most = MOST_THREADS_A_CORE * thread::available_parallelism().map_or(1, usize::from);
    if !(1..=most).contains(&jobs) {
        let rule = format!("at least 1, and at most {most} on this machine, four a core");
        return Err(Error::setting("jobs", jobs, &rule));
    }
    rayon::ThreadPoolBuilder::new().num_threads(jobs).build().map_err(no_threads)
}

/// Starts the threads that everything shares, one a core, so that a system that gives none is told so and not found
/// out in the middle of the work.
///
/// # Errors
/// Of [`ErrorKind::System`] if the system gives none.
pub fn start_threads() -> Result<(), Error> {
    rayon::ThreadPoolBuilder::new().build_global().map_err(no_threads)
}

fn no_threads(source: rayon::ThreadPoolBuildError) -> Error {
    Error::new(ErrorKind::System, "the threads could not be started").because(source)
}

/// A run that was finished, today or before; `None` if the caller stopped it.
fn kept_or_run(
    config: &ExperimentConfig,
    task: &Task,
    strategy: &Strategy,
    seed: u64,
    schedule: &Schedule<'_>,
) -> Result<Option<FinishedRun>, Error> {
    let path = kept_path(config, task, strategy, seed, schedule)?;
    // A file that does not read, of another version for example, is simply run again.
    let kept = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if kept.is_some() {
        return Ok(kept);
    }
    let Some(run) = run_unless(schedule.stop, config, task, strategy, seed, &schedule.device)?
    else {
        return Ok(None);
    };
    let text = serde_json::to_vec(&run).map_err(no_json)?;
    write_atomically(&path, |out| out.write_all(&text)).map_err(file("cannot write", &path))?;
    Ok(Some(run))
}

/// The file of a run is named by everything that decides its outcome.
fn kept_path(
    config: &ExperimentConfig,
    task: &Task,
    strategy: &Strategy,
    seed: u64,
    schedule: &Schedule<'_>,
) -> Result<PathBuf, Error> {
    let digest = Digest::of_parts([
        serde_json::to_vec(&task.setting).map_err(no_json)?,
        serde_json::to_vec(&task.facts).map_err(no_json)?,
        serde_json::to_vec(&written(config, task, strategy)?).map_err(no_json)?,
        strategy.label().as_bytes().to_vec(),
        seed.to_le_bytes().to_vec(),
        schedule.device.name().as_bytes().to_vec(),
        env!("CARGO_PKG_VERSION").as_bytes().to_vec(),
    ]);
    Ok(schedule.folder.join(format!("{}.json", digest.short())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_forgotten_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let run = format!("{}.json", Digest::of("a run").short());
        for name in [&run, "notes.txt", "settings.json", "0123456789abcdef"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        forget_runs(folder.path()).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["0123456789abcdef", "notes.txt", "settings.json"]);
        forget_runs(&folder.path().join("absent")).unwrap();
    }
}
