//! Limited-memory BFGS with a bisecting weak Wolfe search.
//!
//! Nocedal and Wright, "Numerical Optimization" (2006), algorithm 7.4, for the direction; Lewis and
//! Overton, "Nonsmooth optimization via quasi-Newton methods" (2013), algorithm 2.6, for the step: it
//! needs no smoothness, so that it also serves ReLU networks.
//!
//! Written here because a library's optimiser asks for value and gradient apart, which doubles the products
//! with the embeddings, and gives up with an error, not with its best point, where single precision ends.

use std::collections::VecDeque;

use crate::learner::Stop;

/// Pairs of step and gradient change that shape the direction.
const MEMORY: usize = 10;
/// Armijo constant: the least share of the promised decrease.
const DECREASE: f64 = 1e-4;
/// Wolfe constant: the most of the slope that may remain.
const CURVATURE: f64 = 0.9;
/// Relative rounding of a value whose terms are computed in single precision.
const ROUNDING: f64 = 1e-6;
/// Evaluations in one search: enough to halve a unit step below single precision.
const MAX_TRIALS: usize = 30;

/// A function to minimise.
pub(crate) trait Objective {
    /// The value at `point`; writes the gradient.
    fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> f64;
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Largest number of steps.
    pub(crate) iterations: usize,
    /// Gradient norm, relative to its norm at the start, that counts as zero.
    pub(crate) tolerance: f64,
}

/// Where the search ended.
#[derive(Debug)]
pub(crate) struct Minimum {
    pub(crate) point: Vec<f64>,
    pub(crate) start_value: f64,
    pub(crate) value: f64,
    pub(crate) gradient_ratio: f64,
    pub(crate) iterations: usize,
    pub(crate) evaluations: usize,
    pub(crate) stop: Stop,
}

/// A point with its value and gradient.
#[derive(Clone)]
struct State {
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    /// The lowest value on the way here: rounding may hide a rise once, never a climb.
    lowest: f64,
}

/// One accepted step `s`, its gradient change `y` and `1 / (s . y)`.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

/// Minimises from `start`: `O(dimension)` time a step beside the evaluations, `O(dimension)` memory.
pub(crate) fn minimise(objective: &mut dyn Objective, start: Vec<f64>, limits: Limits) -> Minimum {
    let mut gradient = vec![0.0; start.len()];
    let start_value = objective.evaluate(&start, &mut gradient);
    let mut now = State { point: start, value: start_value, gradient, lowest: start_value };
    let start_norm = norm(&now.gradient);
    let target = limits.tolerance * start_norm;
    let mut pairs = VecDeque::with_capacity(MEMORY);
    let (mut iterations, mut evaluations) = (0, 1);
    let stop = loop {
        if norm(&now.gradient) <= target {
            break Stop::Tolerance;
        }
        if iterations == limits.iterations {
            break Stop::IterationLimit;
        }
        let direction = direction(&now.gradient, &pairs);
        let Some(next) = search(objective, &now, &direction, pairs.is_empty(), &mut evaluations)
        else {
            if pairs.is_empty() {
                break Stop::Precision;
            }
            // The curvature may be stale: only steepest descent can say that nothing is left.
            pairs.clear();
            continue;
        };
        remember(&mut pairs, &now, &next);
        now = next;
        iterations += 1;
    };
    let gradient_ratio = if start_norm == 0.0 { 0.0 } else { norm(&now.gradient) / start_norm };
    let State { point, value, .. } = now;
    Minimum { point, start_value, value, gradient_ratio, iterations, evaluations, stop }
}

/// `-H g`, by the two loops; `-g` without pairs.
fn direction(gradient: &[f64], pairs: &VecDeque<Pair>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let share = pair.inverse * dot(&pair.step, &direction);
        add(&mut direction, -share, &pair.change);
        shares.push(share);
    }
    if let Some(last) = pairs.back() {
        let scale = 1.0 / (last.inverse * dot(&last.change, &last.change));
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for (pair, share) in pairs.iter().zip(shares.into_iter().rev()) {
        let rest = share - pair.inverse * dot(&pair.change, &direction);
        add(&mut direction, rest, &pair.step);
    }
    direction
}

/// A step that meets the weak Wolfe conditions, or the last that lowered the value enough; else `None`.
fn search(
    objective: &mut dyn Objective,
    from: &State,
    direction: &[f64],
    first: bool,
    evaluations: &mut usize,
) -> Option<State> {
    let slope = dot(&from.gradient, direction);
    if slope >= 0.0 {
        return None;
    }
    let (mut low, mut high) = (0.0, f64::INFINITY);
    // Without curvature, a step of unit length is the only scale there is.
    let mut length = if first { 1.0 / norm(direction) } else { 1.0 };
    let mut best = None;
    let mut trial = from.clone();
    for _ in 0..MAX_TRIALS {
        trial.point.copy_from_slice(&from.point);
        add(&mut trial.point, length, direction);
        trial.value = objective.evaluate(&trial.point, &mut trial.gradient);
        *evaluations += 1;
        let ahead = dot(&trial.gradient, direction);
        if !accepts(from, trial.value, length, slope, ahead) {
            high = length;
        } else if ahead < CURVATURE * slope {
            low = length;
            trial.lowest = from.lowest.min(trial.value);
            best = Some(trial.clone());
        } else {
            trial.lowest = from.lowest.min(trial.value);
            return Some(trial);
        }
        length = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * length };
    }
    best
}

