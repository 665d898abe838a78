use alfm_kernels::draw::Uniform;
/// Weights of a block.
const BLOCK: usize = 1024;

/// Weights to draw from that change one at a time: `O(N / B + B)` a draw or a change, blocks of `B`.
///
/// A block is summed anew when one of its weights changes, so that no rounding error builds up.
pub(super) struct Weights {
    weights: Vec<f64>,
    sums: Vec<f64>,
}

impl Weights {
    pub(super) fn new(weights: Vec<f64>) -> Self {
        let sums = weights.chunks(BLOCK).map(|block| block.iter().sum()).collect();
        Self { weights, sums }
    }

    pub(super) fn get(&self, at: usize) -> f64 {
        self.weights[at]
    }

    pub(super) fn set(&mut self, at: usize, weight: f64) {
        self.weights[at] = weight;
        let block = at / BLOCK;
        let end = self.weights.len().min((block + 1) * BLOCK);
        self.sums[block] = self.weights[block * BLOCK..end].iter().sum();
    }

    /// All weights, to be changed together.
    pub(super) fn take(&mut self) -> Vec<f64> {
        std::mem::take(&mut self.weights)
    }

    /// The smallest `i` with `cumsum(weights)_i > u sum(weights)`; `None` if all weights are zero.
    pub(super) fn draw(&self, random: &mut impl Uniform) -> Option<usize> {
        let total: f64 = self.sums.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let threshold = random.uniform() * total;
        let mut cumulative = 0.0;
        let block = self.sums.iter().position(|sum| {
            cumulative += sum;
            cumulative > threshold
        });
        // The running sums may end a rounding error below what they are compared with; then the last
        // positive weight is meant.
        let block = block.or_else(|| self.sums.iter().rposition(|sum| *sum > 0.0))?;
        let mut cumulative: f64 = self.sums[..block].iter().sum();
        let weights = &self.weights[block * BLOCK..];
        let weights = &weights[..BLOCK.min(weights.len())];
        let drawn = weights.iter().position(|weight| {
            cumulative += weight;
            cumulative > threshold
        });
        let drawn = drawn.or_else(|| weights.iter().rposition(|weight| *weight > 0.0))?;
        Some(block * BLOCK + drawn)
    }
}

#[cfg(test)]
mod tests {
    use alfm_kernels::draw::{categorical, scripted};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Small integers, whose sums are exact in any order.
        #[test]
        fn draws_as_one_cumulative_sum_does(
            mut weights in prop::collection::vec(prop_oneof![3 => Just(0u8), 1 => 1u8..9], 1..3000),
            changes in prop::collection::vec((0usize..3000, 0u8..9, 0.0f64..1.0), 1..9),
        ) {
            let float = |weights: &[u8]| weights.iter().map(|w| f64::from(*w)).collect::<Vec<_>>();
            let mut blocked = Weights::new(float(&weights));
            for (at, weight, u) in changes {
                let at = at % weights.len();
                weights[at] = weight;
                blocked.set(at, f64::from(weight));
                prop_assert_eq!(blocked.get(at), f64::from(weight));
                let expected = categorical(&float(&weights), &mut scripted(&[u]));
                prop_assert_eq!(blocked.draw(&mut scripted(&[u])), expected);
            }
        }
    }

    #[test]
    fn a_rounding_error_at_the_end_draws_the_last_positive_weight() {
        let weights = Weights::new([0.1; 1030].into_iter().chain([0.0; 5]).collect());
        assert_eq!(weights.draw(&mut scripted(&[1.0 - f64::EPSILON / 2.0])), Some(1029));
    }
}
