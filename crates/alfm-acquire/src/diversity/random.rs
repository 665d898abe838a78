use crate::{AcquireError, Acquisition, Needs, Pick, Request};
use alfm_kernels::draw::{self, Remaining, Uniform};

/// Uniform sampling without replacement: the baseline that every strategy must beat.
///
/// `O(N + b log N)` time, `O(N)` memory. The score of every pick is 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Acquisition for Random {
    fn name(&self) -> &str {
        "random"
    }

    fn needs(&self) -> Needs {
        Needs::NONE
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        Ok(sample(request.candidates(), request.budget, &mut draw::uniform(&request.seed)))
    }
}

fn sample(candidates: &[usize], budget: usize, random: &mut impl Uniform) -> Vec<Pick> {
    let mut remaining = Remaining::new(candidates.len());
    std::iter::from_fn(|| remaining.draw(random))
        .take(budget)
        .map(|at| Pick { row: candidates[at], score: 1.0 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Lists shrink in order: U = (2, 5, 7, 8), u = .6, .1 gives 7, 2.
    #[test]
    fn worked_example() {
        let picks = sample(&[2, 5, 7, 8], 2, &mut draw::scripted(&[0.6, 0.1]));
        assert_eq!(picks.iter().map(|pick| pick.row).collect::<Vec<_>>(), [7, 2]);
    }
}
