//! Whole selections from large pools: seconds, memory, and how both grow with the pool.
//!
//! Files that `scale make` writes are what the programs in `benches/peers` read, too.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use alfm_acquire::{AcquireError, Acquisition, Input, Pick, Pool, find};
use alfm_benches::{Shape, files, memory, select};
use alfm_core::{ClassId, Digest, MatrixView, Predictions};
use alfm_kernels::device::open_device;
use clap::{Parser, Subcommand};
use serde::Serialize;

#[derive(Debug, Parser)]
#[command(about = "Selections from large synthetic pools, one JSON line each")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a synthetic pool as .npy files.
    Make {
        /// Folder to write to.
        folder: PathBuf,
        #[command(flatten)]
        shape: Shape,
    },
    /// Select from the files of a folder.
    Run {
        /// Folder that `make` wrote.
        folder: PathBuf,
        #[command(flatten)]
        task: Task,
    },
    /// Select from pools of several sizes, made in memory.
    Grow {
        #[command(flatten)]
        task: Task,
        /// Items of each pool.
        #[arg(long, value_delimiter = ',', required = true)]
        rows: Vec<usize>,
        /// Classes of all pools.
        #[arg(long, default_value_t = 10)]
        classes: usize,
        /// Width of the embeddings.
        #[arg(long)]
        dimension: usize,
        /// Items with an observed label.
        #[arg(long, default_value_t = 500)]
        labelled: usize,
    },
}

#[derive(Debug, clap::Args)]
struct Task {
    /// Acquisition functions, one after the other.
    #[arg(long, value_delimiter = ',', required = true)]
    strategy: Vec<String>,
    /// Items to select.
    #[arg(long)]
    budget: usize,
    /// Devices, one after the other.
    #[arg(long, value_delimiter = ',', default_value = "cpu")]
    device: Vec<String>,
    /// Where to write what was selected, a row and its score a line, one selection after the other.
    #[arg(long)]
    picks: Option<PathBuf>,
}

impl Task {
    fn strategies(&self) -> Result<Vec<Box<dyn Acquisition>>, AcquireError> {
        self.strategy.iter().map(|name| find(name)).collect()
    }

    /// Whether any of the strategies needs it.
    fn needs(&self, input: Input) -> Result<bool, AcquireError> {
        Ok(self.strategies()?.iter().any(|strategy| strategy.needs().contains(input)))
    }
}

/// What one selection took.
#[derive(Debug, Serialize)]
struct Line<'a> {
    strategy: &'a str,
    device: &'a str,
    rows: usize,
    labelled: usize,
    classes: Option<usize>,
    dimension: Option<usize>,
    budget: usize,
    threads: usize,
    load_seconds: f64,
    select_seconds: f64,
    peak_memory_bytes: Option<u64>,
    picks: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    match Args::parse().command {
        Command::Make { folder, shape } => Ok(files::write(&folder, &shape)?),
        Command::Run { folder, task } => run(&folder, &task),
        Command::Grow { task, rows, classes, dimension, labelled } => {
            rows.into_iter().try_for_each(|rows| {
                memory::forget_peak();
                grow(&task, &Shape { rows, classes, dimension, labelled, seed: 0 })
            })
        }
    }
}

/// Only what the strategy needs is read, as a user would.
fn run(folder: &Path, task: &Task) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let (observed, truth) = (files::observed(folder)?, files::truth(folder)?);
    let model = task.needs(Input::Model)?.then(|| files::model(folder)).transpose()?;
    let embeddings =
        task.needs(Input::Embeddings)?.then(|| files::embeddings(folder)).transpose()?;
    let mut pool = Pool::new(&observed)?;
    if let Some(model) = &model {
        let (rows, classes) = (model.rows(), model.columns());
        pool = pool.with_model(Predictions::probabilities(model.values(), rows, classes)?)?;
    }
    if let Some(embeddings) = &embeddings {
        pool = pool.with_embeddings(embeddings.view()?)?;
    }
    measure(task, &pool, &truth, start.elapsed().as_secs_f64())
}

fn grow(task: &Task, shape: &Shape) -> Result<(), Box<dyn Error>> {
    let truth = shape.truth();
    let observed = shape.observed(&truth);
    let model = task.needs(Input::Model)?.then(|| shape.probabilities(&truth));
    let embeddings = task.needs(Input::Embeddings)?.then(|| shape.embeddings(&truth));
    let start = Instant::now();
    let mut pool = Pool::new(&observed)?;
    if let Some(model) = &model {
        pool = pool.with_model(Predictions::probabilities(model, shape.rows, shape.classes)?)?;
    }
    if let Some(embeddings) = &embeddings {
        let embeddings = MatrixView::new(embeddings, shape.rows, shape.dimension)?;
        pool = pool.with_embeddings(embeddings)?;
    }
    measure(task, &pool, &truth, start.elapsed().as_secs_f64())
}

/// A line for every strategy on every device.
fn measure(
    task: &Task,
    pool: &Pool<'_>,
    truth: &[ClassId],
    load_seconds: f64,
) -> Result<(), Box<dyn Error>> {
    let mut out = task.picks.as_ref().map(std::fs::File::create).transpose()?;
    for strategy in task.strategies()? {
        for name in &task.device {
            let device = open_device(name)?;
            let pool = pool.clone().with_device(&*device);
            let picks = measure_one(strategy.as_ref(), &pool, task.budget, truth, load_seconds)?;
            if let Some(out) = &mut out {
                picks.iter().try_for_each(|pick| writeln!(out, "{} {}", pick.row, pick.score))?;
            }
        }
    }
    Ok(())
}

fn measure_one(
    strategy: &dyn Acquisition,
    pool: &Pool<'_>,
    budget: usize,
    truth: &[ClassId],
    load_seconds: f64,
) -> Result<Vec<Pick>, Box<dyn Error>> {
    let start = Instant::now();
    let picks = select(strategy, pool, budget, truth)?;
    let select_seconds = start.elapsed().as_secs_f64();
    let rows: Vec<u8> = picks.iter().flat_map(|pick| (pick.row as u64).to_le_bytes()).collect();
    let line = Line {
        strategy: strategy.name(),
        device: pool.device().name(),
        rows: pool.rows(),
        labelled: pool.rows() - pool.candidates().len(),
        classes: pool.model().map(|model| model.classes()),
        dimension: pool.embeddings().map(|embeddings| embeddings.columns()),
        budget: picks.len(),
        threads: rayon::current_num_threads(),
        load_seconds,
        select_seconds,
        peak_memory_bytes: memory::peak(),
        picks: Digest::of(rows).short(),
    };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&line)?)?;
    Ok(picks)
}
