//! A saved learner: whatever the bytes are, it is refused, or goes on.

#![no_main]

use std::sync::Arc;

use alfm_loop::{ActiveLearner, ClassSchema, Items, Matrix, Strategy};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alfm_fuzz::as_file("state", bytes, |path| {
    let embeddings = Matrix::new(vec![0.5; 12], 6, 2).expect("six items");
    let schema = ClassSchema::numbered(2).expect("two classes");
    let learner = ActiveLearner::new(Items::numbered(6), schema, Arc::new(embeddings))
        .and_then(|learner| learner.with_strategy(Strategy::named("random")?))
        .expect("inputs that fit");
    if let Ok(mut learner) = learner.resume(path) {
        let _ = learner.suggest(2);
    }
}));
