//! Every device that this build and this machine offer: co-decision, k-center and BADGE, uploads included.
//!
//! Small unless `ALFM_BENCH_ROWS` says otherwise; each size prints, too, the bandwidth of the co-decision kernel on
//! inputs that are on the card already, beside that of a copy there. A software driver is no card.

use std::hint::black_box;

use alfm_acquire::{Pool, find};
use alfm_benches::Shape;
use alfm_core::{MatrixView, Predictions, SeedTree};
use alfm_kernels::Joint;
use alfm_kernels::device::{Device, devices, open_device};
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};

const BUDGET: usize = 100;

fn rows() -> usize {
    let given = std::env::var("ALFM_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok());
    given.unwrap_or(20_000)
}

#[expect(clippy::print_stdout, reason = "a bench reports")]
fn bandwidth(device: &dyn Device, classes: usize) {
    if let Some([score, copy]) = device.bandwidth(rows(), classes).expect("a device that works") {
        let name = device.name();
        println!(
            "{name}, {classes} classes: score {:.2} GB/s, copy {:.2} GB/s, ratio {:.2}",
            score / 1e9,
            copy / 1e9,
            score / copy
        );
    }
}

fn device(criterion: &mut Criterion) {
    let shape = Shape { rows: rows(), classes: 10, dimension: 384, labelled: 200, seed: 0 };
    let truth = shape.truth();
    let (observed, model) = (shape.observed(&truth), shape.probabilities(&truth));
    let embeddings = shape.embeddings(&truth);
    let model = Predictions::probabilities(&model, shape.rows, shape.classes).expect("checked");
    let embeddings =
        MatrixView::new(&embeddings, shape.rows, shape.dimension).expect("finite numbers");
    let pool = Pool::new(&observed)
        .and_then(|pool| pool.with_model(model))
        .and_then(|pool| pool.with_embeddings(embeddings))
        .expect("a row an item");
    for name in devices() {
        let device = open_device(name).expect("a device that is there");
        for classes in [10, 100] {
            bandwidth(&*device, classes);
        }
        let pool = pool.clone().with_device(&*device);
        let mut group = criterion.benchmark_group(format!("{name}-{}x10x384", shape.rows));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.bench_function("co_decide", |bencher| {
            bencher.iter(|| device.co_decide(black_box(model), model, Joint::Product));
        });
        for strategy in ["coreset", "badge"] {
            let strategy = find(strategy).expect("a known strategy");
            group.bench_function(format!("{}-{BUDGET}", strategy.name()), |bencher| {
                bencher.iter(|| strategy.select(black_box(&pool), BUDGET, &SeedTree::new(0)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, device);
criterion_main!(benches);
