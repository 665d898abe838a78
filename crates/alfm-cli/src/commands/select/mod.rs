mod inputs;
mod written;

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use alfm_core::{ClassId, ClassSchema, Error, ErrorKind, Items, LabelLog, SampleId};
use alfm_data::arrays::{ArraySpec, read_ids};
use alfm_data::{ClassEntry, read_classes};
use alfm_kernels::device::open_device;
use alfm_select::acquire::{Options, Summary, registry};
use alfm_select::{Inputs, Round, Selector, Strategy, Trust, prioral_summaries};
use serde_json::{Value, json};

use self::inputs::{Files, flag};
use self::written::Told;
use super::Context;
use crate::args::SelectArgs;
use crate::failure::missing;
use crate::output::{lines, result, say};
use crate::outputs::apart;
use crate::pool::{Ids, Pool, agreed, same_rows};

pub(crate) fn run(args: &SelectArgs, context: &Context) -> Result<(), Error> {
    if args.list {
        return list(context);
    }
    let started = Instant::now();
    let outputs = [
        ("--out", args.out.as_deref()),
        ("--clean-out", args.clean_out.as_deref()),
        ("--weights-out", args.weights_out.as_deref()),
    ];
    apart(&outputs, args.inputs())?;
    let device = open_device(&args.device)?;
    let named = args.classes.as_deref().map(read_classes).transpose()?;
    let pool = args.pool.read(named.as_deref())?;
    let mut files = Files::read(args)?;
    if args.pool.columns.label.is_some() {
        files.labels = Some(labels_of_table(args, pool.as_ref())?);
    }
    let (rows, classes) = files.shape()?;
    let items = items(args, pool.as_ref(), rows)?;
    files.check(args)?;
    let log = labels(args, &files, &items, classes)?;
    // The log has them now.
    files.labels = None;
    let selector = Selector::new(strategy(args)?, args.seed)?;
    let budget = args.budget.unwrap_or_default();
    let passes = files.passes(args.logits)?;
    let inputs = files.inputs(args.logits, &passes)?.with_device(&*device);
    let round = match (&files.oracle, args.parallel_annotators) {
        (Some(truth), _) => {
            let file = args.oracle.as_ref().map(ArraySpec::path);
            ask_in_simulation(&selector, (&items, &log), &inputs, budget, (file, truth))?
        }
        (None, Some(annotators)) => {
            let annotators = usize::try_from(annotators).unwrap_or(budget);
            selector.suggest_part(&items, &log, &inputs, budget, annotators)?
        }
        (None, None) => selector.suggest(&items, &log, &inputs, budget)?,
    };
    let classes_told = named.map(|named| class_names(args, named, classes)).transpose()?;
    let content = pool.as_ref().map(|pool| pool.split.items());
    let told = Told { items: &items, content, classes: classes_told };
    written::write(args, selector.strategy().name(), &round, &log, &told, context.json)?;
    let noise = round.noise_size;
    say(&format!(
        "{} queries, noise set {noise}, clean set {}",
        round.queries.len(),
        round.clean.len()
    ));
    if round.cold_start {
        say("drawn at random, since there is no model yet: keep the ids for --random-ids");
    }
    if let Some(columns) = round.trust.as_ref().and_then(mixed_up) {
        say(&format!("the prior is right under other names: are its columns mixed up? {columns}"));
    }
    if context.json {
        result(&json!({
            "strategy": args.strategy,
            "device": device.name(),
            "queries": round.queries.len(),
            "cold_start": round.cold_start,
            "noise_size": noise,
            "clean_size": round.clean.len(),
            "trust": round.trust,
            "suspects": round.suspects,
            "queries_by_prior_label": round.queries_by_prior_label(classes),
            "seconds": started.elapsed().as_secs_f64(),
            "peak_memory_bytes": peak_memory(),
        }))?;
    }
    Ok(())
}

/// The items, by the ids that the inputs know; row numbers where none does.
fn items(args: &SelectArgs, pool: Option<&Pool>, rows: usize) -> Result<Items, Error> {
    let array = args.pool_array().unwrap_or(Path::new("the pool"));
    if let Some(pool) = pool {
        same_rows(&pool.file, pool.split.len(), array, rows)?;
    }
    let mut found = Vec::new();
    if let Some(file) = &args.ids {
        found.push(Ids { file: file.clone(), ids: read_ids(file)? });
    }
    found.extend(pool.and_then(Pool::ids));
    let arrays = [&args.embeddings, &args.prior, &args.model_probs, &args.surprisal];
    for array in arrays.into_iter().flatten() {
        found.extend(Ids::beside(array)?);
    }
    let Some(Ids { file, ids }) = agreed(found, rows, array)? else {
        return Ok(Items::numbered(rows));
    };
    Items::named(ids.iter().map(SampleId::as_str)).map_err(|error| error.in_file(file))
}

