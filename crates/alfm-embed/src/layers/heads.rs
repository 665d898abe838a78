use std::ops::Range;

use burn::tensor::{Tensor, TensorData};

use super::{Cpu, Group};

/// Moves between one row a token and one block a head. Burn's own permutation goes element by
/// element; a head's part of a row is contiguous and is moved at once.
pub(super) struct Heads<'a> {
    pub(super) count: usize,
    pub(super) width: usize,
    pub(super) group: &'a Group,
}

impl Heads<'_> {
    /// Query (0), key (1) or value (2) out of `[tokens, 3 width]`:
    /// `[sequences, heads, length, width / heads]`.
    pub(super) fn split(&self, projected: &[f32], part: usize) -> Tensor<Cpu, 4> {
        let Group { count, length, .. } = *self.group;
        let mut values = Vec::with_capacity(count * length * self.width);
        self.for_each(|row, columns| {
            let start = row * 3 * self.width + part * self.width;
            values.extend_from_slice(&projected[start..start + self.width][columns]);
        });
        let shape = [count, self.count, length, self.width / self.count];
        Tensor::from_data(TensorData::new(values, shape), &Default::default())
    }

    /// The way back, into the group's rows of `[tokens, width]`.
    pub(super) fn merge(&self, blocks: &[f32], rows: &mut [f32]) {
        let mut blocks = blocks.chunks_exact(self.width / self.count);
        self.for_each(|row, columns| {
            let target = &mut rows[row * self.width..(row + 1) * self.width][columns];
            target.copy_from_slice(blocks.next().expect("as many blocks as `for_each` visits"));
        });
    }

    /// Visits (row, columns) in the order of the blocks: sequence, head, position.
    fn for_each(&self, mut visit: impl FnMut(usize, Range<usize>)) {
        let size = self.width / self.count;
        for sequence in 0..self.group.count {
            let first = self.group.start + sequence * self.group.length;
            for head in 0..self.count {
                for row in first..first + self.group.length {
                    visit(row, head * size..(head + 1) * size);
                }
            }
        }
    }
}
