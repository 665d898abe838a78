//! k-means++ seeding: each centre drawn with probability proportional to its squared distance to the nearest
//! centre before it.

use alfm_kernels::device::Nearest;
use alfm_kernels::draw::{self, Remaining, Uniform};
use alfm_kernels::{GradientScratch, Gradients, RunningMinimum};

use super::weights::Weights;
use crate::AcquireError;

/// Distances so few that all of them are measured at once, without a second thought.
pub(super) const FEW: usize = 1 << 14;
/// What a rejected draw costs beside the distances of its point, in distances.
const DRAW: usize = 128;

/// A chosen point, and its squared distance to the nearest point before it.
pub(super) type Chosen = (usize, f64);

/// The definition: the distances of all points are kept up to date.
pub(super) fn measuring_all(
    gradients: &Gradients<'_>,
    first: usize,
    budget: usize,
    random: &mut impl Uniform,
) -> Vec<Chosen> {
    let points: Vec<usize> = (0..gradients.len()).collect();
    let mut nearest = RunningMinimum::new(gradients, &points);
    let mut chosen = vec![(first, gradients.squared_norm(first))];
    while chosen.len() < budget {
        if let Some((last, _)) = chosen.last() {
            nearest.add(*last);
            nearest.take(*last, 0.0);
        }
        let Some(next) = draw::categorical(nearest.minima(), random) else { break };
        chosen.push((next, nearest.minima()[next]));
    }
    fill(&mut chosen, gradients.len(), budget, random);
    chosen
}

/// The same law without measuring every point against every centre.
///
/// A distance to fewer centres is an upper bound of the distance to all. A point is drawn in proportion to the
/// bounds, measured against the centres that it missed, and kept with probability `distance / bound`: so it
/// is kept in proportion to its distance. Otherwise its bound is lowered and the next one is drawn. All
/// points catch up when they miss no more than `few` distances, and when rejected draws have cost as much;
/// `nearest` measures them together.
pub(super) fn lazy<'g>(
    (gradients, nearest): (&'g Gradients<'_>, Box<dyn Nearest + 'g>),
    first: usize,
    budget: usize,
    few: usize,
    random: &mut impl Uniform,
) -> Result<Vec<Chosen>, AcquireError> {
    let mut chosen = vec![(first, gradients.squared_norm(first))];
    let mut sampler = Sampler::new((gradients, nearest), first, few)?;
    while chosen.len() < budget {
        let Some(next) = sampler.draw(random)? else { break };
        chosen.push(next);
        sampler.add(next.0);
    }
    fill(&mut chosen, gradients.len(), budget, random);
    Ok(chosen)
}

/// Draws what is missing uniformly: all distances are 0.
fn fill(chosen: &mut Vec<Chosen>, points: usize, budget: usize, random: &mut impl Uniform) {
    if chosen.len() == budget {
        return;
    }
    let mut remaining = Remaining::new(points);
    for (at, _) in &*chosen {
        remaining.remove(*at);
    }
    let rest = std::iter::from_fn(|| remaining.draw(random)).take(budget - chosen.len());
    chosen.extend(rest.map(|at| (at, 0.0)));
}

struct Sampler<'g, 'a> {
    gradients: &'g Gradients<'a>,
    nearest: Box<dyn Nearest + 'g>,
    centres: Vec<usize>,
    /// Squared distances to the nearest of the first `seen` centres; 0 for a centre.
    bounds: Weights,
    seen: Vec<u32>,
    /// How many centres every point has seen.
    all_seen: usize,
    few: usize,
    /// Cost of the rejected draws since all points caught up, in distances.
    wasted: usize,
    scratch: GradientScratch<'a>,
}

