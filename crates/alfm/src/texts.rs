//! From texts and class names to a learner.

use std::sync::Arc;

use alfm_core::{ClassId, ClassSchema, Error, Items};
use alfm_data::ClassEntry;
use alfm_loop::ActiveLearner;
use alfm_models::Encoder;
use alfm_prior::{ClassPrompts, zero_shot_by};

/// A learner over texts, whose ids are their row numbers: embeddings by `encoder`, and as the prior the similarity of
/// each text to the prompts of the classes, or to their names where a class has no prompts.
///
/// It asks by `prioral-guarded`, which needs no knowledge of how good that prior is.
///
/// # Errors
/// No texts, fewer than two classes or one that is given twice, and as the encoder says.
pub fn learner_of_texts(
    texts: &[&str],
    classes: &[ClassEntry],
    encoder: &Encoder,
) -> Result<ActiveLearner, Error> {
    let schema = ClassSchema::new(classes.iter().map(|class| class.name.as_str()))?;
    let prompts = classes.iter().zip(schema.ids()).flat_map(|(class, id)| {
        let own = class.prompts.iter().map(String::as_str);
        let name = class.prompts.is_empty().then_some(class.name.as_str());
        own.chain(name).map(move |prompt| (id, prompt))
    });
    let (class_of_prompt, prompts): (Vec<ClassId>, Vec<&str>) = prompts.unzip();
    let prompts = encoder.embed_texts(&prompts)?;
    let prompts = ClassPrompts::new(prompts.view(), &class_of_prompt, schema.len())?;
    let embeddings = encoder.embed_texts(texts)?;
    let prior = zero_shot_by(embeddings.view(), &prompts, None, encoder.head()?)?;
    ActiveLearner::new(Items::numbered(texts.len()), schema, Arc::new(embeddings))?
        .with_prior(Arc::new(prior))
}
