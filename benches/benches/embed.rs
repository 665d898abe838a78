//! The TREC questions through all-MiniLM-L6-v2, tokenizing included: texts a second.
//!
//! Needs the hub cache that `ALFM_HUB_DIR` names. `peers/embed_peer.py` does the same work with onnxruntime
//! and torch.

use alfm_data::{Dataset, Hub};
use alfm_embed::{BertEncoder, TextEncoder};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

fn embed(criterion: &mut Criterion) {
    let hub = Hub::from_env().expect("a hub cache").with_offline(true);
    let model = hub.model("sentence-transformers/all-MiniLM-L6-v2").expect("the model");
    let encoder = BertEncoder::load(&model.folder).expect("a whole model");
    let trec = Dataset::load("trec", &hub).expect("the data set");
    let texts = trec.split("train").expect("a training split").texts().expect("texts");
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();

    let mut group = criterion.benchmark_group("embed");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(texts.len() as u64));
    group.bench_function("minilm/trec", |bencher| {
        bencher.iter(|| encoder.encode(&texts, &mut |_, _| {}).expect("embeddings"));
    });
    group.finish();
}

criterion_group!(benches, embed);
criterion_main!(benches);