/// Whether a step lowers the value enough; a value that overflowed to NaN never does.
///
/// Close to the minimum the decrease drowns in the rounding of the value long before the slopes do: there the
/// slope ahead decides, as in Hager and Zhang, "A new conjugate gradient method with guaranteed descent
/// and an efficient line search" (2005), equation 4.1.
fn accepts(from: &State, value: f64, length: f64, slope: f64, ahead: f64) -> bool {
    let lowered = value <= from.value + DECREASE * length * slope;
    let level = value <= from.lowest + ROUNDING * from.lowest.abs();
    lowered || level && ahead <= (2.0 * DECREASE - 1.0) * slope
}

/// Keeps a step whose curvature is positive beyond rounding.
fn remember(pairs: &mut VecDeque<Pair>, from: &State, to: &State) {
    let step = difference(&to.point, &from.point);
    let change = difference(&to.gradient, &from.gradient);
    let curvature = dot(&step, &change);
    if curvature <= 1e-12 * norm(&step) * norm(&change) {
        return;
    }
    if pairs.len() == MEMORY {
        pairs.pop_front();
    }
    pairs.push_back(Pair { step, change, inverse: 1.0 / curvature });
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// `to += scale * what`.
fn add(to: &mut [f64], scale: f64, what: &[f64]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += scale * what;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Function<F>(F);

    impl<F: Fn(&[f64], &mut [f64]) -> f64> Objective for Function<F> {
        fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> f64 {
            (self.0)(point, gradient)
        }
    }

    const LIMITS: Limits = Limits { iterations: 200, tolerance: 1e-10 };

    fn run(f: impl Fn(&[f64], &mut [f64]) -> f64, start: &[f64], limits: Limits) -> Minimum {
        minimise(&mut Function(f), start.to_vec(), limits)
    }

    fn rosenbrock(at: &[f64], gradient: &mut [f64]) -> f64 {
        let (a, b) = (1.0 - at[0], at[1] - at[0] * at[0]);
        gradient.copy_from_slice(&[-2.0 * a - 400.0 * at[0] * b, 200.0 * b]);
        a * a + 100.0 * b * b
    }

    #[test]
    fn rosenbrock_ends_at_one_one() {
        let found = run(rosenbrock, &[-1.2, 1.0], LIMITS);
        assert_eq!(found.stop, Stop::Tolerance);
        assert!((found.start_value - 24.2).abs() < 1e-12);
        assert!(found.point.iter().all(|x| (x - 1.0).abs() < 1e-8), "{:?}", found.point);
        assert!(found.iterations < 60, "{}", found.iterations);
    }

    #[test]
    fn a_quadratic_of_condition_1e4_is_solved() {
        let f = |at: &[f64], gradient: &mut [f64]| {
            let curvature = |i: usize| 10f64.powi(i as i32);
            for (i, slope) in gradient.iter_mut().enumerate() {
                *slope = curvature(i) * (at[i] - i as f64);
            }
            (0..5).map(|i| 0.5 * curvature(i) * (at[i] - i as f64).powi(2)).sum()
        };
        let found = run(f, &[7.0; 5], LIMITS);
        assert_eq!(found.stop, Stop::Tolerance);
        for (i, x) in found.point.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-5, "{:?}", found.point);
        }
    }

    /// `1 + |x - 1| + 2 |y|` has no gradient at its minimum: the tolerance is out of reach, the minimum is not.
    #[test]
    fn a_kink_is_found() {
        let f = |at: &[f64], gradient: &mut [f64]| {
            gradient.copy_from_slice(&[(at[0] - 1.0).signum(), 2.0 * at[1].signum()]);
            1.0 + (at[0] - 1.0).abs() + 2.0 * at[1].abs()
        };
        let found = run(f, &[3.3, -2.7], LIMITS);
        assert_ne!(found.stop, Stop::Tolerance);
        assert!(found.value < 1.0 + 1e-5, "{}", found.value);
    }

    /// A value that rises where its gradient promises a fall: nothing beyond rounding may be given away.
    #[test]
    fn a_gradient_that_lies_ends_with_precision() {
        let f = |at: &[f64], gradient: &mut [f64]| {
            gradient.fill(-1.0);
            1.0 + at[0]
        };
        let found = run(f, &[0.0], LIMITS);
        assert_eq!(found.stop, Stop::Precision);
        assert!(found.value <= 1.0 + ROUNDING, "{}", found.value);
    }

    #[test]
    fn a_value_that_overflows_shortens_the_step() {
        let f = |at: &[f64], gradient: &mut [f64]| {
            gradient[0] = 1.0 - 1.0 / at[0];
            // NaN left of 0, as a step of length 1 from 0.9 along a steep slope may find.
            at[0] - at[0].ln()
        };
        let found = run(f, &[0.01], LIMITS);
        assert!((found.point[0] - 1.0).abs() < 1e-8, "{:?}", found.point);
    }

    #[test]
    fn a_flat_start_needs_no_step() {
        let found = run(
            |_, gradient| {
                gradient.fill(0.0);
                1.0
            },
            &[5.0],
            LIMITS,
        );
        assert_eq!((found.iterations, found.stop, found.gradient_ratio), (0, Stop::Tolerance, 0.0));
    }

    #[test]
    fn the_iteration_limit_is_kept() {
        let found = run(rosenbrock, &[-1.2, 1.0], Limits { iterations: 3, ..LIMITS });
        assert_eq!((found.iterations, found.stop), (3, Stop::IterationLimit));
        assert!(found.value < found.start_value);
    }
}
