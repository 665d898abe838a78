//! The program `alfm`: label a large, imbalanced, noisy pool with few annotations.
//!
//! Text for people and progress go to stderr; with `--json` the result, and nothing else, goes to stdout.
//! Exit codes: 0 done, 1 failed, 2 bad usage or bad input.

mod args;
mod commands;
mod failure;
mod features;
mod interrupt;
mod output;
mod outputs;
mod pool;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match commands::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::say(&format!("error: {}", error.report()));
            failure::code(&error)
        }
    }
}
