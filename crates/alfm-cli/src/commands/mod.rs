//! One file a command.

mod answers;
mod data;
#[cfg(feature = "models")]
mod embed;
#[cfg(feature = "llm")]
mod llm;
mod prior;
mod run;
mod select;

use alfm_core::Error;
use alfm_data::Hub;
#[cfg(any(feature = "llm", feature = "models"))]
use alfm_data::read_text;
use clap::CommandFactory;

use crate::args::{Args, Command};
use crate::interrupt;

/// What every command may need.
pub(crate) struct Context {
    pub hub: Hub,
    pub json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    interrupt::listen()?;
    alfm_lab::experiment::start_threads()?;
    let hub = Hub::from_env()?;
    let offline = args.offline || hub.offline();
    let context = Context { hub: hub.with_offline(offline), json: args.json };
    match &args.command {
        Command::Demo(demo) => run::demo(demo, &context),
        Command::Data { command } => data::run(command, &context),
        #[cfg(feature = "models")]
        Command::Embed(embed) => embed::run(embed, &context),
        #[cfg(not(feature = "models"))]
        Command::Embed(_) => Err(crate::features::missing("`alfm embed`", "models")),
        Command::Prior(prior) => prior::run(prior, &context),
        Command::Select(select) => select::run(select, &context),
        Command::Run(run) => run::run(run, &context),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Args::command(), "alfm", &mut std::io::stdout());
            Ok(())
        }
    }
}
