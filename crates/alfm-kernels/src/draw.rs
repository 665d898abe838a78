//! Random draws as the inverse of a cumulative sum, so that a test can script the uniform numbers.

use alfm_core::SeedTree;
use rand::RngExt;

use crate::Pick;

/// A source of uniform numbers in `[0, 1)`.
pub trait Uniform {
    /// The next one.
    fn uniform(&mut self) -> f64;
}

impl<F: FnMut() -> f64> Uniform for F {
    fn uniform(&mut self) -> f64 {
        self()
    }
}

/// The uniform numbers of a seed.
pub fn uniform(seed: &SeedTree) -> impl Uniform + Send + use<> {
    let mut rng = seed.rng();
    move || rng.random::<f64>()
}

/// Element `floor(u m)` of a list of length `m`.
pub fn position(u: f64, length: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "u is in [0, 1)")]
    let position = (u * length as f64) as usize;
    position.min(length - 1)
}

/// The smallest `i` with `cumsum(weights)_i > u sum(weights)`; `None` if all weights are zero.
pub fn categorical(weights: &[f64], random: &mut impl Uniform) -> Option<usize> {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let threshold = random.uniform() * total;
    let mut cumulative = 0.0;
    let drawn = weights.iter().position(|weight| {
        cumulative += weight;
        cumulative > threshold
    });
    // The running sum may end a rounding error below `total`.
    drawn.or_else(|| weights.iter().rposition(|weight| *weight > 0.0))
}

/// Standard Gumbel noise `-ln(-ln u)`, finite.
pub fn gumbel(random: &mut impl Uniform) -> f64 {
    let u = random.uniform().max(f64::MIN_POSITIVE);
    -(-u.ln()).ln()
}

/// A list that shrinks as elements are drawn from it; the others keep their order.
///
/// A Fenwick tree over presence: `O(n)` to build, `O(log n)` to draw.
#[derive(Clone, Debug)]
pub struct Remaining {
    tree: Vec<usize>,
    left: usize,
}

impl Remaining {
    /// The list `0, 1, ..., length - 1`.
    pub fn new(length: usize) -> Self {
        let lowest_bit = |node: usize| node & node.wrapping_neg();
        Self { tree: (0..=length).map(lowest_bit).collect(), left: length }
    }

    /// Draws and removes an element, uniformly; `None` once the list is empty.
    pub fn draw(&mut self, random: &mut impl Uniform) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        let mut rank = position(random.uniform(), self.left);
        let mut node = 0;
        let mut step = (self.tree.len() - 1).checked_ilog2().map_or(0, |bits| 1 << bits);
        while step > 0 {
            let next = node + step;
            if next < self.tree.len() && self.tree[next] <= rank {
                rank -= self.tree[next];
                node = next;
            }
            step /= 2;
        }
        self.remove(node);
        Some(node)
    }

    /// Removes element `element`, which must still be there; `O(log n)`.
    pub fn remove(&mut self, element: usize) {
        self.left -= 1;
        let mut node = element + 1;
        while node < self.tree.len() {
            self.tree[node] -= 1;
            node += node & node.wrapping_neg();
        }
    }
}

/// Fills `picks` up to `budget` with candidates drawn uniformly from those not picked; their score is 0.
///
/// `candidates` ascend and hold every pick. `O(N + b log N)` time, `O(N)` memory.
pub fn complete(
    picks: &mut Vec<Pick>,
    candidates: &[usize],
    budget: usize,
    random: &mut impl Uniform,
) {
    if picks.len() >= budget {
        return;
    }
    let mut remaining = Remaining::new(candidates.len());
    for pick in picks.iter() {
        if let Ok(at) = candidates.binary_search(&pick.row) {
            remaining.remove(at);
        }
    }
    let drawn = std::iter::from_fn(|| remaining.draw(random)).take(budget - picks.len());
    picks.extend(drawn.map(|at| Pick { row: candidates[at], score: 0.0 }));
}

/// Uniform numbers that a test has written down.
///
/// # Panics
/// Once they have run out: the code under test draws more than the test expects.
pub fn scripted(numbers: &[f64]) -> impl Uniform + use<> {
    let mut numbers = Vec::from(numbers).into_iter();
    move || numbers.next().expect("a test writes down every number that is drawn")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn categorical_inverts_the_cumulative_sum() {
        let weights = [0.0, 1.0, 0.0, 3.0];
        for (u, expected) in [(0.0, 1), (0.2, 1), (0.25, 3), (0.999, 3)] {
            assert_eq!(categorical(&weights, &mut scripted(&[u])), Some(expected), "u = {u}");
        }
        assert_eq!(categorical(&[0.0; 3], &mut scripted(&[0.5])), None);
    }

    #[test]
    fn gumbel_noise_is_finite_at_both_ends() {
        assert!((gumbel(&mut scripted(&[(-1.0f64).exp()]))).abs() < 1e-15);
        assert!(gumbel(&mut scripted(&[0.0])).is_finite());
        assert!(gumbel(&mut scripted(&[1.0 - f64::EPSILON / 2.0])).is_finite());
    }

    #[test]
    fn a_batch_is_completed_from_what_is_left() {
        let mut picks = vec![Pick { row: 5, score: 2.0 }];
        // Left are 2, 7, 8; u = .4 draws 7, then u = .9 draws 8.
        complete(&mut picks, &[2, 5, 7, 8], 3, &mut scripted(&[0.4, 0.9]));
        assert_eq!(picks.iter().map(|pick| pick.row).collect::<Vec<_>>(), [5, 7, 8]);
        complete(&mut picks, &[2, 5, 7, 8], 2, &mut scripted(&[]));
        assert_eq!(picks.len(), 3);
    }

    proptest! {
        #[test]
        fn remaining_draws_as_a_shrinking_list_does(draws in prop::collection::vec(0.0f64..1.0, 1..40)) {
            let mut list: Vec<usize> = (0..draws.len()).collect();
            let mut remaining = Remaining::new(draws.len());
            for u in draws {
                let expected = list.remove(position(u, list.len()));
                prop_assert_eq!(remaining.draw(&mut scripted(&[u])), Some(expected));
            }
            prop_assert_eq!(remaining.draw(&mut scripted(&[])), None);
        }
    }
}
