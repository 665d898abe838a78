use alfm_core::ClassId;
use alfm_data::arrays::{Precision, read_matrix, write_safetensors};
use alfm_data::read_classes;
use alfm_prior::{ClassPrompts, zero_shot};
use serde_json::json;

use super::Context;
use crate::args::PriorArgs;
use crate::encode::Encoder;
use crate::failure::Failure;
use crate::output::{result, say};

pub(crate) fn run(args: &PriorArgs, context: &Context) -> Result<(), Failure> {
    let classes = read_classes(&args.classes)?;
    let items = read_matrix(&args.embeddings)?;
    let encoder = Encoder::load(&args.model, &context.hub, &args.cache)?;
    let mut class_of_prompt = Vec::new();
    let mut prompts = Vec::new();
    for (class, entry) in classes.iter().enumerate() {
        // A class without prompts is described by its name.
        let own =
            if entry.prompts.is_empty() { vec![entry.name.clone()] } else { entry.prompts.clone() };
        class_of_prompt.extend(own.iter().map(|_| ClassId::from_index(class)));
        prompts.extend(own);
    }
    let texts: Vec<&str> = prompts.iter().map(String::as_str).collect();
    let embedded = encoder.embed_texts(&texts)?;
    let prompts = ClassPrompts::new(embedded.view(), &class_of_prompt, classes.len())?;
    let prior = zero_shot(items.view()?, &prompts, args.temperature)?;
    let precision = if args.f16 { Precision::F16 } else { Precision::F32 };
    write_safetensors(&args.out, &[("prior", prior.view())], precision, Some(&args.model))?;
    say(&format!("{} x {} probabilities in {}", prior.rows(), prior.columns(), args.out.display()));
    if context.json {
        result(&json!({ "file": args.out, "rows": prior.rows(), "classes": prior.columns() }))?;
    }
    Ok(())
}
