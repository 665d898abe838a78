//! Pools for the tests of this family, and the slow way to a line.

use alfm_core::{ClassId, Predictions};
use proptest::prelude::*;

use crate::{Pick, Pool, Session};

/// A pool, what the oracle would say of each of its rows, and which rows are candidates.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) classes: usize,
    pub(super) probabilities: Vec<f32>,
    pub(super) observed: Vec<Option<ClassId>>,
    pub(super) answers: Vec<ClassId>,
    pub(super) candidates: Vec<usize>,
}

impl Case {
    /// Two classes; row `i` stands at position `i` of the line of class 0. `+` is class 0.
    pub(super) fn line(signs: &str, labelled: &[usize]) -> Self {
        let rows = signs.len();
        let answers: Vec<ClassId> =
            signs.bytes().map(|sign| ClassId::new(u32::from(sign != b'+'))).collect();
        let first = |row: usize| 1.0 - (row + 1) as f32 / (rows + 2) as f32;
        let mut observed = vec![None; rows];
        for row in labelled {
            observed[*row] = Some(answers[*row]);
        }
        Self {
            classes: 2,
            probabilities: (0..rows).flat_map(|row| [first(row), 1.0 - first(row)]).collect(),
            candidates: (0..rows).filter(|row| observed[*row].is_none()).collect(),
            observed,
            answers,
        }
    }

    pub(super) fn with_pool<T>(&self, act: impl FnOnce(&Pool<'_>) -> T) -> T {
        let rows = self.observed.len();
        let model = Predictions::probabilities(&self.probabilities, rows, self.classes).unwrap();
        let pool = Pool::new(&self.observed).unwrap().with_model(model).unwrap();
        act(&pool.restricted_to(self.candidates.iter().copied()))
    }

    pub(super) fn labels(&self) -> Vec<Option<usize>> {
        self.observed.iter().map(|label| label.map(ClassId::index)).collect()
    }

    pub(super) fn askable(&self) -> Vec<bool> {
        (0..self.observed.len()).map(|row| self.candidates.contains(&row)).collect()
    }

    /// The line of a class: a stable sort by the exact key, and the mirror for the second of two.
    pub(super) fn order(&self, class: usize) -> Vec<usize> {
        if self.classes == 2 && class == 1 {
            return self.order(0).into_iter().rev().collect();
        }
        let key = |row: usize| {
            let row = &self.probabilities[row * self.classes..][..self.classes];
            (row[class] - row.iter().copied().fold(0.0, f32::max), row[class])
        };
        let mut order: Vec<usize> = (0..self.observed.len()).collect();
        order.sort_by(|a, b| key(*b).partial_cmp(&key(*a)).unwrap());
        order
    }

    /// Asks `chunk` rows at a time until nothing more comes; `late` answers come one round later.
    pub(super) fn drive(&self, session: &mut dyn Session, chunk: usize, late: bool) -> Vec<Pick> {
        let mut picks: Vec<Pick> = Vec::new();
        let mut told = 0;
        loop {
            let asked = session.ask(chunk);
            let held_back = if late { asked.len() } else { 0 };
            let done = asked.is_empty() && told == picks.len();
            picks.extend(asked);
            if done {
                return picks;
            }
            for pick in &picks[told..picks.len() - held_back] {
                session.tell(pick.row, self.answers[pick.row]).unwrap();
            }
            told = picks.len() - held_back;
        }
    }
}

/// The same numbers over and over.
pub(super) fn cycle(numbers: &[f64]) -> impl FnMut() -> f64 + Send + use<> {
    let mut numbers = Vec::from(numbers).into_iter().cycle();
    move || numbers.next().unwrap()
}

pub(super) fn rows(picks: &[Pick]) -> Vec<usize> {
    picks.iter().map(|pick| pick.row).collect()
}

/// Small pools with ties, noisy answers, classes without a label and rows that are not to be asked.
pub(super) fn cases() -> impl Strategy<Value = Case> {
    (2usize..5, 1usize..30, 0.0f64..0.6).prop_flat_map(|(classes, length, labelled)| {
        let counts = prop::collection::vec(prop::collection::vec(1u8..8, classes), length);
        let answers = prop::collection::vec(0..classes, length);
        let observed = prop::collection::vec(prop::bool::weighted(labelled), length);
        let candidates = prop::collection::vec(prop::bool::weighted(0.85), length);
        (counts, answers, observed, candidates).prop_map(
            move |(counts, answers, observed, candidates)| {
                let answers: Vec<ClassId> = answers.into_iter().map(ClassId::from_index).collect();
                let normalised = |row: Vec<u8>| {
                    let sum = row.iter().map(|count| f32::from(*count)).sum::<f32>();
                    row.into_iter().map(move |count| f32::from(count) / sum)
                };
                Case {
                    classes,
                    probabilities: counts.into_iter().flat_map(normalised).collect(),
                    observed: (0..length)
                        .map(|row| observed[row].then_some(answers[row]))
                        .collect(),
                    candidates: (0..length)
                        .filter(|row| !observed[*row] && candidates[*row])
                        .collect(),
                    answers,
                }
            },
        )
    })
}
