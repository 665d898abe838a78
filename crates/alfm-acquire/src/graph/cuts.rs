//! The search of GALAXY on one line: bisect the cuts, then ask around them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::ledger::{Ledger, State};
use super::lines::Lines;
use super::positions::Positions;

/// A question of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) row: usize,
    /// The length of the cut that it bisects, or how far it is from the nearest cut.
    pub(super) order: usize,
}

/// A line with its labels, seen as the class or not the class.
///
/// A cut is a pair of consecutive labelled positions of opposite sign. It is open while a row between them
/// may be asked. Both heaps delete lazily: what they hold was true when it went in, and is checked against
/// the sets when it comes out. `4 N` bytes for the order, `N / 2` for the sets.
pub(super) struct Line {
    class: usize,
    order: Vec<u32>,
    askable: Positions,
    labelled: Positions,
    positive: Positions,
    /// Left ends of the cuts that are not open.
    closed: Positions,
    /// Open cuts: length, left end.
    gaps: BinaryHeap<Reverse<(usize, usize)>>,
    /// Askable positions next to closed cuts: distance, position.
    around: BinaryHeap<Reverse<(usize, usize)>>,
}

impl Line {
    pub(super) fn new(lines: &Lines<'_>, class: usize, ledger: &Ledger) -> Self {
        let order = lines.order(class);
        let states = || order.iter().map(|row| ledger.state(*row));
        let positive = |state| matches!(state, State::Labelled(label) if label.index() == class);
        let mut line = Self {
            class,
            askable: Positions::new(states().map(|state| state == State::Askable)),
            labelled: Positions::new(states().map(|state| matches!(state, State::Labelled(_)))),
            positive: Positions::new(states().map(positive)),
            closed: Positions::new(states().map(|_| false)),
            gaps: BinaryHeap::new(),
            around: BinaryHeap::new(),
            order,
        };
        let mut next = Some(0).filter(|first| line.labelled.contains(*first));
        next = next.or_else(|| line.labelled.after(0));
        while let Some(left) = next {
            line.admit(left);
            next = line.labelled.after(left);
        }
        line
    }

    /// What to ask next; `None` if there is no cut with an askable row in it or beside it.
    pub(super) fn question(&mut self) -> Option<Question> {
        let (position, order) = self.bisect().or_else(|| self.expand())?;
        Some(Question { row: self.order[position] as usize, order })
    }

    /// Row `row` is asked, here or on another line; returns where it stands on this one.
    pub(super) fn ask(&mut self, lines: &Lines<'_>, row: usize) -> usize {
        let position = lines.position(self.class, &self.order, row as u32);
        self.askable.remove(position);
        if let Some(left) = self.labelled.before(position) {
            let right = self.cut_from(left).filter(|right| !self.is_open(left, *right));
            if let Some(right) = right {
                self.close(left, right);
            }
        }
        // Those who were farther from a cut than this position, on its far side.
        self.offer(self.askable.before(position));
        self.offer(self.askable.after(position));
        position
    }

    /// The oracle says of which class the row at `position` is, which was asked.
    pub(super) fn tell(&mut self, position: usize, class: usize) {
        self.labelled.insert(position);
        if class == self.class {
            self.positive.insert(position);
        }
        if let Some(left) = self.labelled.before(position) {
            self.closed.remove(left);
            self.admit(left);
        }
        self.admit(position);
    }

    /// The middle of the shortest open cut, the leftmost on ties; where it cannot be asked, next to it.
    fn bisect(&mut self) -> Option<(usize, usize)> {
        while let Some(Reverse((length, left))) = self.gaps.peek().copied() {
            let right = left + length;
            if self.cut_from(left) == Some(right) && self.is_open(left, right) {
                return self.askable.nearest(left + length / 2).map(|middle| (middle, length));
            }
            self.gaps.pop();
        }
        None
    }

    /// The askable position nearest to a closed cut, the lower one on ties.
    fn expand(&mut self) -> Option<(usize, usize)> {
        while let Some(Reverse((distance, position))) = self.around.peek().copied() {
            let askable = self.askable.contains(position).then_some(position);
            let now = askable.and_then(|position| self.distance(position));
            if now == Some(distance) {
                return Some((position, distance));
            }
            self.around.pop();
            // A late answer may narrow the cut that this position was near to, and another one is then the
            // nearest: no other event would bring the position back.
            self.around.extend(now.map(|now| Reverse((now, position))));
        }
        None
    }

    /// Files the cut that begins at labelled position `left`, if one does.
    fn admit(&mut self, left: usize) {
        match self.cut_from(left) {
            Some(right) if self.is_open(left, right) => {
                self.gaps.push(Reverse((right - left, left)));
            }
            Some(right) => self.close(left, right),
            None => {}
        }
    }

    fn close(&mut self, left: usize, right: usize) {
        self.closed.insert(left);
        self.offer(self.askable.before(left));
        self.offer(self.askable.after(right));
    }

    fn offer(&mut self, position: Option<usize>) {
        if let Some((position, distance)) =
            position.and_then(|position| Some((position, self.distance(position)?)))
        {
            self.around.push(Reverse((distance, position)));
        }
    }

    /// The right end of the cut that begins at labelled position `left`.
    fn cut_from(&self, left: usize) -> Option<usize> {
        let right = self.labelled.after(left)?;
        (self.positive.contains(left) != self.positive.contains(right)).then_some(right)
    }

    fn is_open(&self, left: usize, right: usize) -> bool {
        self.askable.after(left).is_some_and(|inside| inside < right)
    }

    /// How far askable position `position` is from the nearest closed cut.
    fn distance(&self, position: usize) -> Option<usize> {
        let above = self.closed.after(position).map(|left| left - position);
        let below = self.closed.before(position).and_then(|left| self.labelled.after(left));
        let below = below.map(|right| position - right);
        above.into_iter().chain(below).min()
    }

    /// Entries of both heaps.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.gaps.len() + self.around.len()
    }
}
