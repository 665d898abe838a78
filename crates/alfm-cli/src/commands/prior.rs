use std::path::PathBuf;

use alfm_core::{Error, Items, Probabilities, SampleId};
use alfm_data::arrays::{ArraySpec, Precision, Rows, read_ids, read_label_matrix, write_rows};
use alfm_data::{ClassEntry, Dataset, read_classes};
use alfm_prior::weak_labels::{RuleModel, Votes};
use serde_json::json;

#[cfg(feature = "llm")]
use super::llm;
use super::{Context, answers};
use crate::args::{LlmArgs, PriorArgs};
use crate::failure::missing;
use crate::output::{result, say};
use crate::outputs::apart;
use crate::pool::{Ids, LeftOut, Pool, agreed, same_rows, tell};

pub(crate) fn run(args: &PriorArgs, context: &Context) -> Result<(), Error> {
    // Before anything is read.
    if args.llm.is_some() && !cfg!(feature = "llm") {
        return Err(crate::features::missing("`alfm prior --llm`", "llm"));
    }
    let arrays = [&args.embeddings, &args.weak_labels].into_iter().flatten().map(ArraySpec::path);
    let wanted = &args.language_model;
    let files = [&wanted.template, &wanted.ids, &args.answers];
    let files = files.into_iter().flatten().map(PathBuf::as_path).chain(args.pool.inputs());
    apart(&[("--out", Some(&args.out))], arrays.chain([args.classes.as_path()]).chain(files))?;
    let classes = read_classes(&args.classes)?;
    let pool = pool(args, context)?;
    let (prior, model, report): (_, _, Option<serde_json::Value>) =
        match (&args.embeddings, &args.weak_labels, &args.answers, &args.llm) {
            (Some(items), ..) => {
                (from_prompts(args, items, &classes, context)?, Some(args.model.as_str()), None)
            }
            (_, Some(votes), ..) => {
                (from_votes(votes, args.generative, classes.len())?, None, None)
            }
            (_, _, Some(path), _) => {
                let items = items_of_answers(args, pool.as_ref())?;
                let (prior, report) = answers::read(path, wanted, &items, &classes)?;
                (prior, None, Some(report))
            }
            #[cfg(feature = "llm")]
            (.., Some(url)) => {
                let answers = llm::ask(url, args, pool.as_ref(), &classes, context)?;
                let report = json!(answers.report);
                (answers.prior, args.language_model.llm_model.as_deref(), Some(report))
            }
            _ => {
                let remedy = "give --embeddings, --weak-labels, --llm or --answers";
                return Err(missing("a source of the prior", remedy));
            }
        };
    let precision = if args.f16 { Precision::F16 } else { Precision::F32 };
    let ids = ids(args, pool.as_ref(), prior.rows())?.map(|known| known.ids);
    let rows = Rows { key: "prior", matrix: prior.view(), ids: ids.as_deref() };
    write_rows(&args.out, &[rows], precision, model)?;
    say(&format!("{} x {} probabilities in {}", prior.rows(), prior.classes(), args.out.display()));
    if context.json {
        let (rows, classes) = (prior.rows(), prior.classes());
        result(&json!({ "file": args.out, "rows": rows, "classes": classes, "answers": report }))?;
    }
    Ok(())
}

/// The items, where flags name them.
fn pool(args: &PriorArgs, context: &Context) -> Result<Option<Pool>, Error> {
    let LlmArgs { dataset, split, .. } = &args.language_model;
    let Some((name, split)) = dataset.as_ref().zip(split.as_ref()) else {
        return args.pool.read(None);
    };
    let data = Dataset::load_with(name, &context.hub, &args.pool.columns.columns(), None)?;
    tell(data.warnings(), &LeftOut::new());
    Ok(Some(Pool::of_split(name, split, data.split(split)?.clone())))
}

/// The items that answers are about: those of --ids, or of the pool.
fn items_of_answers(args: &PriorArgs, pool: Option<&Pool>) -> Result<Items, Error> {
    match (ids_file(args)?.or(pool.and_then(Pool::ids)), pool) {
        (Some(Ids { file, ids }), _) => {
            Items::named(ids.iter().map(SampleId::as_str)).map_err(|error| error.in_file(&file))
        }
        (None, Some(pool)) => Ok(Items::numbered(pool.split.len())),
        (None, None) => Err(missing("the items", "give --ids, or --texts with --id")),
    }
}

fn ids_file(args: &PriorArgs) -> Result<Option<Ids>, Error> {
    let Some(file) = &args.language_model.ids else { return Ok(None) };
    Ok(Some(Ids { file: file.clone(), ids: read_ids(file)? }))
}

/// The ids of the rows, from the embeddings and from the items.
fn ids(args: &PriorArgs, pool: Option<&Pool>, rows: usize) -> Result<Option<Ids>, Error> {
    let array = args.embeddings.as_ref().or(args.weak_labels.as_ref());
    let Some(array) = array else { return Ok(ids_file(args)?.or(pool.and_then(Pool::ids))) };
    if let Some(pool) = pool {
        same_rows(&pool.file, pool.split.len(), array.path(), rows)?;
    }
    let found = [Ids::beside(array)?, pool.and_then(Pool::ids)];
    agreed(found.into_iter().flatten().collect(), rows, array.path())
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
        .map_err(|error| error.in_file(items.path()))
}

fn from_votes(votes: &ArraySpec, generative: bool, classes: usize) -> Result<Probabilities, Error> {
    let read = read_label_matrix(votes)?;
    let votes = Votes::new(&read.labels, read.rows, read.columns, classes)
        .map_err(|error| error.in_file(votes.path()))?;
    say(&format!(
        "{} rules, {:.1} % of the items covered",
        votes.rules(),
        100.0 * votes.coverage()
    ));
    let model = if generative { RuleModel::Generative } else { RuleModel::Majority };
    model.prior(&votes)
}
