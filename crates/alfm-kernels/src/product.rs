//! Inner products in `f64`, one pair at a time or in tiles of pairs whose sums stay in registers.
//!
//! Eight partial sums, added in a fixed order: the same bits on every instruction set. The product of two
//! `f32` is exact in `f64` (48 of 53 bits), so a fused multiply-add rounds as a product and a sum do, and is
//! used where the processor has one.

use multiversion::multiversion;
use multiversion::target::match_target;

type Lanes = [f64; 8];

/// `<a, b>`.
///
/// A squared norm is summed the same way, so that a point is at distance 0 from its duplicates.
#[multiversion(targets("x86_64+avx512f+fma", "x86_64+avx2+fma", "aarch64+neon"))]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    match_target! {
        "x86_64+fma" => tile::<1, 1, true>(&[a], &[b])[0][0],
        "aarch64+neon" => tile::<1, 1, true>(&[a], &[b])[0][0],
        _ => tile::<1, 1, false>(&[a], &[b])[0][0],
    }
}

/// `out[i * centres.len() + c] = <points_i, centres_c>`, each with the very bits that [`dot`] gives.
///
/// Cheapest where both lists are long and the centres fit the second-level cache together.
///
/// # Panics
/// If `out` does not hold one product a pair, or a centre is shorter than a point: a fault of the caller, not of
/// its data.
#[multiversion(targets("x86_64+avx512f+fma", "x86_64+avx2+fma", "aarch64+neon"))]
pub fn dots(points: &[&[f32]], centres: &[&[f32]], out: &mut [f64]) {
    assert_eq!(out.len(), points.len() * centres.len(), "one product a pair");
    // As many sums as there are registers: 16 of eight lanes, or 4 of twice four.
    match_target! {
        "x86_64+avx512f+fma" => in_tiles::<4, true>(points, centres, out),
        "x86_64+avx2+fma" => in_tiles::<2, true>(points, centres, out),
        "aarch64+neon" => in_tiles::<2, true>(points, centres, out),
        _ => in_tiles::<2, false>(points, centres, out),
    }
}

/// Tiles of `T x T` pairs; what is left over at either edge goes row by row.
///
/// Plain loops here and below: a closure would not inherit the instruction set of the caller.
#[inline(always)]
fn in_tiles<const T: usize, const FUSED: bool>(
    points: &[&[f32]],
    centres: &[&[f32]],
    out: &mut [f64],
) {
    let width = centres.len();
    let (point_tiles, point_rest) = points.as_chunks::<T>();
    let (centre_tiles, centre_rest) = centres.as_chunks::<T>();
    let (top, bottom) = out.split_at_mut(point_tiles.len() * T * width);
    for (number, points) in point_tiles.iter().enumerate() {
        let out = &mut top[number * T * width..][..T * width];
        for (number, centres) in centre_tiles.iter().enumerate() {
            store(&tile::<T, T, FUSED>(points, centres), out, width, number * T);
        }
        for (number, centre) in centre_rest.iter().enumerate() {
            let at = centre_tiles.len() * T + number;
            store(&tile::<T, 1, FUSED>(points, &[centre]), out, width, at);
        }
    }
    for (number, point) in point_rest.iter().enumerate() {
        let out = &mut bottom[number * width..][..width];
        for (number, centres) in centre_tiles.iter().enumerate() {
            store(&tile::<1, T, FUSED>(&[point], centres), out, width, number * T);
        }
        for (number, centre) in centre_rest.iter().enumerate() {
            let at = centre_tiles.len() * T + number;
            store(&tile::<1, 1, FUSED>(&[point], &[centre]), out, width, at);
        }
    }
}

#[inline(always)]
fn store<const P: usize, const C: usize>(
    tile: &[[f64; C]; P],
    out: &mut [f64],
    width: usize,
    column: usize,
) {
    for i in 0..P {
        out[i * width + column..][..C].copy_from_slice(&tile[i]);
    }
}

