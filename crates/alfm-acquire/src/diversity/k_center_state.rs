use alfm_core::{ClassId, CoreError, MatrixView, SeedTree};
use alfm_kernels::Metric;
use alfm_kernels::device::{Device, Farthest};
use alfm_kernels::draw::{self, Remaining, Uniform};

use crate::{AcquireError, Acquisition, KCenterGreedy, Pick, Pool};

/// CORESET over several rounds on embeddings that stay as they are.
///
/// Chooses what [`KCenterGreedy`] chooses in every round, but remembers the distances of earlier rounds: a
/// round costs at most `O(b N D)` instead of `O((L + b) N D)`. Picks that came back labelled are known
/// already; if one did not, the distances to it cannot be taken back and everything is measured anew.
///
/// `20 N` bytes, up to `48 N` more during a round. The embeddings are borrowed, so they cannot change meanwhile.
///
/// ```
/// use alfm_acquire::{KCenterState, Pool};
/// use alfm_kernels::{Metric, device::Cpu};
/// use alfm_core::{ClassId, MatrixView, SeedTree};
/// let line = MatrixView::new(&[0.0, 1.0, 5.0, 9.0], 4, 1)?;
/// let mut state = KCenterState::new(&Cpu, line, Metric::L2)?;
/// let mut observed = [Some(ClassId::new(0)), None, None, None];
/// for expected in [3, 2, 1] {
///     let picks = state.select(&Pool::new(&observed)?, 1, &SeedTree::new(0))?;
///     assert_eq!(picks[0].row, expected);
///     observed[expected] = Some(ClassId::new(1));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct KCenterState<'a> {
    nearest: Box<dyn Farthest + 'a>,
    rows: usize,
}

impl<'a> KCenterState<'a> {
    /// No label is known yet. `O(N D)` time.
    ///
    /// # Errors
    /// [`DeviceError`](alfm_kernels::device::DeviceError) where the device fails; the processor doesn't.
    pub fn new(
        device: &'a dyn Device,
        embeddings: MatrixView<'a>,
        metric: Metric,
    ) -> Result<Self, AcquireError> {
        Ok(Self { nearest: device.farthest(embeddings, metric)?, rows: embeddings.rows() })
    }

    /// Chooses `min(budget, candidates)` rows of `pool`, whose own embeddings, if any, are not looked at.
    ///
    /// # Errors
    /// [`CoreError::RowCount`] if the pool has not one row an embedding.
    pub fn select(
        &mut self,
        pool: &Pool<'_>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Vec<Pick>, AcquireError> {
        let expected = pool.rows();
        let got = self.rows;
        if got != expected {
            return Err(CoreError::RowCount { what: "embeddings", expected, got }.into());
        }
        let seed = seed.child(KCenterGreedy::default().name());
        let budget = budget.min(pool.candidates().len());
        self.farthest_first(pool, budget, &mut draw::uniform(&seed))
    }

    pub(super) fn farthest_first(
        &mut self,
        pool: &Pool<'_>,
        budget: usize,
        random: &mut impl Uniform,
    ) -> Result<Vec<Pick>, AcquireError> {
        self.learn(pool.observed());
        let mut picks = Vec::with_capacity(budget);
        let mut candidates = pool.candidates().to_vec();
        if budget > 0 && self.nearest.centres().is_empty() {
            let first = Remaining::new(candidates.len()).draw(random);
            if let Some(row) = first.map(|at| candidates.remove(at)) {
                picks.push(Pick { row, score: f64::INFINITY });
                self.nearest.add(row);
            }
        }
        if picks.len() < budget {
            self.nearest.rank(&candidates)?;
        }
        while picks.len() < budget {
            let Some((row, score)) = self.nearest.pop()? else { break };
            picks.push(Pick { row, score });
            self.nearest.add(row);
        }
        Ok(picks)
    }

