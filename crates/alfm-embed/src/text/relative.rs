use burn::prelude::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use crate::layers::Cpu;

/// Distance from which on MPNet tells positions apart no more.
const FARTHEST: f32 = 128.0;

/// MPNet's learned bias on attention scores by the distance of two tokens, shared by all layers.
pub(crate) struct RelativeBias<B: Backend = Cpu> {
    /// `[buckets, heads]`.
    table: Tensor<B, 2>,
}

impl<B: Backend> RelativeBias<B> {
    pub(crate) fn new(table: Tensor<B, 2>) -> Self {
        Self { table }
    }

    /// The bias for texts of `length` tokens: `[1, heads, length, length]`.
    pub(crate) fn at(&self, length: usize) -> Tensor<B, 4> {
        let [buckets, heads] = self.table.dims();
        let index: Vec<i32> = (0..length)
            .flat_map(|query| (0..length).map(move |key| bucket(query, key, buckets)))
            .collect();
        let index: Tensor<B, 1, Int> =
            Tensor::from_data(TensorData::new(index, [length * length]), &Default::default());
        self.table
            .clone()
            .select(0, index)
            .reshape([1, length, length, heads])
            .permute([0, 3, 1, 2])
    }
}

/// Bucket of a pair of positions: half for keys behind the query and half for keys after it; in each
/// half, one bucket a distance for near keys, then logarithmically wider ones.
///
/// Raffel et al. 2020 (T5), section 2.1, as MPNet uses it.
fn bucket(query: usize, key: usize, buckets: usize) -> i32 {
    let half = buckets / 2;
    let exact = half / 2;
    let distance = query.abs_diff(key);
    let within = if distance < exact {
        distance
    } else {
        let ratio = (distance as f32 / exact as f32).ln() / (FARTHEST / exact as f32).ln();
        (exact + (ratio * (half - exact) as f32) as usize).min(half - 1)
    };
    (within + if key > query { half } else { 0 }) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_thirty_two() {
        let expected = [
            (0, 0),
            (1, 1),
            (7, 7),
            (8, 8),
            (11, 8),
            (12, 9),
            (16, 10),
            (32, 12),
            (64, 14),
            (90, 14),
            (91, 15),
            (500, 15),
        ];
        for (distance, bucket_behind) in expected {
            assert_eq!(bucket(distance, 0, 32), bucket_behind, "distance {distance}");
            if distance > 0 {
                assert_eq!(bucket(0, distance, 32), bucket_behind + 16, "distance -{distance}");
            }
        }
    }
}
