//! Fits of the small model: the largest round of a usual campaign, and one of its first.

use std::hint::black_box;

use alfm_core::{ClassId, Matrix, SeedTree};
use alfm_learn::{Examples, LearnerConfig, LogisticRegressionConfig, MlpConfig};
use criterion::{Criterion, criterion_group, criterion_main};
use rand::RngExt;

const DIMENSION: usize = 384;
const CLASSES: usize = 12;

/// Unit vectors that overlap as sentence embeddings do: a class centre plus noise five times as long.
fn embeddings(rows: usize) -> (Matrix, Vec<ClassId>) {
    let mut rng = SeedTree::new(0).child("embeddings").rng();
    let mut vector = |scale: f32| -> Vec<f32> {
        (0..DIMENSION).map(|_| scale * rng.random_range(-1.0f32..1.0)).collect()
    };
    let centres: Vec<_> = (0..CLASSES).map(|_| vector(0.2)).collect();
    let mut values = Vec::with_capacity(rows * DIMENSION);
    for row in 0..rows {
        let noise = vector(1.0);
        let sum =
            || centres[row % CLASSES].iter().zip(&noise).map(|(centre, noise)| centre + noise);
        let norm = sum().map(|value| value * value).sum::<f32>().sqrt();
        values.extend(sum().map(|value| value / norm));
    }
    let labels = (0..rows).map(|row| ClassId::from_index(row % CLASSES)).collect();
    (Matrix::new(values, rows, DIMENSION).expect("finite by construction"), labels)
}

fn fits(criterion: &mut Criterion) {
    let linear = LearnerConfig::Linear(LogisticRegressionConfig::default());
    let mlp = LearnerConfig::Mlp(MlpConfig::default());
    let mut group = criterion.benchmark_group("fit");
    group.sample_size(10);
    for (name, config, rows) in
        [("linear", &linear, 48), ("linear", &linear, 5000), ("mlp", &mlp, 48), ("mlp", &mlp, 5000)]
    {
        let (embeddings, labels) = embeddings(rows);
        let weights = vec![1.0; rows];
        let examples = Examples::new(embeddings.view(), &labels, &weights, CLASSES);
        let learner = config.build().expect("the defaults are valid");
        group.bench_function(format!("{name}/{rows}x{DIMENSION}x{CLASSES}"), |bench| {
            bench.iter(|| learner.fit(black_box(&examples), &SeedTree::new(0)));
        });
    }
    group.finish();
}

criterion_group!(benches, fits);
criterion_main!(benches);
