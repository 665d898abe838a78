use std::collections::HashMap;

use alfm_core::ClassId;
use alfm_kernels::draw::{self, Remaining, Uniform};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cuts::{Line, Question};
use super::ledger::Ledger;
use super::lines::Lines;
use crate::options::{HasOptions, Opt};
use crate::{AcquireError, Acquisition, Input, Interactive, Needs, Pick, Request, Session};

/// Which line the next question of [`Galaxy`] is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LineSchedule {
    /// One class after the other, from class 0.
    #[default]
    RoundRobin,
    /// A class drawn uniformly for each question.
    Random,
}

/// GALAXY: bisection on one graph a class (Zhang, Katz-Samuels & Nowak, ICML 2022, arXiv 2202.01402).
///
/// The line of class `k` holds the whole pool by descending `p_k - max_j p_j`, then `p_k`. A cut is a pair
/// of consecutive labelled rows of which one is of class `k`. Each question takes a line and asks
/// 1. in the shortest cut (the leftmost on ties) the askable row nearest to its middle,
/// 2. without an askable row in any cut, the askable row nearest to a cut, on either side,
/// 3. without a cut, any candidate, uniformly.
///
/// Distances are in positions, ties go to the lower one. The score is the reciprocal of the cut's length in
/// case 1, of the distance to the cut in case 2, and 0 in case 3. Two classes share one line, that of
/// class 0. Rows that wait for an answer are neither askable nor labelled, so that several questions at once,
/// and a whole batch without answers, spread out from the middle of the cut. Noisy answers make cuts too,
/// and GALAXY asks there as well; [`Direct`](crate::Direct) does not.
///
/// `O(K N log N + b K log N)` time, `4.5 K N + 20 N` bytes, and `4 K N` for the softmax of logits.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Galaxy {
    /// Which line the next question is for.
    pub schedule: LineSchedule,
}

impl HasOptions for Galaxy {
    const OPTIONS: &'static [Opt] = &[Opt::new(
        "schedule",
        "which class's line the next question is for: one after the other, or drawn uniformly",
        "round-robin or random",
    )];
}

impl Acquisition for Galaxy {
    fn name(&self) -> &str {
        "galaxy"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model])
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        Ok(self.begin(request)?.ask(request.budget))
    }

    fn interactive(&self) -> Option<&dyn Interactive> {
        Some(self)
    }
}

impl Interactive for Galaxy {
    fn begin<'a>(&self, request: &Request<'a>) -> Result<Box<dyn Session + 'a>, AcquireError> {
        let random = draw::uniform(&request.seed);
        Ok(Box::new(Search::new(*self, request, random)?))
    }
}

struct Search<'a, R> {
    schedule: LineSchedule,
    lines: Lines<'a>,
    searches: Vec<Line>,
    ledger: Ledger,
    candidates: &'a [usize],
    /// Positions in `candidates`, for the questions that no line has an opinion on.
    remaining: Remaining,
    /// Where the rows that wait for an answer stand, a position a line.
    waiting: HashMap<usize, Vec<usize>>,
    asked: usize,
    budget: usize,
    random: R,
}

impl<'a, R: Uniform> Search<'a, R> {
    fn new(galaxy: Galaxy, request: &Request<'a>, random: R) -> Result<Self, AcquireError> {
        let lines = Lines::new(request.model()?);
        let ledger = Ledger::new(request.pool, lines.classes());
        let count = if lines.classes() == 2 { 1 } else { lines.classes() };
        let searches =
            (0..count).into_par_iter().map(|class| Line::new(&lines, class, &ledger)).collect();
        let candidates = request.candidates();
        Ok(Self {
            schedule: galaxy.schedule,
            lines,
            searches,
            ledger,
            candidates,
            remaining: Remaining::new(candidates.len()),
            waiting: HashMap::new(),
            asked: 0,
            budget: request.budget,
            random,
        })
    }

    fn next(&mut self) -> Option<Pick> {
        let count = self.searches.len();
        let turn = match self.schedule {
            LineSchedule::RoundRobin => self.asked % count,
            LineSchedule::Random => draw::position(self.random.uniform(), count),
        };
        let question = self.searches[turn].question();
        let pick = match question {
            Some(Question { row, order }) => {
                let at = self.candidates.binary_search(&row).ok()?;
                self.remaining.remove(at);
                Pick { row, score: 1.0 / order as f64 }
            }
            None => {
                let at = self.remaining.draw(&mut self.random)?;
                Pick { row: self.candidates[at], score: 0.0 }
            }
        };
        self.asked += 1;
        self.ledger.ask(pick.row);
        let ask = |search: &mut Line| search.ask(&self.lines, pick.row);
        self.waiting.insert(pick.row, self.searches.iter_mut().map(ask).collect());
        Some(pick)
    }
}

impl<R: Uniform + Send> Session for Search<'_, R> {
    fn ask(&mut self, at_most: usize) -> Vec<Pick> {
        let count = at_most.min(self.budget - self.asked);
        (0..count).map_while(|_| self.next()).collect()
    }

    fn tell(&mut self, row: usize, class: ClassId) -> Result<(), AcquireError> {
        self.ledger.tell(row, class)?;
        let positions = self.waiting.remove(&row).unwrap_or_default();
        for (search, position) in self.searches.iter_mut().zip(positions) {
            search.tell(position, class.index());
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "galaxy_tests.rs"]
mod tests;
