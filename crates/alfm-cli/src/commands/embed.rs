use std::path::Path;

use alfm_core::{Error, ErrorKind, Matrix};
use alfm_data::arrays::{Precision, write_safetensors};
use alfm_data::{Dataset, Items, Split};
use alfm_models::{Backend, Encoder, LanguageModel};
use serde_json::json;

use super::{Context, read_text};
use crate::args::EmbedArgs;
use crate::output::{result, say, watch};
use crate::outputs::apart;

pub(crate) fn run(args: &EmbedArgs, context: &Context) -> Result<(), Error> {
    let dataset = args.dataset.as_deref().map(Path::new);
    apart(&[("--out", Some(&args.out))], args.texts.as_deref().into_iter().chain(dataset))?;
    let device = Backend::find(&args.device)?;
    let parts = parts(args, context)?;
    let of_images = parts.iter().any(|(_, items)| matches!(items, Items::Images(_)));
    if args.image_size.is_some() && !of_images {
        return Err(Error::new(
            ErrorKind::Setting,
            "there are no images among the items, and --image-size is of images: leave it out",
        ));
    }
    let (what, matrices) = if args.surprisal {
        if device != Backend::Cpu {
            let message =
                format!("surprisal is computed on the processor: leave --device {device} out");
            return Err(Error::new(ErrorKind::Setting, message));
        }
        // Before a model is fetched for them.
        parts.iter().try_for_each(|(_, items)| texts_of(items).map(drop))?;
        let model = LanguageModel::load(&args.model, &context.hub)?.with_watch(watch());
        let texts = |items: &Items| model.surprisal(&texts_of(items)?);
        ("rows of surprisal", arrays(&parts, texts)?)
    } else {
        let encoder = Encoder::find(&args.model, args.image_size, &context.hub, &args.cache)?
            .with_device(device)
            .with_watch(watch());
        let embed = |items: &Items| match items {
            Items::Images(images) => encoder.embed_images(images),
            _ => encoder.embed_texts(&texts_of(items)?),
        };
        ("embeddings", arrays(&parts, embed)?)
    };
    let precision = if args.f16 { Precision::F16 } else { Precision::F32 };
    let views: Vec<_> =
        matrices.iter().map(|(key, matrix)| (key.as_str(), matrix.view())).collect();
    write_safetensors(&args.out, &views, precision, Some(&args.model))?;
    let rows: usize = matrices.iter().map(|(_, matrix)| matrix.rows()).sum();
    say(&format!("{rows} {what} in {}", args.out.display()));
    if context.json {
        let keys: Vec<_> = matrices
            .iter()
            .map(|(key, matrix)| json!({ "key": key, "rows": matrix.rows(), "columns": matrix.columns() }))
            .collect();
        result(&json!({ "file": args.out, "model": args.model, "arrays": keys }))?;
    }
    Ok(())
}

/// One array for each key.
fn arrays(
    parts: &[(String, Items)],
    compute: impl Fn(&Items) -> Result<Matrix, Error>,
) -> Result<Vec<(String, Matrix)>, Error> {
    parts.iter().map(|(key, items)| Ok((key.clone(), compute(items)?))).collect()
}

fn texts_of(items: &Items) -> Result<Vec<&str>, Error> {
    match items {
        Items::Texts(texts) => Ok(texts.iter().map(String::as_str).collect()),
        other => {
            let found = other.kind();
            Err(Error::input(format!(
                "the items are {found}, and --surprisal is of texts: leave it out, or give texts"
            )))
        }
    }
}

/// The items of every array to write, with its key.
fn parts(args: &EmbedArgs, context: &Context) -> Result<Vec<(String, Items)>, Error> {
    if let Some(path) = &args.texts {
        let lines = read_text(path)?.lines().map(str::to_owned).collect();
        return Ok(vec![("texts".into(), Items::Texts(lines))]);
    }
    if let Some(folder) = &args.images {
        let images = Split::from_image_folder(folder)?;
        return Ok(vec![("images".into(), images.items().clone())]);
    }
    let data = Dataset::load(args.dataset.as_deref().unwrap_or_default(), &context.hub)?;
    let splits = data.splits().iter();
    let mut parts: Vec<_> =
        splits.map(|(name, split)| (name.clone(), split.items().clone())).collect();
    let prompts: Vec<String> = data.manifest().prompts().map(|(_, text)| text.to_owned()).collect();
    // Few encoders of images know texts.
    let of_texts = parts.iter().all(|(_, items)| matches!(items, Items::Texts(_)));
    if of_texts && !prompts.is_empty() {
        parts.push(("prompts".into(), Items::Texts(prompts)));
    }
    Ok(parts)
}
