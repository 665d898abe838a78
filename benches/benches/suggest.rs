//! One PriorAL batch of 1,000 out of a million items with ten classes, beside a plain read of its inputs.

use std::hint::black_box;

use alfm_benches::{plain_read, probabilities};
use alfm_select::{ClassId, ClassSchema, PoolState, Predictions, SampleId, Selector, Strategy};
use criterion::{Criterion, criterion_group, criterion_main};

const ITEMS: usize = 1_000_000;
const CLASSES: usize = 10;

fn suggest(criterion: &mut Criterion) {
    let prior = probabilities(ITEMS, CLASSES, "prior");
    let model = probabilities(ITEMS, CLASSES, "model");
    let ids = (0..ITEMS).map(|item| SampleId::from(item.to_string()));
    let schema = ClassSchema::numbered(CLASSES).expect("ten classes");
    let strategy = Strategy::named("prioral").expect("a known strategy");
    let mut selector = Selector::new(strategy, schema, ids, 0).expect("distinct ids");
    selector.tell(&[(SampleId::from("0"), ClassId::new(0))]).expect("a known item");

    let mut group = criterion.benchmark_group("prioral-1e6x10");
    group.sample_size(20);
    group.bench_function("read both inputs", |bencher| {
        bencher.iter(|| plain_read(black_box(&prior)) + plain_read(black_box(&model)));
    });
    group.bench_function("suggest", |bencher| {
        bencher.iter(|| {
            let prior = Predictions::probabilities(&prior, ITEMS, CLASSES).expect("checked");
            let model = Predictions::probabilities(&model, ITEMS, CLASSES).expect("checked");
            let state = PoolState::default().with_prior(prior).with_model(model);
            selector.suggest(&state, 1_000).expect("a batch")
        });
    });
    group.finish();
}

criterion_group!(benches, suggest);
criterion_main!(benches);
