//! BADGE where the embedding is wide and where there are many classes, too.

use std::hint::black_box;

use alfm_acquire::{Pool, find};
use alfm_benches::Shape;
use alfm_core::{MatrixView, Predictions, SeedTree};
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};

const BUDGET: usize = 100;

fn badge(criterion: &mut Criterion) {
    let badge = find("badge").expect("a known strategy");
    let mut group = criterion.benchmark_group("badge-100");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (rows, classes, dimension) in [(50_000, 10, 384), (20_000, 100, 768)] {
        let shape = Shape { rows, classes, dimension, labelled: 200, seed: 0 };
        let truth = shape.truth();
        let (observed, model) = (shape.observed(&truth), shape.probabilities(&truth));
        let embeddings = shape.embeddings(&truth);
        let model = Predictions::probabilities(&model, rows, classes).expect("checked");
        let embeddings = MatrixView::new(&embeddings, rows, dimension).expect("finite numbers");
        let pool = Pool::new(&observed)
            .and_then(|pool| pool.with_model(model))
            .and_then(|pool| pool.with_embeddings(embeddings))
            .expect("a row an item");
        group.bench_function(format!("{rows}x{classes}x{dimension}"), |bencher| {
            bencher.iter(|| badge.select(black_box(&pool), BUDGET, &SeedTree::new(0)));
        });
    }
    group.finish();
}

criterion_group!(benches, badge);
criterion_main!(benches);
