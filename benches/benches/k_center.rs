//! CORESET as the registry has it, beside the eager form that measures every distance to every centre.

use std::hint::black_box;

use alfm_acquire::{Pool, find};
use alfm_benches::Shape;
use alfm_core::{MatrixView, SeedTree};
use alfm_kernels::{Euclidean, RunningMinimum};
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};

const SHAPE: Shape = Shape { rows: 50_000, classes: 10, dimension: 384, labelled: 200, seed: 0 };
const BUDGET: usize = 200;

/// The rows that k-center greedy chooses, all distances computed.
fn eager(pool: &Pool<'_>, embeddings: MatrixView<'_>) -> Vec<usize> {
    let space = Euclidean::new(embeddings);
    let mut nearest = RunningMinimum::new(&space, pool.candidates());
    pool.labelled().for_each(|(row, _)| nearest.add(row));
    let mut next = || {
        let (at, _) = nearest.farthest()?;
        nearest.add(pool.candidates()[at]);
        nearest.take(at, -1.0);
        Some(pool.candidates()[at])
    };
    (0..BUDGET).map_while(|_| next()).collect()
}

fn k_center(criterion: &mut Criterion) {
    let truth = SHAPE.truth();
    let observed = SHAPE.observed(&truth);
    let embeddings = SHAPE.embeddings(&truth);
    let embeddings =
        MatrixView::new(&embeddings, SHAPE.rows, SHAPE.dimension).expect("finite numbers");
    let pool = Pool::new(&observed).expect("a small pool");
    let pool = pool.with_embeddings(embeddings).expect("a row an item");
    let coreset = find("coreset").expect("a known strategy");
    let registered = || coreset.select(black_box(&pool), BUDGET, &SeedTree::new(0));
    let rows: Vec<usize> = registered().expect("a batch").iter().map(|pick| pick.row).collect();
    assert_eq!(rows, eager(&pool, embeddings), "both forms choose the same rows");

    let mut group = criterion.benchmark_group("k-center-50000x384-200-labelled-200");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("eager", |bencher| {
        bencher.iter(|| eager(black_box(&pool), embeddings));
    });
    group.bench_function("coreset", |bencher| bencher.iter(registered));
    group.finish();
}

criterion_group!(benches, k_center);
criterion_main!(benches);
