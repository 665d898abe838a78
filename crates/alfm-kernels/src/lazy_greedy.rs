//! Greedy maximisation of monotone submodular objectives: `1 - 1/e` of the optimum.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use rayon::prelude::*;

use crate::draw::{Uniform, position};

/// A set function of which a set is being built, element by element.
///
/// Monotone and submodular: a gain is never negative and never grows as the set does. Rounding may break
/// that in the last bits, which moves near-ties only.
pub trait Submodular: Sync {
    /// `f(A + element) - f(A)`.
    fn gain(&self, element: usize) -> f64;

    /// Adds an element to `A`.
    fn add(&mut self, element: usize);
}

/// A gain that was exact when `set` elements were chosen; an upper bound ever since.
#[derive(PartialEq)]
struct Bound {
    gain: f64,
    element: usize,
    set: usize,
}

impl Eq for Bound {}

impl Ord for Bound {
    /// The larger gain is the greater, on ties the lower element: a stale bound that ties with an exact gain
    /// is looked at again before a higher element is taken.
    fn cmp(&self, other: &Self) -> Ordering {
        let by = |bound: &Self| Reverse(bound.element);
        self.gain.total_cmp(&other.gain).then_with(|| by(self).cmp(&by(other)))
    }
}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Up to `budget` of the elements `0..elements`, each with its gain when it was chosen (Minoux 1978).
///
/// Picks what the plain greedy rule picks, ties to the lowest element, but re-evaluates only the elements
/// whose stale gain is on top of a heap. Ends early where no element gains anything.
pub fn lazy_greedy(
    objective: &mut impl Submodular,
    elements: usize,
    budget: usize,
) -> Vec<(usize, f64)> {
    let shared = &*objective;
    let bounds: Vec<Bound> = (0..elements)
        .into_par_iter()
        .map(|element| Bound { gain: shared.gain(element), element, set: 0 })
        .collect();
    let mut heap = BinaryHeap::from(bounds);
    let mut chosen = Vec::with_capacity(budget);
    while chosen.len() < budget {
        let Some(top) = heap.pop() else { break };
        if top.set < chosen.len() {
            let gain = objective.gain(top.element);
            heap.push(Bound { gain, set: chosen.len(), ..top });
        } else if top.gain > 0.0 {
            objective.add(top.element);
            chosen.push((top.element, top.gain));
        } else {
            break;
        }
    }
    chosen
}

/// As [`lazy_greedy`], but each step looks at `sample` random elements only and takes the best of them, which
/// may gain nothing (Mirzasoleiman et al. 2015, arXiv 1409.7938).
pub fn stochastic_greedy(
    objective: &mut impl Submodular,
    elements: usize,
    budget: usize,
    sample: usize,
    random: &mut impl Uniform,
) -> Vec<(usize, f64)> {
    let mut left: Vec<usize> = (0..elements).collect();
    let mut chosen = Vec::with_capacity(budget);
    while chosen.len() < budget.min(elements) {
        let size = sample.clamp(1, left.len());
        for at in 0..size {
            let other = at + position(random.uniform(), left.len() - at);
            left.swap(at, other);
        }
        let shared = &*objective;
        let gains: Vec<f64> = left[..size].par_iter().map(|x| shared.gain(*x)).collect();
        let better = |a: &usize, b: &usize| {
            gains[*a].total_cmp(&gains[*b]).then_with(|| left[*b].cmp(&left[*a]))
        };
        let Some(at) = (0..size).max_by(better) else { break };
        let element = left.swap_remove(at);
        objective.add(element);
        chosen.push((element, gains[at]));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::draw::scripted;

    /// How many items some sets cover.
    struct Coverage {
        sets: Vec<Vec<usize>>,
        covered: Vec<bool>,
    }

    impl Coverage {
        fn new(sets: Vec<Vec<usize>>) -> Self {
            Self { sets, covered: vec![false; 12] }
        }
    }

    impl Submodular for Coverage {
        fn gain(&self, element: usize) -> f64 {
            let mut new: Vec<usize> = self.sets[element].clone();
            new.sort_unstable();
            new.dedup();
            new.iter().filter(|item| !self.covered[**item]).count() as f64
        }

        fn add(&mut self, element: usize) {
            for item in self.sets[element].clone() {
                self.covered[item] = true;
            }
        }
    }

    fn plain_greedy(mut objective: Coverage, budget: usize) -> Vec<(usize, f64)> {
        let mut chosen = Vec::new();
        for _ in 0..budget {
            let gains: Vec<f64> =
                (0..objective.sets.len()).map(|element| objective.gain(element)).collect();
            let best = (0..gains.len()).rev().max_by(|a, b| gains[*a].total_cmp(&gains[*b]));
            let Some(best) = best.filter(|best| gains[*best] > 0.0) else { break };
            objective.add(best);
            chosen.push((best, gains[best]));
        }
        chosen
    }

    proptest! {
        #[test]
        fn lazy_is_plain_greedy(
            sets in prop::collection::vec(prop::collection::vec(0usize..12, 0..6), 0..15),
            budget in 0usize..16,
        ) {
            let expected = plain_greedy(Coverage::new(sets.clone()), budget);
            let elements = sets.len();
            let lazy = lazy_greedy(&mut Coverage::new(sets.clone()), elements, budget);
            prop_assert_eq!(&lazy, &expected);
            // A sample of everything is the plain rule, as long as something is gained.
            let all = stochastic_greedy(&mut Coverage::new(sets), elements, budget, 99, &mut || 0.5);
            prop_assert_eq!(all.len(), budget.min(elements));
            prop_assert_eq!(&all[..expected.len()], &expected);
        }
    }

    #[test]
    fn a_sample_of_one_is_a_random_choice() {
        let sets = vec![vec![0], vec![1, 2, 3], vec![4, 5]];
        let mut random = scripted(&[0.9, 0.0, 0.0]);
        let chosen = stochastic_greedy(&mut Coverage::new(sets), 3, 3, 1, &mut random);
        assert_eq!(chosen.len(), 3);
        assert_eq!(chosen[0], (2, 2.0));
    }
}
