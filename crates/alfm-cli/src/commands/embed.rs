use alfm_core::Matrix;
use alfm_data::arrays::{Precision, write_safetensors};
use alfm_data::{Dataset, Split};
use serde_json::json;

use super::{Context, read_text};
use crate::args::EmbedArgs;
use crate::encode::{Encoder, LanguageModel, prompts};
use crate::failure::Failure;
use crate::output::{result, say};

pub(crate) fn run(args: &EmbedArgs, context: &Context) -> Result<(), Failure> {
    let parts = texts(args, context)?;
    let (what, matrices) = if args.surprisal {
        let model = LanguageModel::load(&args.model, &context.hub)?;
        ("rows of surprisal", arrays(parts, |texts| model.surprisal(texts))?)
    } else {
        let encoder = Encoder::load(&args.model, &context.hub, &args.cache)?;
        ("embeddings", arrays(parts, |texts| encoder.embed_texts(texts))?)
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
    parts: Vec<(String, Vec<String>)>,
    compute: impl Fn(&[&str]) -> Result<Matrix, Failure>,
) -> Result<Vec<(String, Matrix)>, Failure> {
    let array = |(key, texts): (String, Vec<String>)| {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        Ok((key, compute(&texts)?))
    };
    parts.into_iter().map(array).collect()
}

/// The texts of every array to write, with its key.
fn texts(args: &EmbedArgs, context: &Context) -> Result<Vec<(String, Vec<String>)>, Failure> {
    if let Some(path) = &args.texts {
        let lines = read_text(path)?.lines().map(str::to_owned).collect();
        return Ok(vec![("texts".into(), lines)]);
    }
    let name = args.dataset.as_deref().unwrap_or_default();
    let data = Dataset::load(name, &context.hub)?;
    let texts = |(name, split): (&String, &Split)| Ok((name.clone(), split.texts()?.to_vec()));
    let mut parts = data.splits().iter().map(texts).collect::<Result<Vec<_>, Failure>>()?;
    let prompts = prompts(&data);
    if !prompts.is_empty() {
        parts.push(("prompts".into(), prompts));
    }
    Ok(parts)
}