/// All products of `P` points and `C` centres.
#[inline(always)]
fn tile<const P: usize, const C: usize, const FUSED: bool>(
    points: &[&[f32]; P],
    centres: &[&[f32]; C],
) -> [[f64; C]; P] {
    let columns = points[0].len();
    let chunks = columns / 8;
    let mut point_chunks: [&[[f32; 8]]; P] = [&[]; P];
    let mut centre_chunks: [&[[f32; 8]]; C] = [&[]; C];
    for i in 0..P {
        point_chunks[i] = &points[i].as_chunks().0[..chunks];
    }
    for c in 0..C {
        centre_chunks[c] = &centres[c].as_chunks().0[..chunks];
    }
    let mut sums = [[[0.0; 8]; C]; P];
    for k in 0..chunks {
        let mut wide = [[0.0; 8]; C];
        for c in 0..C {
            wide[c] = widen(&centre_chunks[c][k]);
        }
        for i in 0..P {
            let point = widen(&point_chunks[i][k]);
            for c in 0..C {
                add_product::<FUSED>(&mut sums[i][c], &point, &wide[c]);
            }
        }
    }
    // Through memory: a compiler that sees the loop and the order of these last additions together
    // arranges the loop's registers for the additions, at a third of the speed.
    let mut products = totals(&std::hint::black_box(sums));
    for i in 0..P {
        for c in 0..C {
            let x = &points[i][chunks * 8..columns];
            let y = &centres[c][chunks * 8..columns];
            products[i][c] += rest(x, y);
        }
    }
    products
}

#[inline(always)]
fn widen(values: &[f32; 8]) -> Lanes {
    let mut wide = [0.0; 8];
    for lane in 0..8 {
        wide[lane] = f64::from(values[lane]);
    }
    wide
}

#[inline(always)]
fn add_product<const FUSED: bool>(sums: &mut Lanes, x: &Lanes, y: &Lanes) {
    for lane in 0..8 {
        sums[lane] = if FUSED {
            x[lane].mul_add(y[lane], sums[lane])
        } else {
            sums[lane] + x[lane] * y[lane]
        };
    }
}

/// The sum of every eight lanes, halves onto halves.
#[inline(always)]
fn totals<const P: usize, const C: usize>(sums: &[[Lanes; C]; P]) -> [[f64; C]; P] {
    let mut totals = [[0.0; C]; P];
    for i in 0..P {
        for c in 0..C {
            let s = &sums[i][c];
            let quarters = [s[0] + s[4], s[1] + s[5], s[2] + s[6], s[3] + s[7]];
            totals[i][c] = (quarters[0] + quarters[2]) + (quarters[1] + quarters[3]);
        }
    }
    totals
}

#[inline(always)]
fn rest(x: &[f32], y: &[f32]) -> f64 {
    let mut sum = 0.0;
    for at in 0..x.len() {
        sum += f64::from(x[at]) * f64::from(y[at]);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tail_of_a_row_counts() {
        let x: Vec<f32> = (1..=11).map(|i| i as f32).collect();
        assert_eq!(dot(&x, &x), 506.0);
        assert_eq!(dot(&[], &[]), 0.0);
    }

    fn bits(values: &[f64]) -> Vec<u64> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    proptest! {
        /// Every path of every instruction set: tiles, both edges, tails, subnormal and huge values.
        #[test]
        fn tiles_give_the_bits_of_single_products(
            (points, centres, width) in (0usize..11, 0usize..11, 0usize..37),
            values in prop::collection::vec(
                prop_oneof![-2.0f32..2.0, prop::num::f32::NORMAL, prop::num::f32::SUBNORMAL],
                22 * 37,
            ),
        ) {
            let rows: Vec<&[f32]> = (0..22).map(|row| &values[row * 37..][..width]).collect();
            let points = &rows[..points];
            let centres = &rows[11..11 + centres];
            let mut single = Vec::new();
            let mut portable = Vec::new();
            for point in points {
                for centre in centres {
                    single.push(dot(point, centre));
                    portable.push(tile::<1, 1, false>(&[point], &[centre])[0][0]);
                }
            }
            let mut tiled = vec![0.0; single.len()];
            dots(points, centres, &mut tiled);
            prop_assert_eq!(bits(&tiled), bits(&single));
            prop_assert_eq!(bits(&portable), bits(&single), "fused and unfused differ");
            for out in [in_tiles::<2, false>, in_tiles::<2, true>, in_tiles::<4, false>] {
                out(points, centres, &mut tiled);
                prop_assert_eq!(bits(&tiled), bits(&single));
            }
        }
    }
}
