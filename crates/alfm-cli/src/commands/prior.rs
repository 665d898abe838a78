use std::path::PathBuf;

use alfm_core::{Error, Probabilities};
use alfm_data::arrays::{ArraySpec, Precision, read_label_matrix, write_safetensors};
use alfm_data::{ClassEntry, read_classes};
use alfm_prior::weak_labels::{RuleModel, Votes};
use serde_json::json;

#[cfg(feature = "llm")]
use super::llm;
use super::{Context, answers};
use crate::args::PriorArgs;
use crate::failure::missing;
use crate::output::{result, say};
use crate::outputs::apart;

pub(crate) fn run(args: &PriorArgs, context: &Context) -> Result<(), Error> {
    let arrays = [&args.embeddings, &args.weak_labels].into_iter().flatten().map(ArraySpec::path);
    let wanted = &args.language_model;
    let files = [&wanted.texts, &wanted.template, &wanted.ids, &args.answers];
    let files = files.into_iter().flatten().map(PathBuf::as_path);
    apart(&[("--out", Some(&args.out))], arrays.chain([args.classes.as_path()]).chain(files))?;
    let classes = read_classes(&args.classes)?;
    let (prior, model, report): (_, _, Option<serde_json::Value>) =
        match (&args.embeddings, &args.weak_labels, &args.answers, &args.llm) {
            (Some(items), ..) => {
                (from_prompts(args, items, &classes, context)?, Some(args.model.as_str()), None)
            }
            (_, Some(votes), ..) => {
                (from_votes(votes, args.generative, classes.len())?, None, None)
            }
            (_, _, Some(path), _) => {
                let (prior, report) = answers::read(path, wanted, &classes)?;
                (prior, None, Some(report))
            }
            #[cfg(feature = "llm")]
            (.., Some(url)) => {
                let answers = llm::ask(url, args, &classes, context)?;
                let report = json!(answers.report);
                (answers.prior, args.language_model.llm_model.as_deref(), Some(report))
            }
            #[cfg(not(feature = "llm"))]
            (.., Some(_)) => return Err(crate::features::missing("`alfm prior --llm`", "llm")),
            _ => {
                let remedy = "give --embeddings, --weak-labels, --llm or --answers";
                return Err(missing("a source of the prior", remedy));
            }
        };
    let precision = if args.f16 { Precision::F16 } else { Precision::F32 };
    write_safetensors(&args.out, &[("prior", prior.view())], precision, model)?;
    say(&format!("{} x {} probabilities in {}", prior.rows(), prior.classes(), args.out.display()));
    if context.json {
        let (rows, classes) = (prior.rows(), prior.classes());
        result(&json!({ "file": args.out, "rows": rows, "classes": classes, "answers": report }))?;
    }
    Ok(())
}

#[cfg(not(feature = "models"))]
fn from_prompts(
    _: &PriorArgs,
    _: &ArraySpec,
    _: &[ClassEntry],
    _: &Context,
) -> Result<Probabilities, Error> {
    Err(crate::features::missing(
        "`alfm prior --embeddings`, whose prompts are embedded,",
        "models",
    ))
}

#[cfg(feature = "models")]
fn from_prompts(
    args: &PriorArgs,
    items: &ArraySpec,
    classes: &[ClassEntry],
    context: &Context,
) -> Result<Probabilities, Error> {
    use alfm_core::ClassId;
    use alfm_models::Encoder;
    use alfm_prior::{ClassPrompts, zero_shot_by};

    let items = alfm_data::arrays::read_matrix(items)?;
    let encoder = Encoder::find(&args.model, None, &context.hub, &args.cache)?
        .with_watch(crate::output::watch());
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
    zero_shot_by(items.view()?, &prompts, args.temperature, encoder.head()?)
}

fn from_votes(votes: &ArraySpec, generative: bool, classes: usize) -> Result<Probabilities, Error> {
    let read = read_label_matrix(votes)?;
    let votes = Votes::new(&read.labels, read.rows, read.columns, classes)?;
    say(&format!(
        "{} rules, {:.1} % of the items covered",
        votes.rules(),
        100.0 * votes.coverage()
    ));
    let model = if generative { RuleModel::Generative } else { RuleModel::Majority };
    model.prior(&votes)
}
