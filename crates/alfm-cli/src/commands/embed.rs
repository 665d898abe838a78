use std::path::Path;

use alfm_core::{Error, ErrorKind, Matrix, SampleId};
use alfm_data::arrays::{Precision, Rows, write_rows};
use alfm_data::{Dataset, Items, Split, read_folder};
use alfm_models::{Backend, Encoder, LanguageModel};
use serde_json::json;

use super::Context;
use crate::args::EmbedArgs;
use crate::failure::missing;
use crate::output::{result, say, watch};
use crate::outputs::apart;
use crate::pool::{ALL, LeftOut, Pool, listed, on_disk, readable, tell};

pub(crate) fn run(args: &EmbedArgs, context: &Context) -> Result<(), Error> {
    let dataset = args.dataset.as_deref().map(Path::new);
    apart(&[("--out", Some(&args.out))], args.pool.inputs().chain(dataset))?;
    let device = Backend::find(&args.device)?;
    let (parts, left_out) = parts(args, context)?;
    let of_images = parts.iter().any(|part| matches!(part.items, Items::Images(_)));
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
        parts.iter().try_for_each(|part| texts_of(&part.items).map(drop))?;
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
    let arrays: Vec<Rows<'_>> =
        parts.iter().zip(&matrices).map(|(part, matrix)| part.rows(matrix)).collect();
    write_rows(&args.out, &arrays, precision, Some(&args.model))?;
    let rows: usize = matrices.iter().map(Matrix::rows).sum();
    say(&format!("{rows} {what} in {}", args.out.display()));
    if context.json {
        let keys: Vec<_> = arrays
            .iter()
            .map(|Rows { key, matrix, ids }| {
                let (rows, columns) = (matrix.rows(), matrix.columns());
                json!({ "key": key, "rows": rows, "columns": columns, "ids": ids.is_some() })
            })
            .collect();
        let (file, model, left_out) = (&args.out, &args.model, listed(&left_out));
        let about = json!({ "file": file, "model": model, "arrays": keys, "left_out": left_out });
        result(&about)?;
    }
    Ok(())
}

/// What becomes one array.
struct Part {
    key: String,
    items: Items,
    /// Where they are more than row numbers.
    ids: Option<Vec<SampleId>>,
}

impl Part {
    /// The items of a split; `name` is what its rows are called where nothing names them.
    fn of_split(key: impl Into<String>, name: &str, split: &Split) -> Self {
        let ids = split.own_ids(name).map(<[SampleId]>::to_vec);
        Self { key: key.into(), items: split.items().clone(), ids }
    }

    fn rows<'a>(&'a self, matrix: &'a Matrix) -> Rows<'a> {
        Rows { key: &self.key, matrix: matrix.view(), ids: self.ids.as_deref() }
    }
}

fn arrays(
    parts: &[Part],
    compute: impl Fn(&Items) -> Result<Matrix, Error>,
) -> Result<Vec<Matrix>, Error> {
    parts.iter().map(|part| compute(&part.items)).collect()
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

/// The items of every array to write, and the images that were left out.
fn parts(args: &EmbedArgs, context: &Context) -> Result<(Vec<Part>, LeftOut), Error> {
    let columns = &args.pool.columns;
    let Some(name) = &args.dataset else {
        let pool = args
            .pool
            .read(None)?
            .ok_or_else(|| missing("something to embed", "give --dataset, --texts or --images"))?;
        let Pool { split, left_out, .. } = pool;
        return Ok((vec![Part::of_split(split.items().kind(), ALL, &split)], left_out));
    };
    let mut left_out = LeftOut::new();
    let folder = on_disk(name).filter(|path| columns.skip_unreadable && path.is_dir());
    let data = match folder {
        Some(path) => {
            let mut folder = read_folder(path, None, columns.unreadable())?;
            left_out.append(&mut folder.left_out);
            Dataset::of_folder(path, folder)?
        }
        None => Dataset::load_with(name, &context.hub, &columns.columns(), None)?,
    };
    let mut parts = Vec::new();
    for (name, split) in data.splits() {
        let split = readable(split.clone(), columns, &mut left_out)?;
        parts.push(Part::of_split(name, name, &split));
    }
    tell(data.warnings(), &left_out);
    let prompts: Vec<String> = data.manifest().prompts().map(|(_, text)| text.to_owned()).collect();
    // Few encoders of images know texts.
    let of_texts = parts.iter().all(|part| matches!(part.items, Items::Texts(_)));
    if of_texts && !prompts.is_empty() {
        parts.push(Part { key: "prompts".into(), items: Items::Texts(prompts), ids: None });
    }
    Ok((parts, left_out))
}
