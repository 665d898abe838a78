//! One PriorAL batch of 1,000 out of a million items with ten classes, published and guarded, beside a plain read
//! of its inputs.

use std::hint::black_box;

use alfm_benches::{plain_read, probabilities};
use alfm_select::{
    ClassSchema, Inputs, Items, LabelLog, LabelsOnly, Predictions, Selector, Strategy,
};
use criterion::{Criterion, criterion_group, criterion_main};

const ITEMS: usize = 1_000_000;
const CLASSES: usize = 10;
const LABELS: usize = 500;

fn selector(strategy: &str) -> Selector {
    Selector::new(Strategy::named(strategy).expect("a known strategy"), 0)
        .expect("its options hold")
}

fn suggest(criterion: &mut Criterion) {
    let prior = probabilities(ITEMS, CLASSES, "prior");
    let model = probabilities(ITEMS, CLASSES, "model");
    let predictions = |values| Predictions::probabilities(values, ITEMS, CLASSES).expect("checked");
    let items = Items::numbered(ITEMS);
    let schema = ClassSchema::numbered(CLASSES).expect("ten classes");
    // The oracle says what the prior says, so that the guard trusts it and does all of its work.
    let told = |labels: usize| {
        let mut log = LabelLog::new(schema.clone());
        let says = |row: usize| (items.id(row), predictions(&prior).argmax(row));
        log.tell(&(0..labels).map(says).collect::<Vec<_>>()).expect("known classes");
        log
    };
    let (one, many) = (told(1), told(LABELS));
    let (published, guarded) = (selector("prioral"), selector("prioral-guarded"));
    let held_out = &model[..LABELS * CLASSES];

    let mut group = criterion.benchmark_group("prioral-1e6x10");
    group.sample_size(20);
    group.bench_function("read both inputs", |bencher| {
        bencher.iter(|| plain_read(black_box(&prior)) + plain_read(black_box(&model)));
    });
    group.bench_function("suggest", |bencher| {
        bencher.iter(|| {
            let (prior, model) = (predictions(&prior), predictions(&model));
            let inputs = Inputs::default().with_prior(prior).with_model(model);
            published.suggest(&items, &one, &inputs, 1_000).expect("a batch")
        });
    });
    group.bench_function("suggest, guarded by 500 labels", |bencher| {
        bencher.iter(|| {
            let (prior, model) = (predictions(&prior), predictions(&model));
            let held_out = Predictions::probabilities(held_out, LABELS, CLASSES).expect("checked");
            let inputs = Inputs::default()
                .with_prior(prior)
                .with_model(model)
                .with_labels_only(LabelsOnly::new(model, held_out));
            let round = guarded.suggest(&items, &many, &inputs, 1_000).expect("a batch");
            assert!(!round.clean.is_empty(), "the prior is trusted");
            round
        });
    });
    group.finish();
}

criterion_group!(benches, suggest);
criterion_main!(benches);