    /// Makes exactly the labelled rows the centres.
    fn learn(&mut self, observed: &[Option<ClassId>]) {
        let mut known = vec![false; observed.len()];
        for row in self.nearest.centres() {
            known[*row] = true;
        }
        if known.iter().zip(observed).any(|(known, label)| *known && label.is_none()) {
            self.nearest.clear();
            known.fill(false);
        }
        for (row, label) in observed.iter().enumerate() {
            if label.is_some() && !known[row] {
                self.nearest.add(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alfm_kernels::device::Cpu;
    use proptest::prelude::*;

    use super::*;

    /// Points of every kind that makes greedy choices delicate: ties, duplicates, clusters, a single column.
    fn points() -> impl Strategy<Value = (Vec<f32>, usize)> {
        let coordinate =
            prop_oneof![Just((-20i8..20, 0.37f32)), Just((-1i8..2, 1.0)), Just((0i8..1, 0.0)),];
        (1usize..6, 1usize..90, coordinate).prop_flat_map(|(width, rows, (range, unit))| {
            let centre = prop_oneof![Just(0.0f32), Just(1000.0)];
            let row = (prop::collection::vec(range, width), centre);
            prop::collection::vec(row, rows).prop_map(move |rows| {
                let coordinates = |(row, centre): (Vec<i8>, f32)| {
                    row.into_iter().map(move |x| f32::from(x) * unit + centre).collect::<Vec<_>>()
                };
                (rows.into_iter().flat_map(coordinates).collect(), width)
            })
        })
    }

    fn both(
        points: MatrixView<'_>,
        observed: &[Option<ClassId>],
        budget: usize,
        metric: Metric,
    ) -> [Vec<Pick>; 2] {
        let pool = Pool::new(observed).unwrap().with_embeddings(points).unwrap();
        [true, false].map(|lazy| {
            let strategy = KCenterGreedy { metric, lazy };
            strategy.select(&pool, budget, &SeedTree::new(5)).unwrap()
        })
    }

    fn class() -> Option<ClassId> {
        Some(ClassId::new(0))
    }

    proptest! {
        #[test]
        fn lazy_and_eager_choose_the_same(
            (values, width) in points(),
            labelled in prop::collection::vec(prop::bool::weighted(0.3), 90),
            with_labels: bool,
            budget in 1usize..95,
        ) {
            let rows = values.len() / width;
            let observed: Vec<_> =
                labelled[..rows].iter().map(|label| class().filter(|_| *label && with_labels)).collect();
            let points = MatrixView::new(&values, rows, width).unwrap();
            for metric in [Metric::L2, Metric::Cosine] {
                let [lazy, eager] = both(points, &observed, budget, metric);
                prop_assert_eq!(lazy, eager, "{:?}", metric);
            }
        }

        #[test]
        fn a_state_chooses_what_a_fresh_start_does(
            (values, width) in points(),
            rounds in prop::collection::vec((1usize..12, prop::bool::weighted(0.8)), 1..7),
        ) {
            let rows = values.len() / width;
            let points = MatrixView::new(&values, rows, width).unwrap();
            let mut observed = vec![None; rows];
            let mut state = KCenterState::new(&Cpu, points, Metric::L2).unwrap();
            for (budget, all_answered) in rounds {
                let before = observed.clone();
                let pool = Pool::new(&before).unwrap().with_embeddings(points).unwrap();
                let part = pool.restricted_to((0..rows).filter(|row| row % 3 > 0));
                for pool in [part, pool] {
                    let (fresh, seed) = (KCenterGreedy::default(), SeedTree::new(1));
                    let picks = state.select(&pool, budget, &seed).unwrap();
                    prop_assert_eq!(&picks, &fresh.select(&pool, budget, &seed).unwrap());
                    let answered = if all_answered { picks.len() } else { picks.len() / 2 };
                    for pick in &picks[..answered] {
                        observed[pick.row] = class();
                    }
                }
            }
        }
    }

    /// Large enough for several blocks of rows and of centres and for the ranking to be refilled.
    #[test]
    fn blocks_and_threads_change_nothing() {
        let mut state = 1u32;
        let values: Vec<f32> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((state >> 20) as u16) / 4096.0
        })
        .take(3000 * 5)
        .collect();
        let points = MatrixView::new(&values, 3000, 5).unwrap();
        let observed: Vec<_> = (0..3000).map(|row| class().filter(|_| row % 17 == 0)).collect();
        for (observed, budget) in [(observed, 300), (vec![None; 3000], 150)] {
            let [lazy, eager] = both(points, &observed, budget, Metric::L2);
            assert_eq!(lazy, eager);
            for threads in [1, 3] {
                let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let again = threads.install(|| both(points, &observed, budget, Metric::L2));
                assert_eq!(again, [lazy.clone(), eager.clone()]);
            }
        }
    }

    #[test]
    fn a_pool_of_another_length_is_refused() {
        let points = MatrixView::new(&[1.0, 2.0], 2, 1).unwrap();
        let mut state = KCenterState::new(&Cpu, points, Metric::L2).unwrap();
        let pool = Pool::new(&[None; 3]).unwrap();
        assert!(state.select(&pool, 1, &SeedTree::new(0)).is_err());
    }
}
