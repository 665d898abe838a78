use burn::prelude::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use super::Cpu;
use super::kernels::Kernels;
use crate::Error;
use crate::weights::Weights;

/// Vectors of a vocabulary, in parts where a backend's tensors may not be as long as all of them.
pub(crate) struct Table<B: Backend = Cpu> {
    /// Of equally many rows, but for the last.
    parts: Vec<Tensor<B, 2>>,
}

impl<B: Kernels> Table<B> {
    /// Takes the tensor `name`, `[rows, width]`.
    pub(crate) fn load(
        weights: &mut Weights<'_, B>,
        name: &str,
        shape: [usize; 2],
    ) -> Result<Self, Error> {
        let rows = (B::LONGEST / shape[1]).max(1);
        Ok(Self { parts: weights.take_in_parts(name, shape, rows)? })
    }

    /// Rows of the table, in this order.
    pub(crate) fn select(&self, rows: Vec<i32>) -> Tensor<B, 2> {
        match &self.parts[..] {
            [whole] => select(whole, rows),
            parts => gather(parts, &rows),
        }
    }
}

impl Table {
    /// All of it, which on the processor is one tensor: shared, not copied.
    pub(crate) fn whole(&self) -> Tensor<Cpu, 2> {
        self.parts[0].clone()
    }
}

/// From each part what lies there, then all of it in the order that was asked for.
fn gather<B: Backend>(parts: &[Tensor<B, 2>], rows: &[i32]) -> Tensor<B, 2> {
    let size = parts[0].dims()[0] as i32;
    let mut places = vec![0; rows.len()];
    let (mut found, mut next) = (Vec::new(), 0);
    for (part, first) in parts.iter().zip((0..).step_by(size as usize)) {
        let mut inside = Vec::new();
        for (place, row) in places.iter_mut().zip(rows) {
            if (first..first + size).contains(row) {
                *place = next;
                next += 1;
                inside.push(row - first);
            }
        }
        if !inside.is_empty() {
            found.push(select(part, inside));
        }
    }
    select(&Tensor::cat(found, 0), places)
}

/// Rows of a tensor, in this order.
pub(crate) fn select<B: Backend>(table: &Tensor<B, 2>, rows: Vec<i32>) -> Tensor<B, 2> {
    let count = rows.len();
    let rows: Tensor<B, 1, Int> =
        Tensor::from_data(TensorData::new(rows, [count]), &Default::default());
    table.clone().select(0, rows)
}

#[cfg(test)]
mod tests {
    use safetensors::Dtype;
    use safetensors::tensor::{TensorView, serialize};

    use super::*;
    use crate::layers::floats;
    use crate::weights::bytes_of;

    #[test]
    fn a_table_in_parts_gives_the_rows_that_were_asked_for() {
        let numbers = bytes_of(&[0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5]);
        let view = TensorView::new(Dtype::F32, vec![5, 2], &numbers).unwrap();
        let file = serialize([("words", view)], None).unwrap();
        let mut weights = Weights::<Cpu>::open("table".as_ref(), &file, "", None).unwrap();
        let parts = weights.take_in_parts("words", [5, 2], 2).unwrap();
        assert_eq!(parts.iter().map(|part| part.dims()[0]).collect::<Vec<_>>(), [2, 2, 1]);
        let values = |rows: &[i32]| floats(gather(&parts, rows).into_data());
        assert_eq!(values(&[4, 0, 3, 0]), [4.0, 4.5, 0.0, 0.5, 3.0, 3.5, 0.0, 0.5]);
        assert_eq!(values(&[2]), [2.0, 2.5]);
    }
}
