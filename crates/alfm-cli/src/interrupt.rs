//! Ctrl-C: what runs is told to stop, and given a second; a second Ctrl-C ends the program at once.
//!
//! Every file is whole or not there, so that an end at any moment loses nothing that was finished.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use alfm_core::{Error, ErrorKind};

use crate::output::say;

/// Time for a tidy end: a round that is under way, or what is waited for, may take longer.
const GRACE: Duration = Duration::from_millis(900);

static STOP: AtomicBool = AtomicBool::new(false);

/// Whether somebody wants it to end.
pub(crate) fn stop() -> &'static AtomicBool {
    &STOP
}

/// Listens for Ctrl-C, and for what else asks a program to end, from now on.
pub(crate) fn listen() -> Result<(), Error> {
    let handle = || {
        if STOP.swap(true, Ordering::Relaxed) {
            end();
        }
        // Without a thread to wait with there is no time to give.
        let waiting = thread::Builder::new().spawn(|| {
            thread::sleep(GRACE);
            end();
        });
        if waiting.is_err() {
            end();
        }
    };
    ctrlc::set_handler(handle)
        .map_err(|source| Error::new(ErrorKind::System, "Ctrl-C cannot be handled").because(source))
}

fn end() -> ! {
    say("stopped; what was finished is kept");
    process::exit(1);
}
