//! Strategies that break the contract, each caught by name.

use std::sync::atomic::{AtomicU64, Ordering};

use alfm_acquire::{AcquireError, Acquisition, Needs, Pick, Request};
use alfm_testing::contract;

/// How a strategy goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Repeats,
    PicksLabelled,
    ReturnsTooFew,
    ScoresNan,
    HasMemory,
    CountsThreads,
    HidesItsNeeds,
}

#[derive(Debug)]
struct Broken(Fault, AtomicU64);

impl Acquisition for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    fn needs(&self) -> Needs {
        Needs::NONE
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let calls = self.1.fetch_add(1, Ordering::Relaxed);
        let mut picks: Vec<Pick> =
            request.candidates().iter().map(|row| Pick { row: *row, score: 1.0 }).collect();
        picks.truncate(request.budget);
        match self.0 {
            Fault::Repeats => picks.iter_mut().for_each(|pick| pick.row = request.candidates()[0]),
            Fault::PicksLabelled => {
                let labelled = request.pool.labelled().next();
                labelled.iter().for_each(|(row, _)| picks[0].row = *row);
            }
            Fault::ReturnsTooFew => picks.truncate(3),
            Fault::ScoresNan => picks[0].score = f64::NAN,
            Fault::HasMemory => picks[0].score = calls as f64,
            Fault::CountsThreads => picks[0].score = rayon::current_num_threads() as f64,
            Fault::HidesItsNeeds => drop(request.model()?),
        }
        Ok(picks)
    }
}

/// What the contract says of it.
fn verdict(fault: Fault) -> String {
    let check = || contract::check(&Broken(fault, AtomicU64::new(0)));
    let panic = std::panic::catch_unwind(check).expect_err("the contract is broken");
    panic.downcast_ref::<String>().expect("it says why").clone()
}

#[test]
fn every_fault_is_found_and_named() {
    for (fault, said) in [
        (Fault::Repeats, "repeats a row"),
        (Fault::PicksLabelled, "picks no candidate"),
        (Fault::ReturnsTooFew, "7 alike"),
        (Fault::ScoresNan, "a score is NaN"),
        (Fault::HasMemory, "one thread and three"),
        (Fault::CountsThreads, "one thread and three"),
        (Fault::HidesItsNeeds, "needs more than it names"),
    ] {
        let verdict = verdict(fault);
        assert!(verdict.contains("broken") && verdict.contains(said), "{fault:?}: {verdict}");
    }
}