impl<'g, 'a> Sampler<'g, 'a> {
    fn new(
        (gradients, nearest): (&'g Gradients<'a>, Box<dyn Nearest + 'g>),
        first: usize,
        few: usize,
    ) -> Result<Self, AcquireError> {
        let mut bounds = vec![f64::INFINITY; gradients.len()];
        bounds[first] = 0.0;
        let mut sampler = Self {
            gradients,
            nearest,
            centres: vec![first],
            bounds: Weights::new(bounds),
            seen: vec![0; gradients.len()],
            all_seen: 0,
            few,
            wasted: 0,
            scratch: GradientScratch::default(),
        };
        sampler.catch_up_all()?;
        Ok(sampler)
    }

    fn add(&mut self, centre: usize) {
        self.centres.push(centre);
        self.bounds.set(centre, 0.0);
    }

    /// A point and its distance; `None` once all distances are 0.
    fn draw(&mut self, random: &mut impl Uniform) -> Result<Option<Chosen>, AcquireError> {
        loop {
            let missed = (self.centres.len() - self.all_seen) * self.gradients.len();
            if missed <= self.few.max(self.wasted) {
                self.catch_up_all()?;
            }
            let Some(at) = self.bounds.draw(random) else { return Ok(None) };
            let bound = self.bounds.get(at);
            let measured = self.catch_up(at);
            let distance = self.bounds.get(at);
            if distance >= bound || random.uniform() * bound < distance {
                return Ok(Some((at, distance)));
            }
            self.wasted += measured + DRAW;
        }
    }

    /// Measures one point against the centres that it missed; returns how many these were.
    #[expect(clippy::cast_possible_truncation, reason = "a pool has at most 2^32 rows")]
    fn catch_up(&mut self, at: usize) -> usize {
        let missed = &self.centres[self.seen[at] as usize..];
        if !missed.is_empty() {
            let mut nearest = [self.bounds.get(at)];
            self.gradients.lower_to_nearest(at, missed, &mut nearest, &mut self.scratch);
            self.bounds.set(at, nearest[0]);
            self.seen[at] = self.centres.len() as u32;
        }
        missed.len()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a pool has at most 2^32 rows")]
    fn catch_up_all(&mut self) -> Result<(), AcquireError> {
        let missed = &self.centres[self.all_seen..];
        self.wasted = 0;
        if missed.is_empty() {
            return Ok(());
        }
        let mut bounds = self.bounds.take();
        self.nearest.lower(missed, &mut bounds)?;
        self.bounds = Weights::new(bounds);
        self.all_seen = self.centres.len();
        self.seen.fill(self.all_seen as u32);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::{MatrixView, Predictions, SeedTree};
    use alfm_kernels::MetricSpace;
    use proptest::prelude::*;

    use super::*;

    fn on_cpu<'g>(gradients: &'g Gradients<'g>) -> (&'g Gradients<'g>, Box<dyn Nearest + 'g>) {
        (gradients, Box::new(gradients))
    }

    /// Clustered points with few distinct coordinates, of which some repeat.
    fn values() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        (1usize..5, 1usize..60).prop_flat_map(|(width, rows)| {
            let x = prop::collection::vec((-2i8..3).prop_map(|x| f32::from(x) / 3.0), rows * width);
            let p = prop::collection::vec(prop_oneof![Just(1.0f32), Just(0.5), 0.0f32..1.0], rows);
            (x, p.prop_map(|p| p.into_iter().flat_map(|p| [p, 1.0 - p]).collect()))
        })
    }

    proptest! {
        /// A small pool is kept up to date, so the same uniform numbers draw the same points.
        #[test]
        fn small_pools_are_drawn_from_as_defined(
            (x, p) in values(),
            uniforms in prop::collection::vec(0.0f64..1.0, 60),
            budget in 1usize..60,
            first in 0usize..60,
        ) {
            let rows: Vec<usize> = (0..p.len() / 2).collect();
            let x = MatrixView::new(&x, rows.len(), x.len() / rows.len()).unwrap();
            let model = Predictions::probabilities(&p, rows.len(), 2).unwrap();
            let gradients = Gradients::new(model, x, &rows);
            let (first, budget) = (first % rows.len(), budget.min(rows.len()));
            let expected = measuring_all(&gradients, first, budget, &mut draw::scripted(&uniforms));
            let chosen = lazy(on_cpu(&gradients), first, budget, FEW, &mut draw::scripted(&uniforms)).unwrap();
            prop_assert_eq!(chosen, expected);
        }

        /// Whatever was skipped or rejected, a score is the distance to the nearest point before.
        #[test]
        fn scores_are_exact_and_points_distinct((x, p) in values(), budget in 1usize..60, seed: u64) {
            let rows: Vec<usize> = (0..p.len() / 2).collect();
            let x = MatrixView::new(&x, rows.len(), x.len() / rows.len()).unwrap();
            let model = Predictions::probabilities(&p, rows.len(), 2).unwrap();
            let gradients = Gradients::new(model, x, &rows);
            let budget = budget.min(rows.len());
            let seed = SeedTree::new(seed);
            let mut random = draw::uniform(&seed);
            let chosen = lazy(on_cpu(&gradients), 0, budget, 0, &mut random).unwrap();
            prop_assert_eq!(chosen.len(), budget);
            for (number, (at, score)) in chosen.iter().enumerate().skip(1) {
                prop_assert!(chosen[..number].iter().all(|(before, _)| before != at));
                let distances = chosen[..number].iter().map(|(c, _)| gradients.squared_distance(*at, *c));
                prop_assert_eq!(*score, distances.fold(f64::INFINITY, f64::min));
            }
        }
    }

    /// Six places, forty points at each: few enough outcomes to know the law of all of them.
    #[test]
    fn the_law_is_that_of_the_definition() {
        const PLACES: [f32; 12] = [0.0, 0.0, 1.0, 0.2, 0.3, 2.0, -1.0, 1.0, 0.1, -0.1, 2.0, 2.5];
        let x: Vec<f32> = PLACES.repeat(40);
        let rows: Vec<usize> = (0..240).collect();
        let (x, p) = (MatrixView::new(&x, 240, 2).unwrap(), [0.5; 480]);
        let model = Predictions::probabilities(&p, 240, 2).unwrap();
        let gradients = Gradients::new(model, x, &rows);
        let law = law(&gradients);
        let runs = 6000;
        let statistic = |few: Option<usize>| {
            let mut counts = [0u32; 216];
            for run in 0..runs {
                let seed = SeedTree::new(run);
                let mut random = draw::uniform(&seed);
                let chosen = match few {
                    Some(few) => lazy(on_cpu(&gradients), 5, 4, few, &mut random).unwrap(),
                    None => measuring_all(&gradients, 5, 4, &mut random),
                };
                let place = |number: usize| chosen[number].0 % 6;
                counts[place(1) * 36 + place(2) * 6 + place(3)] += 1;
            }
            let term = |(count, p): (&u32, &f64)| match p * runs as f64 {
                0.0 => f64::from(*count) * f64::INFINITY,
                expected => (f64::from(*count) - expected).powi(2) / expected,
            };
            counts.iter().zip(&law).filter(|(c, p)| **c > 0 || **p > 0.0).map(term).sum::<f64>()
        };
        // 60 outcomes are possible: the 99.9 % quantile of chi square with 59 degrees of freedom.
        let (exact, rejecting) = (statistic(None), statistic(Some(0)));
        assert!(exact < 98.3, "{exact}");
        assert!(rejecting < 98.3, "{rejecting}");
    }

    /// Probability of every three places in a row after place 5.
    fn law(gradients: &Gradients<'_>) -> [f64; 216] {
        let mut law = [0.0; 216];
        let weights = |centres: &[usize]| {
            let nearest = |at: usize| {
                let distances = centres.iter().map(|c| gradients.squared_distance(at, *c));
                distances.fold(f64::INFINITY, f64::min)
            };
            let weights: Vec<f64> = (0..6).map(nearest).collect();
            let total: f64 = weights.iter().sum();
            weights.into_iter().map(|w| w / total).collect::<Vec<_>>()
        };
        for (a, p_a) in weights(&[5]).into_iter().enumerate() {
            for (b, p_b) in weights(&[5, a]).into_iter().enumerate() {
                for (c, p_c) in weights(&[5, a, b]).into_iter().enumerate() {
                    law[a * 36 + b * 6 + c] = p_a * p_b * p_c;
                }
            }
        }
        law
    }
}
