//! Both experts' joint word on a pool, row by row.

use std::ops::Range;

use alfm_core::{Error, Predictions};
use alfm_kernels::device::Device;
use alfm_kernels::{CoDecision, Joint, Rows};
use rayon::prelude::*;

/// Rows that are decided together: 28 MB of decisions.
const BLOCK: usize = 1 << 20;

/// What both experts say of every row of a pool.
///
/// The decisions of a pool of one block are held. Those of a larger one would take 28 bytes a row: they are made anew, a
/// block at a time, whenever they are read.
pub(crate) enum Decisions<'a> {
    Held(Vec<CoDecision>),
    Anew(Experts<'a>),
}

/// What decisions are made from.
pub(crate) struct Experts<'a> {
    prior: Predictions<'a>,
    model: Predictions<'a>,
    joint: Joint,
    device: &'a dyn Device,
}

impl<'a> Decisions<'a> {
    /// Decisions that are held as far as they are few.
    pub(crate) fn new(
        prior: Predictions<'a>,
        model: Predictions<'a>,
        joint: Joint,
        device: &'a dyn Device,
    ) -> Result<Self, Error> {
        if prior.rows() > BLOCK && prior.rows() == model.rows() {
            return Ok(Self::Anew(Experts { prior, model, joint, device }));
        }
        Ok(Self::Held(device.co_decide(prior, model, joint)?))
    }

    /// Calls `see` with every block of rows and its decisions, in order.
    pub(crate) fn each_block(
        &self,
        mut see: impl FnMut(Range<usize>, &[CoDecision]),
    ) -> Result<(), Error> {
        let Experts { prior, model, joint, device } = match self {
            Self::Held(rows) => {
                see(0..rows.len(), rows);
                return Ok(());
            }
            Self::Anew(experts) => experts,
        };
        for start in (0..prior.rows()).step_by(BLOCK) {
            let rows = start..prior.rows().min(start + BLOCK);
            let decided =
                device.co_decide(prior.part(rows.clone()), model.part(rows.clone()), *joint)?;
            see(rows, &decided);
        }
        Ok(())
    }

    /// What is seen of some rows, which ascend: a list, or lists of the parts of a tuple.
    pub(crate) fn of<T: Send, C: Default + ParallelExtend<T>>(
        &self,
        rows: impl Rows,
        see: impl Fn(&CoDecision) -> T + Sync,
    ) -> Result<C, Error> {
        let (mut seen, mut first) = (C::default(), 0);
        self.each_block(|block, decided| {
            let end = before(rows, block.end);
            let of = |at: usize| see(&decided[rows.at(at) - block.start]);
            seen.par_extend((first..end).into_par_iter().map(of));
            first = end;
        })?;
        Ok(seen)
    }
}

/// How many of some rows, which ascend, lie before a row.
fn before(rows: impl Rows, row: usize) -> usize {
    let (mut low, mut high) = (0, rows.count());
    while low < high {
        let middle = usize::midpoint(low, high);
        if rows.at(middle) < row {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use alfm_kernels::device::Cpu;

    use super::*;

    /// A pool of a block and some rows more has the decisions that it has when they are all held.
    #[test]
    fn decisions_that_are_made_anew_are_those_that_are_held() {
        let rows = BLOCK + 17;
        let expert = |step: usize| -> Vec<f32> {
            let first = |row| (row * step % 101) as f32 / 101.0;
            (0..rows).flat_map(|row| [first(row), 1.0 - first(row)]).collect()
        };
        let (prior, model) = (expert(7), expert(13));
        let prior = Predictions::probabilities(&prior, rows, 2).unwrap();
        let model = Predictions::probabilities(&model, rows, 2).unwrap();
        let anew = Decisions::new(prior, model, Joint::Product, &Cpu).unwrap();
        assert!(matches!(anew, Decisions::Anew(_)));
        let all = Cpu.co_decide(prior, model, Joint::Product).unwrap();
        let held = Decisions::Held(all.clone());
        for decisions in [anew, held] {
            let some = [0, 3, BLOCK as u32 - 1, BLOCK as u32, rows as u32 - 1];
            let seen: Vec<CoDecision> = decisions.of(&some[..], |row| *row).unwrap();
            assert_eq!(seen, some.map(|row| all[row as usize]));
            let mut first = 0;
            let blocks = decisions.each_block(|block, decided| {
                assert_eq!((block.start, decided), (first, &all[block.clone()]));
                first = block.end;
            });
            blocks.unwrap();
            assert_eq!(first, rows);
        }
    }
}