/// The labels so far, from the column of a table.
fn labels_of_table(args: &SelectArgs, pool: Option<&Pool>) -> Result<Vec<Option<ClassId>>, Error> {
    // The labels that occur so far need not be all classes, and their order is not that of the columns.
    if args.classes.is_none() {
        return Err(missing("the list of classes behind --label", "give --classes"));
    }
    let table = pool.ok_or_else(|| missing("the table behind --label", "give --texts"))?;
    Ok(table.split.labels().to_vec())
}

/// The names of the classes, one a column.
fn class_names(
    args: &SelectArgs,
    named: Vec<ClassEntry>,
    classes: usize,
) -> Result<Vec<String>, Error> {
    let names: Vec<String> = named.into_iter().map(|class| class.name).collect();
    if names.len() != classes {
        let message = format!("it has {} classes, the inputs have {classes}", names.len());
        let error = Error::input(message);
        return Err(args.classes.iter().fold(error, |error, file| error.in_file(file)));
    }
    Ok(names)
}

/// The labels so far, those that `--random-ids` names as drawn at random.
fn labels(
    args: &SelectArgs,
    files: &Files,
    items: &Items,
    classes: usize,
) -> Result<LabelLog, Error> {
    let mut log = LabelLog::new(ClassSchema::numbered(classes)?);
    let Some(labels) = &files.labels else { return Ok(log) };
    let random: HashSet<SampleId> = match &args.random_ids {
        Some(path) => random_ids(path, items)?.into_iter().collect(),
        None => HashSet::new(),
    };
    let known = items.iter().zip(labels).filter_map(|(id, label)| Some((id, (*label)?)));
    let (random, chosen): (Vec<_>, Vec<_>) = known.partition(|(id, _)| random.contains(id));
    let told = log.tell_random(&random).and_then(|()| log.tell_seed(&chosen));
    told.map_err(|error| args.labels.iter().fold(error, |error, file| error.in_file(file.path())))?;
    Ok(log)
}

/// The ids of a file, which are ids of items.
fn random_ids(path: &Path, items: &Items) -> Result<Vec<SampleId>, Error> {
    let ids = read_ids(path)?;
    if let Some(row) = ids.iter().position(|id| items.row_of(id).is_none()) {
        let message = format!(
            "`{}` is no item of the pool: --random-ids takes the ids of --ids, or row numbers without them",
            ids[row]
        );
        return Err(Error::new(ErrorKind::NotFound, message).at_row(row).in_file(path));
    }
    Ok(ids)
}

/// Which columns of the prior were heard as another class.
fn mixed_up(trust: &Trust) -> Option<String> {
    let columns = trust.renamed.iter().flatten().map(|class| class.index()).enumerate();
    let others = columns.filter(|(column, class)| column != class);
    let named: Vec<_> = others.map(|(column, class)| format!("{column} is {class}")).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// The strategy with the options of `--option`, checked.
fn strategy(args: &SelectArgs) -> Result<Strategy, Error> {
    let mut table = Options::new();
    for option in &args.option {
        let Some((name, value)) = option.split_once('=') else {
            return Err(Error::setting("--option", option, "write NAME=VALUE"));
        };
        // What is no number, list or table is a text.
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        table.insert(name.into(), value);
    }
    if let Some(rho) = args.rho {
        table.insert("rho".into(), rho.into());
    }
    Strategy::with_options(&args.strategy, table)
}

/// One answer at a time, from the labels of all items.
fn ask_in_simulation(
    selector: &Selector,
    (items, log): (&Items, &LabelLog),
    inputs: &Inputs<'_>,
    budget: usize,
    (file, truth): (Option<&Path>, &[Option<ClassId>]),
) -> Result<Round, Error> {
    let oracle = |ids: &[SampleId]| {
        let answer = |id: &SampleId| {
            truth[items.row(id)?].ok_or_else(|| {
                let message = format!(
                    "item `{id}` was asked, and --oracle has -1 for it: give the labels of all items"
                );
                file.iter().fold(Error::input(message), |error, file| error.in_file(file))
            })
        };
        ids.iter().map(answer).collect::<Result<Vec<_>, _>>()
    };
    selector.suggest_and_ask(items, log, inputs, budget, 1, oracle)
}

fn list(context: &Context) -> Result<(), Error> {
    let all: Vec<Summary> =
        registry().map(|entry| entry.summary()).chain(prioral_summaries()).collect();
    if context.json {
        return result(&all);
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::TableStyle::new());
    table.set_header(["strategy", "needs", "time", "memory", "good for"]);
    for entry in &all {
        let needed: Vec<&str> = entry.needs.iter().map(flag).collect();
        let mut name = entry.name.to_owned();
        if entry.interactive {
            name += " *";
        }
        if entry.wrapper {
            name += " (inner)";
        }
        table.add_row([&name, &needed.join(" "), entry.time, entry.memory, entry.good_for]);
    }
    lines(&format!(
        "{table}\n* asks within the batch: see --parallel-annotators and --oracle\n\
         (inner) is around another strategy"
    ))
}

/// The most memory that the process has held, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
