//! A learner over ten million items, saved after a first batch, and again with five million free labels; beside a plain
//! write of as many bytes, which is what the disk can do.

use std::hint::black_box;
use std::sync::Arc;

use alfm_core::files::write_atomically;
use alfm_core::{ClassId, ClassSchema, Error, Items, MatrixView, Predictions, ScoreKind};
use alfm_loop::{ActiveLearner, Features, Prior, Query, Strategy};
use criterion::{Criterion, criterion_group, criterion_main};

const ITEMS: usize = 10_000_000;

/// One feature an item, and a prior that names class 0 or 1 in turn.
struct Wide {
    values: Vec<f32>,
    columns: usize,
}

impl Features for Wide {
    fn view(&self) -> MatrixView<'_> {
        MatrixView::new(&self.values, ITEMS, self.columns).expect("finite values")
    }
}

impl Prior for Wide {
    fn predictions(&self) -> Result<Predictions<'_>, Error> {
        Predictions::new(self.view(), ScoreKind::Probabilities)
    }
}

fn learner() -> ActiveLearner {
    let features = Wide { values: (0..ITEMS).map(|item| (item % 7) as f32).collect(), columns: 1 };
    let row = |item: usize| if item.is_multiple_of(2) { [0.75, 0.25] } else { [0.25, 0.75] };
    let prior = Wide { values: (0..ITEMS).flat_map(row).collect(), columns: 2 };
    let schema = ClassSchema::numbered(2).expect("two classes");
    ActiveLearner::new(Items::numbered(ITEMS), schema, Arc::new(features))
        .and_then(|learner| learner.with_prior(Arc::new(prior)))
        .and_then(|learner| learner.with_strategy(Strategy::named("prioral")?))
        .expect("inputs that fit")
}

fn save(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("learner");
    let mut learner = learner();
    let mut group = criterion.benchmark_group("save-1e7");
    group.sample_size(10);
    for name in ["first batch", "5e6 free labels"] {
        let queries = learner.suggest(1_000).expect("a batch").queries.clone();
        let says = |query: &Query| {
            let row: usize = query.id.as_str().parse().expect("a row number");
            (query.id.clone(), ClassId::from_index(row % 2))
        };
        learner.tell(&queries.iter().map(says).collect::<Vec<_>>()).expect("known items");
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(&learner).save(&path).expect("room on the disk"));
        });
        let bytes = std::fs::read(&path).expect("what was saved");
        group.bench_function(
            format!("{name}: a plain write of {} bytes", bytes.len()),
            |bencher| {
                bencher.iter(|| {
                    write_atomically(&path, |out| out.write_all(&bytes)).expect("room on the disk");
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, save);
criterion_main!(benches);
