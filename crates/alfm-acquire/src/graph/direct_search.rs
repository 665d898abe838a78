use std::collections::VecDeque;

use alfm_core::ClassId;
use alfm_kernels::draw::{Remaining, Uniform};
use rayon::prelude::*;

use super::direct::{Direct, Shrink, TieBreak};
use super::ledger::{Ledger, State};
use super::lines::Lines;
use super::version_space::{
    Mark, best_window, count_askable, disagreement, outwards, threshold, walk,
};
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
    part: Part,
    /// What is left of the class's share, `B2`.
    share: usize,
    /// The positions of the last round.
    asked: Vec<usize>,
}

/// Phase 2: the classes in their random order, and how many of them have had their share of the budget.
struct Around {
    classes: Vec<usize>,
    done: usize,
    budget: usize,
}

/// A part of a class's line, as the ledger stood when it was drawn.
struct Part {
    class: usize,
    order: Vec<u32>,
    marks: Vec<Mark>,
}

impl Part {
    fn new(class: usize, order: Vec<u32>, ledger: &Ledger) -> Self {
        let marks = order.par_iter().with_min_len(4096);
        let marks = marks.map(|row| mark(class, ledger.state(*row))).collect();
        Self { class, order, marks }
    }

    fn update(&mut self, positions: &[usize], ledger: &Ledger) {
        for position in positions {
            self.marks[*position] = mark(self.class, ledger.state(self.order[*position]));
        }
    }

    /// Drops what is outside two positions, which stay.
    fn cut(&mut self, (left, right): (usize, usize)) {
        self.order.truncate(right + 1);
        self.order.drain(..left);
        self.marks.truncate(right + 1);
        self.marks.drain(..left);
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

    /// The part of a class's line that its labels leave open.
    fn open(&self, class: usize) -> Interval {
        let labelled = self.labelled(class);
        let (left, right) = disagreement(&labelled.marks);
        let row = |at: usize| labelled.order[at];
        let order = self.lines.between(class, left.map(row), right.map(row));
        let part = Part::new(class, order, &self.ledger);
        Interval { part, share: self.share, asked: Vec::new() }
    }

    /// The labelled rows alone, in the order of a class's line.
    fn labelled(&self, class: usize) -> Part {
        let order = self.lines.order_of(class, self.ledger.labelled());
        Part::new(class, order, &self.ledger)
    }

    /// The interval after the answers of a round.
    fn shrink(&mut self, mut interval: Interval) -> Interval {
        let part = &mut interval.part;
        part.update(&interval.asked, &self.ledger);
        let annotators = self.direct.parallel_annotators;
        let rounds = interval.share / annotators;
        let askable = count_askable(&part.marks);
        if rounds >= 2 && askable > 0 {
            let target = target(askable, rounds);
            let ends = match self.direct.shrink {
                Shrink::PointerWalk => walk(&part.marks, target, || self.left_end_moves()),
                Shrink::BestWindow => best_window(&part.marks, target),
            };
            part.cut(ends);
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
        let part = &interval.part;
        let askable: Vec<usize> =
            (0..part.marks.len()).filter(|at| part.marks[*at] == Mark::Askable).collect();
        let count = interval.share.min(self.direct.parallel_annotators);
        let mut remaining = Remaining::new(askable.len());
        interval.asked = std::iter::from_fn(|| remaining.draw(&mut self.random))
            .take(count)
            .map(|at| askable[at])
            .collect();
        if !interval.asked.is_empty() {
            let score = 1.0 / askable.len() as f64;
            self.queue.extend(interval.asked.iter().map(|at| part.pick(*at, score)));
            self.interval = Some(interval);
        }
    }

    /// Queues the share of the next class of phase 2.
    fn ask_around(&mut self) {
        let Some(around) = &mut self.around else { return };
        let turn = around.done;
        let classes = around.classes.len();
        around.done += 1;
        let share = around.budget * (turn + 1) / classes - around.budget * turn / classes;
        if share > 0 {
            let class = around.classes[turn];
            self.queue.extend(self.nearest(class, share));
        }
    }

    /// The askable rows nearest to the threshold that agrees best with the labels.
    fn nearest(&self, class: usize, count: usize) -> Vec<Pick> {
        let labelled = self.labelled(class);
        let last = threshold(&labelled.marks).checked_sub(1).map(|last| labelled.order[last]);
        let mut reach = count;
        loop {
            let (order, threshold) = self.lines.around(class, last, reach);
            let part = Part::new(class, order, &self.ledger);
            let nearest: Vec<Pick> = outwards(&part.marks, threshold)
                .take(count)
                .map(|(at, distance)| part.pick(at, 1.0 / distance as f64))
                .collect();
            if nearest.len() == count || part.order.len() == self.lines.rows() {
                return nearest;
            }
            reach *= 4;
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
