use std::collections::VecDeque;

use alfm_core::ClassId;
use rayon::prelude::*;

use super::direct::{Direct, Shrink, TieBreak};
use super::ledger::{Ledger, State};
use super::lines::Lines;
use super::version_space::{
    Mark, best_window, count_askable, disagreement, outwards, threshold, walk,
};
use crate::draw::{Remaining, Uniform};
use crate::{AcquireError, Pick, Request, Session};

/// A batch of [`Direct`] in the making.
pub(super) struct Search<'a, R> {
    direct: Direct,
    lines: Lines<'a>,
    ledger: Ledger,
    /// The classes that phase 1 has not come to, the next one last.
    upcoming: Vec<usize>,
    /// What each of them may ask in phase 1, `B2`.
    share: usize,
    interval: Option<Interval>,
    /// Phase 2, once it has begun.
    around: Option<Around>,
    /// Questions that wait for nobody but an annotator.
    queue: VecDeque<Pick>,
    /// What is left of the budget, the queue included.
    left: usize,
    /// Whether phase 1 waits for answers.
    waits: bool,
    left_end_next: bool,
    random: R,
}

/// Phase 1 of one class.
struct Interval {
    line: ClassLine,
    /// Both ends, both included.
    ends: (usize, usize),
    /// What is left of the class's share, `B2`.
    share: usize,
    /// The positions of the last round.
    asked: Vec<usize>,
}

impl Interval {
    fn marks(&self) -> &[Mark] {
        &self.line.marks[self.ends.0..=self.ends.1]
    }
}

/// Phase 2: the classes in their random order, and how many of them have had their share of the budget.
struct Around {
    classes: Vec<usize>,
    done: usize,
    budget: usize,
}

/// The line of one class, as the ledger stood when it was drawn.
struct ClassLine {
    class: usize,
    order: Vec<u32>,
    marks: Vec<Mark>,
}

impl ClassLine {
    fn new(lines: &Lines<'_>, class: usize, ledger: &Ledger) -> Self {
        let order = lines.order(class);
        let marks = order.par_iter().with_min_len(4096);
        let marks = marks.map(|row| mark(class, ledger.state(*row))).collect();
        Self { class, order, marks }
    }

    fn update(&mut self, positions: &[usize], ledger: &Ledger) {
        for position in positions {
            self.marks[*position] = mark(self.class, ledger.state(self.order[*position]));
        }
    }

    fn pick(&self, position: usize, score: f64) -> Pick {
        Pick { row: self.order[position] as usize, score }
    }
}

fn mark(class: usize, state: State) -> Mark {
    match state {
        State::Labelled(label) if label.index() == class => Mark::Positive,
        State::Labelled(_) => Mark::Negative,
        State::Askable => Mark::Askable,
        State::Asked | State::Outside => Mark::Silent,
    }
}

/// `ceil(d / d^(1/R))`: after `R` rounds of it about one is left.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and d")]
fn target(askable: usize, rounds: usize) -> usize {
    let askable = askable as f64;
    (askable / askable.powf(1.0 / rounds as f64)).ceil() as usize
}

impl<'a, R: Uniform> Search<'a, R> {
    pub(super) fn new(
        direct: Direct,
        request: &Request<'a>,
        random: R,
    ) -> Result<Self, AcquireError> {
        let lines = Lines::new(request.model()?);
        let mut labels = vec![0; lines.classes()];
        for (_, class) in request.pool.labelled() {
            if let Some(count) = labels.get_mut(class.index()) {
                *count += 1;
            }
        }
        let (classes, share) = direct.shares(&labels, request.budget);
        Ok(Self {
            direct,
            ledger: Ledger::new(request.pool, lines.classes()),
            lines,
            upcoming: if share == 0 { Vec::new() } else { classes.into_iter().rev().collect() },
            share,
            interval: None,
            around: None,
            queue: VecDeque::new(),
            left: request.budget,
            waits: true,
            left_end_next: true,
            random,
        })
    }

    /// The same batch, all of it asked before the first answer.
    pub(super) fn without_answers(self) -> Self {
        Self { waits: false, ..self }
    }

