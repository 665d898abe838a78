//! The two channels: results on stdout, everything for people on stderr.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use alfm_core::{Error, ErrorKind};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::failure::no_output;

/// A line for people.
pub(crate) fn say(line: &str) {
    // Nobody is left to tell if stderr is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

/// The result for programs, as one JSON value.
pub(crate) fn result(value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string(value).map_err(|source| {
        Error::new(ErrorKind::System, "the result cannot be written as JSON").because(source)
    })?;
    writeln!(io::stdout(), "{text}").map_err(no_output)
}

/// Lines of text as the result.
pub(crate) fn lines(text: &str) -> Result<(), Error> {
    writeln!(io::stdout(), "{text}").map_err(no_output)
}

/// A bar with rate and time left; plain lines where stderr is no terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    what: &'static str,
    plain: bool,
    shown: std::sync::atomic::AtomicUsize,
}

impl Progress {
    pub(crate) fn new(what: &'static str) -> Self {
        let plain = !io::stderr().is_terminal();
        let bar = if plain { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let template = "{prefix} {wide_bar} {pos}/{len} ({per_sec}, {eta} left)";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, what, plain, shown: 0.into() }
    }

    /// `done` of `total`; a plain line at every tenth.
    pub(crate) fn show(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        let tenth = (done * 10).checked_div(total).unwrap_or(0);
        let before = self.shown.fetch_max(tenth, std::sync::atomic::Ordering::Relaxed);
        if self.plain && tenth > before {
            say(&format!("{}: {done} of {total}", self.what));
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Draws a bar of what a model does, and says what its cache made again.
#[cfg(feature = "models")]
pub(crate) fn watch() -> alfm_models::Watch {
    use std::sync::{Arc, Mutex, PoisonError};

    use alfm_models::Event;

    let bar = Mutex::new(None::<Progress>);
    Arc::new(move |event| {
        let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Progress { what, done, total } => {
                bar.get_or_insert_with(|| Progress::new(what)).show(done, total);
            }
            Event::Done => {
                if let Some(bar) = bar.take() {
                    bar.finish();
                }
            }
            Event::Remade { path, reason } => {
                say(&format!("cache: {} was unusable and made again: {reason}", path.display()));
            }
            _ => {}
        }
    })
}
