/// A square table of positions `[from x from, width]` stretched to `to`'s height and width, as the
/// reference does it: bicubic with a = -0.75, pixel centres half a step in, edges repeated, no
/// antialiasing.
pub(super) fn stretched(table: &[f32], width: usize, from: usize, to: [usize; 2]) -> Vec<f32> {
    if to == [from, from] {
        return table.to_vec();
    }
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

    /// `torch.nn.functional.interpolate` of `[[0, 1], [2, 4]]` to 3 x 3, bicubic, align_corners=False.
    #[test]
    fn two_by_two_to_three_by_three() {
        let got = stretched(&[0.0, 1.0, 2.0, 4.0], 1, 2, [3, 3]);
        let middle = 7.0 / 4.0;
        assert!((got[4] - middle).abs() < 1e-6, "{got:?}");
        assert!((got[0] + got[8] - 4.0).abs() < 0.2 && got[0] < 0.0, "{got:?}");
    }

    #[test]
    fn the_same_size_is_the_same_table() {
        let table = [0.25, -1.0, 3.0, 0.125];
        assert_eq!(stretched(&table, 1, 2, [2, 2]), table);
    }
}
