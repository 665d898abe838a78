//! One PriorAL batch of 1,000 out of a million items with ten classes, published and guarded, beside a plain read
//! of its inputs.

use std::hint::black_box;

use alfm_benches::{plain_read, probabilities};
use alfm_select::{
    ClassId, ClassSchema, LabelsOnly, PoolState, Predictions, SampleId, Selector, Strategy,
};
use criterion::{Criterion, criterion_group, criterion_main};

const ITEMS: usize = 1_000_000;
const CLASSES: usize = 10;
const LABELS: usize = 500;

fn selector(strategy: &str) -> Selector {
    let ids = (0..ITEMS).map(|item| SampleId::from(item.to_string()));
    let schema = ClassSchema::numbered(CLASSES).expect("ten classes");
    let strategy = Strategy::named(strategy).expect("a known strategy");
    Selector::new(strategy, schema, ids, 0).expect("distinct ids")
}

fn suggest(criterion: &mut Criterion) {
    let prior = probabilities(ITEMS, CLASSES, "prior");
    let model = probabilities(ITEMS, CLASSES, "model");
    let predictions = |values| Predictions::probabilities(values, ITEMS, CLASSES).expect("checked");
    let mut published = selector("prioral");
    published.tell(&[(SampleId::from("0"), ClassId::new(0))]).expect("a known item");
    // The oracle says what the prior says, so that the guard trusts it and does all of its work.
    let mut guarded = selector("prioral-guarded");
    let says = |row: usize| (SampleId::from(row.to_string()), predictions(&prior).argmax(row));
    guarded.tell(&(0..LABELS).map(says).collect::<Vec<_>>()).expect("known items");
    let held_out = &model[..LABELS * CLASSES];

    let mut group = criterion.benchmark_group("prioral-1e6x10");
    group.sample_size(20);
    group.bench_function("read both inputs", |bencher| {
        bencher.iter(|| plain_read(black_box(&prior)) + plain_read(black_box(&model)));
    });
    group.bench_function("suggest", |bencher| {
        bencher.iter(|| {
            let (prior, model) = (predictions(&prior), predictions(&model));
            let state = PoolState::default().with_prior(prior).with_model(model);
            published.suggest(&state, 1_000).expect("a batch")
        });
    });
    group.bench_function("suggest, guarded by 500 labels", |bencher| {
        bencher.iter(|| {
            let (prior, model) = (predictions(&prior), predictions(&model));
            let held_out = Predictions::probabilities(held_out, LABELS, CLASSES).expect("checked");
            let state = PoolState::default()
                .with_prior(prior)
                .with_model(model)
                .with_labels_only(LabelsOnly::new(model, held_out));
            let round = guarded.suggest(&state, 1_000).expect("a batch");
            assert!(!round.clean.is_empty(), "the prior is trusted");
            round
        });
    });
    group.finish();
}

criterion_group!(benches, suggest);
criterion_main!(benches);
