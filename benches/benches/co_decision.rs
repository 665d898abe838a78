//! The co-decision kernel over both experts' probabilities of a million items, beside a plain read of them.

use std::hint::black_box;

use alfm_benches::{plain_read, probabilities};
use alfm_core::{Predictions, ScoreKind};
use alfm_kernels::{Joint, co_decide};
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use half::f16;

const ITEMS: usize = 1_000_000;

fn co_decision(criterion: &mut Criterion) {
    for classes in [10, 100] {
        let prior = probabilities(ITEMS, classes, "prior");
        let model = probabilities(ITEMS, classes, "model");
        let mut group = criterion.benchmark_group(format!("co-decision-1e6x{classes}"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        single(&mut group, &prior, &model, classes);
        half_precision(&mut group, &prior, &model, classes);
        group.finish();
    }
}

/// Inputs in single precision.
fn single(group: &mut BenchmarkGroup<'_, WallTime>, prior: &[f32], model: &[f32], classes: usize) {
    group.throughput(Throughput::Bytes((size_of_val(prior) + size_of_val(model)) as u64));
    group.bench_function("read both inputs/f32", |bencher| {
        bencher.iter(|| plain_read(black_box(prior)) + plain_read(black_box(model)));
    });
    let prior = Predictions::probabilities(prior, ITEMS, classes).expect("checked");
    let model = Predictions::probabilities(model, ITEMS, classes).expect("checked");
    group.bench_function("co_decide/f32", |bencher| {
        bencher.iter(|| co_decide(black_box(prior), black_box(model), Joint::Product));
    });
}

/// The same inputs in `f16`: half the bytes, converted block by block.
fn half_precision(
    group: &mut BenchmarkGroup<'_, WallTime>,
    prior: &[f32],
    model: &[f32],
    classes: usize,
) {
    let half = |values: &[f32]| values.iter().copied().map(f16::from_f32).collect::<Vec<_>>();
    let (prior, model) = (half(prior), half(model));
    group.throughput(Throughput::Bytes(2 * size_of_val(&prior[..]) as u64));
    let predictions = |values| {
        Predictions::half(values, ITEMS, classes, ScoreKind::Probabilities).expect("checked")
    };
    let (prior, model) = (predictions(&prior[..]), predictions(&model[..]));
    group.bench_function("co_decide/f16", |bencher| {
        bencher.iter(|| co_decide(black_box(prior), black_box(model), Joint::Product));
    });
}

criterion_group!(benches, co_decision);
criterion_main!(benches);
