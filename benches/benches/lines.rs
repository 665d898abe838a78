//! GALAXY and DIRECT, which order a million items along ten classes and ask as they go.

use std::hint::black_box;

use alfm_acquire::{Pool, find};
use alfm_benches::{Shape, select};
use alfm_core::Predictions;
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};

const SHAPE: Shape = Shape { rows: 1_000_000, classes: 10, dimension: 1, labelled: 500, seed: 0 };
const BUDGET: usize = 1_000;

fn lines(criterion: &mut Criterion) {
    let truth = SHAPE.truth();
    let (observed, model) = (SHAPE.observed(&truth), SHAPE.probabilities(&truth));
    let model = Predictions::probabilities(&model, SHAPE.rows, SHAPE.classes).expect("checked");
    let pool = Pool::new(&observed).and_then(|pool| pool.with_model(model)).expect("a row an item");
    let mut group = criterion.benchmark_group("lines-1e6x10");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for name in ["galaxy", "direct"] {
        let strategy = find(name).expect("a known strategy");
        group.bench_function(name, |bencher| {
            bencher.iter(|| select(strategy.as_ref(), black_box(&pool), BUDGET, &truth));
        });
    }
    group.finish();
}

criterion_group!(benches, lines);
criterion_main!(benches);
