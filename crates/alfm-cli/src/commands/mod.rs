//! One file a command.

mod data;
mod embed;
mod prior;
mod run;
mod select;

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
