//! Every device that this build and this machine offer, against the processor.

#![cfg(any(feature = "wgpu", feature = "cuda"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_acquire::{Acquisition, Badge, KCenterGreedy, Pick, Pool};
use alfm_core::{ClassId, MatrixView, Predictions, SeedTree};
use alfm_kernels::Metric;
use alfm_testing::device::{distributions, others, uniform};

/// What the documentation of `Device` promises.
const TOLERANCE: f64 = 1e-5;

/// Rows and scores; nothing may be chosen in another order, as these scores are far apart.
fn assert_same(strategy: &dyn Acquisition, pool: &Pool<'_>, budget: usize, longest: f64) {
    let seed = SeedTree::new(3);
    let rows = |picks: &[Pick]| picks.iter().map(|pick| pick.row).collect::<Vec<_>>();
    let expected = strategy.select(pool, budget, &seed).unwrap();
    for device in others() {
        let picks = strategy.select(&pool.clone().with_device(&*device), budget, &seed).unwrap();
        assert_eq!(rows(&picks), rows(&expected), "{}: {}", device.name(), strategy.name());
        for (pick, expected) in picks.iter().zip(&expected) {
            let (got, expected) = (pick.score, expected.score);
            let same = got == expected || (got - expected).abs() <= TOLERANCE * longest;
            assert!(same, "{}: {got}, not {expected}", device.name());
        }
    }
}

fn observed(rows: usize, every: usize) -> Vec<Option<ClassId>> {
    (0..rows).map(|row| (row % every == 1).then(|| ClassId::new(0))).collect()
}

#[test]
fn k_center_chooses_the_same() {
    for (rows, columns) in [(3, 2), (600, 1), (2000, 48), (700, 385)] {
        let points = uniform(rows * columns, "points");
        let points = MatrixView::new(&points, rows, columns).unwrap();
        for observed in [vec![None; rows], observed(rows, 40)] {
            let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
            let part = pool.restricted_to((0..rows).filter(|row| row % 3 > 0));
            for metric in [Metric::L2, Metric::Cosine] {
                // Angles of a single column are all 0, and ties are broken by rounding.
                if columns > 1 || metric == Metric::L2 {
                    let strategy = KCenterGreedy { metric, ..KCenterGreedy::default() };
                    assert_same(&strategy, &pool, 30, columns as f64);
                    assert_same(&strategy, &part, 30, columns as f64);
                }
            }
        }
    }
}

/// Where all distances are 0, ties go to the lowest row, on a card as well.
#[test]
fn duplicates_are_chosen_once_each() {
    let observed = observed(5, 9);
    let points =
        MatrixView::new(&[0.1, 0.7, 0.1, 0.7, 0.1, 0.7, 0.1, 0.7, 0.1, 0.7], 5, 2).unwrap();
    let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
    for metric in [Metric::L2, Metric::Cosine] {
        assert_same(&KCenterGreedy { metric, ..KCenterGreedy::default() }, &pool, 9, 0.0);
    }
}

#[test]
fn badge_chooses_the_same() {
    for (rows, classes, columns) in [(2, 2, 1), (900, 3, 5), (20_000, 10, 32)] {
        let (p, x) = (distributions(rows, classes, "p"), uniform(rows * columns, "x"));
        let observed = observed(rows, 50);
        let pool = Pool::new(&observed)
            .unwrap()
            .with_model(Predictions::probabilities(&p, rows, classes).unwrap())
            .unwrap()
            .with_embeddings(MatrixView::new(&x, rows, columns).unwrap())
            .unwrap();
        assert_same(&Badge::default(), &pool, 25, 2.0 * columns as f64);
        let parts = Badge { partition: Some(400), ..Badge::default() };
        assert_same(&parts, &pool, 25, 2.0 * columns as f64);
    }
}