    /// Fills the queue, unless an answer has to come first or everything is asked.
    fn refill(&mut self) {
        while self.queue.is_empty() && self.left > 0 {
            if self.around.is_some() {
                self.ask_around();
            } else if self.waits && !self.ledger.is_settled() {
                return;
            } else {
                self.narrow();
            }
        }
    }

    /// The next round of phase 1, or the turn to phase 2.
    fn narrow(&mut self) {
        let interval = match self.interval.take() {
            Some(interval) => self.shrink(interval),
            None => match self.upcoming.pop() {
                Some(class) => self.open(class),
                None => {
                    let mut classes = Remaining::new(self.lines.classes());
                    let classes = std::iter::from_fn(|| classes.draw(&mut self.random)).collect();
                    self.around = Some(Around { classes, done: 0, budget: self.left });
                    return;
                }
            },
        };
        self.draw_round(interval);
    }

    fn open(&self, class: usize) -> Interval {
        let line = ClassLine::new(&self.lines, class, &self.ledger);
        let ends = disagreement(&line.marks);
        Interval { line, ends, share: self.share, asked: Vec::new() }
    }

    /// The interval after the answers of a round.
    fn shrink(&mut self, mut interval: Interval) -> Interval {
        interval.line.update(&interval.asked, &self.ledger);
        let annotators = self.direct.parallel_annotators;
        let (rounds, askable) = (interval.share / annotators, count_askable(interval.marks()));
        if rounds >= 2 && askable > 0 {
            let target = target(askable, rounds);
            let (left, right) = match self.direct.shrink {
                Shrink::PointerWalk => walk(interval.marks(), target, || self.left_end_moves()),
                Shrink::BestWindow => best_window(interval.marks(), target),
            };
            interval.ends = (interval.ends.0 + left, interval.ends.0 + right);
        }
        interval.share = interval.share.saturating_sub(annotators);
        interval
    }

    fn left_end_moves(&mut self) -> bool {
        match self.direct.ties {
            TieBreak::Coin => self.random.uniform() < 0.5,
            TieBreak::Alternate => {
                self.left_end_next = !self.left_end_next;
                !self.left_end_next
            }
        }
    }

    /// Queues a round of questions, uniform over the interval; drops the class if there is none to ask.
    fn draw_round(&mut self, mut interval: Interval) {
        let askable: Vec<usize> = (interval.ends.0..=interval.ends.1)
            .filter(|position| interval.line.marks[*position] == Mark::Askable)
            .collect();
        let count = interval.share.min(self.direct.parallel_annotators);
        let mut remaining = Remaining::new(askable.len());
        interval.asked = std::iter::from_fn(|| remaining.draw(&mut self.random))
            .take(count)
            .map(|at| askable[at])
            .collect();
        if !interval.asked.is_empty() {
            let score = 1.0 / askable.len() as f64;
            self.queue.extend(interval.asked.iter().map(|at| interval.line.pick(*at, score)));
            self.interval = Some(interval);
        }
    }

    /// Queues the share of the next class of phase 2.
    fn ask_around(&mut self) {
        let Some(around) = &mut self.around else { return };
        let (turn, classes) = (around.done, around.classes.len());
        around.done += 1;
        let share = around.budget * (turn + 1) / classes - around.budget * turn / classes;
        if share > 0 {
            let line = ClassLine::new(&self.lines, around.classes[turn], &self.ledger);
            let nearest = outwards(&line.marks, threshold(&line.marks)).take(share);
            self.queue.extend(nearest.map(|(at, distance)| line.pick(at, 1.0 / distance as f64)));
        }
    }
}

impl<R: Uniform + Send> Session for Search<'_, R> {
    fn ask(&mut self, at_most: usize) -> Vec<Pick> {
        let mut picks = Vec::new();
        while picks.len() < at_most {
            self.refill();
            let Some(pick) = self.queue.pop_front() else { break };
            self.ledger.ask(pick.row);
            self.left -= 1;
            picks.push(pick);
        }
        picks
    }

    fn tell(&mut self, row: usize, class: ClassId) -> Result<(), AcquireError> {
        self.ledger.tell(row, class)
    }
}
