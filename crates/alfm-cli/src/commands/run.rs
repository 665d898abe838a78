use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use alfm_core::Error;
use alfm_kernels::device::{Cpu, Device};
use alfm_lab::demo as bundled;
use alfm_lab::experiment::{
    Embedder, ExperimentConfig, Schedule, Seeds, forget_runs, prepare, run_all,
};
use alfm_lab::record::{FinishedRun, RunRecord};
use alfm_report::results::write_results;
use alfm_report::summary::{Metric, groups};
use alfm_report::versus::savings_table;
use comfy_table::{Table, TableStyle};
use serde_json::json;

use super::Context;
use crate::args::{DemoArgs, RunArgs};
use crate::interrupt;
use crate::output::{Progress, lines, result, say};

pub(crate) fn demo(args: &DemoArgs, context: &Context) -> Result<(), Error> {
    let mut config = bundled::config()?;
    config.seeds = Seeds::Range { from: 0, count: args.seeds };
    config.check()?;
    let mut embedder = bundled::BundledEmbeddings::load()?;
    let simulation = Simulation {
        title: "Support inbox",
        config: &config,
        device: Arc::new(Cpu),
        out: &args.out,
        resume: false,
    };
    simulation.execute(&mut embedder, context)
}

#[cfg(not(feature = "models"))]
pub(crate) fn run(_: &RunArgs, _: &Context) -> Result<(), Error> {
    Err(crate::features::missing("`alfm run`, whose items an encoder embeds,", "models"))
}

#[cfg(feature = "models")]
pub(crate) fn run(args: &RunArgs, context: &Context) -> Result<(), Error> {
    use alfm_kernels::device::open_device;
    use alfm_models::{Backend, LazyEncoder};

    let device = Arc::from(open_device(&args.device)?);
    let config = ExperimentConfig::from_toml(&super::read_text(&args.config)?)
        .map_err(|error| error.in_file(&args.config))?;
    let ExperimentConfig { encoder, .. } = &config;
    let mut embedder =
        LazyEncoder::new(&encoder.model, encoder.image_size, &context.hub, &args.cache)
            .with_device(Backend::find(&args.device)?)
            .with_watch(crate::output::watch());
    let title = args.config.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let simulation =
        Simulation { title: &title, config: &config, device, out: &args.out, resume: args.resume };
    match args.jobs {
        None => simulation.execute(&mut embedder, context),
        Some(jobs) => {
            let pool = alfm_lab::experiment::threads(jobs)?;
            pool.install(|| simulation.execute(&mut embedder, context))
        }
    }
}

/// An experiment, where it runs and where its results go.
struct Simulation<'a> {
    title: &'a str,
    config: &'a ExperimentConfig,
    device: Arc<dyn Device>,
    out: &'a Path,
    resume: bool,
}

impl Simulation<'_> {
    fn execute(
        &self,
        embedder: &mut (dyn Embedder + Send),
        context: &Context,
    ) -> Result<(), Error> {
        let Self { title, config, out, resume, .. } = *self;
        let device = Arc::clone(&self.device);
        let folder = out.join("runs");
        let tasks = prepare(config, &context.hub, embedder)?;
        let warnings: BTreeSet<&String> = tasks.iter().flat_map(|task| &task.warnings).collect();
        warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
        // Not before: a configuration that cannot be run costs no earlier result.
        if !resume {
            forget_runs(&folder)?;
        }
        let bar = Progress::new("runs");
        let progress = |done: usize, total: usize| bar.show(done, total);
        let schedule =
            Schedule { folder: &folder, stop: interrupt::stop(), device, progress: &progress };
        let runs = run_all(config, &tasks, &schedule);
        bar.finish();
        let runs = runs?;
        write_results(out, title, config, &runs)?;
        say(&format!("results in {}", out.display()));
        summarise(&runs, out, context.json)
    }
}

/// The savings table on the test set, a setting at a time.
fn summarise(runs: &[FinishedRun], out: &Path, as_json: bool) -> Result<(), Error> {
    let records: Vec<RunRecord> = runs.iter().map(|run| run.record.clone()).collect();
    let mut values = Vec::new();
    for group in groups(&records) {
        let setting = group.setting;
        let mut table = Table::new();
        table.load_style(TableStyle::new());
        table.set_header([
            "strategy",
            "against",
            "at accuracy",
            "labels",
            "theirs",
            "saved",
            "95 %",
        ]);
        for versus in savings_table(&group, Metric::Test)? {
            let best = versus.at_their_best();
            let interval = best.interval.map_or(String::new(), |interval| interval.to_string());
            table.add_row([
                versus.ours.clone(),
                versus.theirs.clone(),
                format!("{:.1} %", 100.0 * best.level),
                best.ours.to_string(),
                best.theirs.to_string(),
                best.saving.to_string(),
                interval,
            ]);
            values.push(json!({
                "setting": setting,
                "strategy": versus.ours,
                "against": versus.theirs,
                "level": best.level,
                "saving": best.saving.claimed(),
            }));
        }
        if !as_json {
            let prior = 100.0 * group.data.prior.accuracy;
            lines(&format!(
                "{}, {}, noise {}: prior {} ({prior:.1} % right)\n{}\n{table}",
                setting.dataset,
                setting.imbalance,
                setting.noise,
                setting.prior,
                accuracies(&group)?,
            ))?;
        }
    }
    if as_json { result(&json!({ "folder": out, "savings": values })) } else { Ok(()) }
}

/// Mean balanced test accuracy of each strategy after each round.
fn accuracies(group: &alfm_report::summary::Group<'_>) -> Result<String, Error> {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    for (at, strategy) in group.strategies.iter().enumerate() {
        let curve = alfm_lab::savings::Curve::mean(&strategy.curves(Metric::Test)?)?;
        if at == 0 {
            let labels = curve.labels().iter().map(|labels| labels.to_string());
            table.set_header(std::iter::once("labels".to_owned()).chain(labels));
        }
        let values = curve.values().iter().map(|value| format!("{:.1}", 100.0 * value));
        table.add_row(std::iter::once(strategy.name.to_owned()).chain(values));
    }
    Ok(table.to_string())
}
