//! One file a command.

mod data;
mod embed;
mod llm;
mod prior;
mod run;
mod select;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use alfm_data::Hub;
use clap::CommandFactory;

use crate::args::{Args, Command};
use crate::failure::Failure;

/// What every command may need.
pub(crate) struct Context {
    pub hub: Hub,
    pub json: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let hub = Hub::from_env()?;
    let offline = args.offline || hub.offline();
    let context = Context { hub: hub.with_offline(offline), json: args.json };
    match &args.command {
        Command::Demo(demo) => run::demo(demo, &context),
        Command::Data { command } => data::run(command, &context),
        Command::Embed(embed) => embed::run(embed, &context),
        Command::Prior(prior) => prior::run(prior, &context),
        Command::Select(select) => select::run(select, &context),
        Command::Run(run) => run::run(run, &context),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Args::command(), "alfm", &mut std::io::stdout());
            Ok(())
        }
    }
}

/// Set by Ctrl-C.
fn stop_on_signal() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let on_signal = Arc::clone(&stop);
    ctrlc::set_handler(move || on_signal.store(true, Ordering::Relaxed))?;
    Ok(stop)
}

fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|source| Failure::Read { path: path.into(), source })
}
