use burn::tensor::{Tensor, TensorData};

use crate::layers::floats;
use crate::layers::kernels::Kernels;

/// A square table of positions `[from x from, width]` for images of `to`'s height and width.
pub(super) fn fitted<B: Kernels>(table: Tensor<B, 2>, from: usize, to: [usize; 2]) -> Tensor<B, 2> {
    if to == [from, from] {
        return table;
    }
    let (device, target) = (Default::default(), to[0] * to[1]);
    if B::ad_enabled(&device) {
        // The same as a product, that gradients pass through.
        let map = TensorData::new(stretching(from, to), [target, from * from]);
        return B::map(Tensor::from_data(map, &device), table, None);
    }
    let width = table.dims()[1];
    let stretched = stretched(&floats(table.into_data()), width, from, to);
    Tensor::from_data(TensorData::new(stretched, [target, width]), &device)
}

/// A square table of positions `[from x from, width]` stretched to `to`'s height and width, as the
/// reference does it: bicubic with a = -0.75, pixel centres half a step in, edges repeated, no
/// antialiasing.
fn stretched(table: &[f32], width: usize, from: usize, to: [usize; 2]) -> Vec<f32> {
    let [rows, columns] = to.map(|size| (0..size).map(|at| Taps::at(at, from, size)).collect());
    let (rows, columns): (Vec<Taps>, Vec<Taps>) = (rows, columns);
    let mut values = Vec::with_capacity(rows.len() * columns.len() * width);
    for row in &rows {
        for column in &columns {
            for channel in 0..width {
                let mut sum = 0.0;
                for (y, wy) in row.taps() {
                    for (x, wx) in column.taps() {
                        sum += wy * wx * f64::from(table[(y * from + x) * width + channel]);
                    }
                }
                values.push(sum as f32);
            }
        }
    }
    values
}

/// The same as a matrix, `[to's height x to's width, from x from]`.
fn stretching(from: usize, to: [usize; 2]) -> Vec<f32> {
    let patches = from * from;
    let columns: Vec<Vec<f32>> = (0..patches)
        .map(|patch| {
            let unit: Vec<f32> = (0..patches).map(|at| f32::from(u8::from(at == patch))).collect();
            stretched(&unit, 1, from, to)
        })
        .collect();
    (0..to[0] * to[1]).flat_map(|row| columns.iter().map(move |column| column[row])).collect()
}

/// The four source positions that one target position is made of, and their weights.
struct Taps {
    positions: [usize; 4],
    weights: [f64; 4],
}

impl Taps {
    fn at(target: usize, from: usize, to: usize) -> Self {
        let centre = (target as f64 + 0.5) * from as f64 / to as f64 - 0.5;
        let offset = centre - centre.floor();
        let first = centre.floor() as isize - 1;
        let position = |tap: isize| (first + tap).clamp(0, from as isize - 1) as usize;
        Self {
            positions: [0, 1, 2, 3].map(position),
            weights: [1.0 + offset, offset, 1.0 - offset, 2.0 - offset].map(cubic),
        }
    }

    fn taps(&self) -> impl Iterator<Item = (usize, f64)> {
        self.positions.into_iter().zip(self.weights)
    }
}

/// Keys' cubic convolution kernel at a distance from 0 to 2, a = -0.75.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.75;
    if x <= 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else {
        A * (((x - 5.0) * x + 8.0) * x - 4.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `torch.nn.functional.interpolate(..., mode="bicubic", align_corners=False)` of torch 2.15.
    #[test]
    fn tables_are_stretched_as_torch_does_it() {
        let square = [0.0, 1.0, 2.0, 4.0];
        let expected = [
            -0.252_881_6,
            0.282_986_2,
            0.818_853_6,
            0.869_791_9,
            1.75,
            2.630_208_3,
            1.992_465,
            3.217_013_8,
            4.441_562_7,
        ];
        close(&stretched(&square, 1, 2, [3, 3]), &expected);
        let powers: Vec<f32> = (0..16u8).map(|i| f32::from(i).powf(1.5)).collect();
        let expected = [
            0.815_696_84,
            1.599_712_7,
            3.093_447,
            5.177_963_3,
            6.951_993_5,
            14.051_378,
            16.638_287,
            20.206_583,
            24.010_332,
            26.991_783,
            38.789_38,
            42.251_106,
            46.957_058,
            51.857_666,
            55.645_546,
        ];
        close(&stretched(&powers, 1, 4, [3, 5]), &expected);
    }

    fn close(got: &[f32], expected: &[f32]) {
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5 * expected.abs().max(1.0), "{got}: {expected}");
        }
    }

    #[test]
    fn the_same_size_is_the_same_table() {
        let table = [0.25, -1.0, 3.0, 0.125];
        assert_eq!(stretched(&table, 1, 2, [2, 2]), table);
    }
}
