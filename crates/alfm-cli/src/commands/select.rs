use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use alfm_core::files::write_atomically;
use alfm_core::{ClassId, ClassSchema, CoreError, Predictions, SampleId, ScoreKind};
use alfm_data::arrays::{ArraySpec, FloatMatrix, read_ids, read_labels, read_matrix};
use alfm_kernels::device::open_device;
use alfm_select::acquire::{Averaged, Input, LinearHead, Summary, registry};
use alfm_select::{
    LabelsOnly, MatrixView, PRIORAL, PRIORAL_GUARDED, PRIORAL_GUARDED_SUMMARY, PRIORAL_SUMMARY,
    PoolState, PriorAlConfig, Round, Selector, Strategy, Trust,
};
use serde_json::json;

use super::Context;
use crate::args::SelectArgs;
use crate::failure::Failure;
use crate::output::{lines, result, say};

pub(crate) fn run(args: &SelectArgs, context: &Context) -> Result<(), Failure> {
    if args.list {
        return list(context);
    }
    let started = Instant::now();
    let device = open_device(&args.device)?;
    let inputs = Inputs::read(args)?;
    let (rows, classes) = inputs.shape()?;
    let ids: Vec<SampleId> = match &args.ids {
        Some(path) => read_ids(path)?,
        None => (0..rows).map(|row| SampleId::from(row.to_string())).collect(),
    };
    if ids.len() != rows {
        return Err(CoreError::RowCount { what: "ids", expected: rows, got: ids.len() }.into());
    }
    let schema = ClassSchema::numbered(classes)?;
    let mut selector = Selector::new(strategy(args)?, schema, ids, args.seed)?;
    if let Some(labels) = &inputs.labels {
        let known: Vec<(SampleId, ClassId)> = selector
            .ids()
            .iter()
            .zip(labels)
            .filter_map(|(id, label)| Some((id.clone(), (*label)?)))
            .collect();
        let random: HashSet<SampleId> = match &args.random_ids {
            Some(path) => read_ids(path)?.into_iter().collect(),
            None => HashSet::new(),
        };
        let (random, chosen): (Vec<_>, Vec<_>) =
            known.into_iter().partition(|(id, _)| random.contains(id));
        selector.tell_random(&random)?;
        selector.tell_seed(&chosen)?;
    }
    let budget = args.budget.unwrap_or_default();
    let views = inputs.views(args.logits)?;
    let state = views.state().with_device(&*device);
    let round = match (&inputs.oracle, args.parallel_annotators) {
        (Some(truth), _) => ask_in_simulation(&mut selector, &state, budget, truth)?,
        (None, Some(annotators)) => {
            selector.suggest_part(&state, budget, usize::try_from(annotators).unwrap_or(budget))?
        }
        (None, None) => selector.suggest(&state, budget)?,
    };
    write(args, &selector, &round, context.json)?;
    let noise = round.noise_size;
    say(&format!(
        "{} queries, noise set {noise}, clean set {}",
        round.queries.len(),
        round.clean.len()
    ));
    if let Some(columns) = round.trust.as_ref().and_then(mixed_up) {
        say(&format!("the prior is right under other names: are its columns mixed up? {columns}"));
    }
    if context.json {
        result(&json!({
            "strategy": args.strategy,
            "device": device.name(),
            "queries": round.queries.len(),
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

/// Which columns of the prior were heard as another class.
fn mixed_up(trust: &Trust) -> Option<String> {
    let columns = trust.renamed.iter().flatten().map(|class| class.index()).enumerate();
    let others = columns.filter(|(column, class)| column != class);
    let named: Vec<_> = others.map(|(column, class)| format!("{column} is {class}")).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

fn strategy(args: &SelectArgs) -> Result<Strategy, Failure> {
    Ok(match args.rho {
        Some(rho) if args.strategy == PRIORAL => {
            Strategy::prioral(PriorAlConfig::default().with_noise_fraction(rho))
        }
        Some(rho) if args.strategy == PRIORAL_GUARDED => {
            Strategy::prioral(PriorAlConfig::guarded().with_noise_fraction(rho))
        }
        _ => Strategy::named(&args.strategy)?,
    })
}

/// One answer at a time, from the labels of all items.
fn ask_in_simulation(
    selector: &mut Selector,
    state: &PoolState<'_>,
    budget: usize,
    truth: &[Option<ClassId>],
) -> Result<Round, Failure> {
    let row_of: HashMap<SampleId, usize> =
        selector.ids().iter().enumerate().map(|(row, id)| (id.clone(), row)).collect();
    let oracle = |ids: &[SampleId]| {
        let answer = |id: &SampleId| {
            let row = row_of.get(id).copied().unwrap_or_default();
            truth[row].ok_or_else(|| Failure::Unanswered { id: id.clone() })
        };
        ids.iter().map(answer).collect::<Result<Vec<_>, _>>()
    };
    selector.suggest_and_ask(state, budget, 1, oracle)
}

struct Inputs {
    model: Option<FloatMatrix>,
    prior: Option<FloatMatrix>,
    embeddings: Option<FloatMatrix>,
    labels: Option<Vec<Option<ClassId>>>,
    head: Option<(FloatMatrix, FloatMatrix)>,
    passes: Vec<FloatMatrix>,
    averaged: Option<[FloatMatrix; 3]>,
    surprisal: Option<FloatMatrix>,
    labels_only: Option<FloatMatrix>,
    out_of_fold: Option<FloatMatrix>,
    oracle: Option<Vec<Option<ClassId>>>,
}

fn predictions(matrix: &FloatMatrix, kind: ScoreKind) -> Result<Predictions<'_>, CoreError> {
    matrix.predictions(kind)
}

/// The inputs, checked; what borrows from them is a state.
struct Views<'a> {
    model: Option<Predictions<'a>>,
    prior: Option<Predictions<'a>>,
    embeddings: Option<MatrixView<'a>>,
    head: Option<LinearHead<'a>>,
    passes: Vec<Predictions<'a>>,
    averaged: Option<Averaged<'a>>,
    surprisal: Option<MatrixView<'a>>,
    labels_only: Option<LabelsOnly<'a>>,
}

impl Views<'_> {
    fn state(&self) -> PoolState<'_> {
        let mut state = PoolState::default();
        if let Some(prior) = self.prior {
            state = state.with_prior(prior);
        }
        if let Some(model) = self.model {
            state = state.with_model(model);
        }
        if let Some(embeddings) = self.embeddings {
            state = state.with_embeddings(embeddings);
        }
        if let Some(head) = self.head {
            state = state.with_head(head);
        }
        if !self.passes.is_empty() {
            state = state.with_passes(&self.passes);
        }
        if let Some(averaged) = self.averaged {
            state = state.with_averaged(averaged);
        }
        if let Some(surprisal) = self.surprisal {
            state = state.with_surprisal(surprisal);
        }
        if let Some(labels_only) = self.labels_only {
            state = state.with_labels_only(labels_only);
        }
        state
    }
}

impl Inputs {
    fn read(args: &SelectArgs) -> Result<Self, Failure> {
        let read = |spec: &Option<ArraySpec>| spec.as_ref().map(read_matrix).transpose();
        let head = read(&args.head)?.zip(read(&args.head_bias)?);
        let averaged = [&args.averaged_probs, &args.averaged_hidden, &args.hidden].map(read);
        let [probabilities, hidden, online] = averaged;
        let averaged = match (probabilities?, hidden?, online?) {
            (Some(probabilities), Some(hidden), Some(online)) => {
                Some([probabilities, hidden, online])
            }
            _ => None,
        };
        let inputs = Self {
            model: read(&args.model_probs)?,
            prior: read(&args.prior)?,
            embeddings: read(&args.embeddings)?,
            labels: args.labels.as_ref().map(read_labels).transpose()?,
            head,
            passes: args.pass.iter().map(read_matrix).collect::<Result<_, _>>()?,
            averaged,
            surprisal: read(&args.surprisal)?,
            labels_only: read(&args.labels_only_probs)?,
            out_of_fold: read(&args.out_of_fold)?,
            oracle: args.oracle.as_ref().map(read_labels).transpose()?,
        };
        let (expected, _) = inputs.shape()?;
        let lengths = [
            ("labels", inputs.labels.as_ref().map(Vec::len)),
            ("embeddings", inputs.embeddings.as_ref().map(FloatMatrix::rows)),
            ("oracle", inputs.oracle.as_ref().map(Vec::len)),
        ];
        for (what, got) in lengths {
            if let Some(got) = got.filter(|got| *got != expected) {
                return Err(CoreError::RowCount { what, expected, got }.into());
            }
        }
        Ok(inputs)
    }

    /// Items and classes.
    fn shape(&self) -> Result<(usize, usize), Failure> {
        if let Some(matrix) = self.prior.as_ref().or(self.model.as_ref()) {
            return Ok((matrix.rows(), matrix.columns()));
        }
        let labelled = self.labels.iter().flatten().flatten().map(|class| class.index() + 1).max();
        let classes = labelled.unwrap_or(0).max(2);
        let rows = self.embeddings.as_ref().map(FloatMatrix::rows);
        rows.or(self.labels.as_ref().map(Vec::len)).map(|rows| (rows, classes)).ok_or(
            Failure::Missing {
                missing: "a pool",
                remedy: "give --model-probs, --prior, --embeddings or --labels",
            },
        )
    }

    fn views(&self, logits: bool) -> Result<Views<'_>, Failure> {
        let kind = if logits { ScoreKind::Logits } else { ScoreKind::Probabilities };
        let predictions = |matrix| predictions(matrix, kind);
        let head = match &self.head {
            Some((weights, bias)) => Some(LinearHead::new(weights.view()?, bias.values())?),
            None => None,
        };
        let averaged = match &self.averaged {
            Some([probabilities, hidden, online]) => Some(Averaged {
                model: predictions(probabilities)?,
                hidden: hidden.view()?,
                online_hidden: online.view()?,
            }),
            None => None,
        };
        let alone = self.labels_only.as_ref().or(self.model.as_ref());
        let labels_only = match alone.zip(self.out_of_fold.as_ref()) {
            Some((pool, held_out)) => {
                Some(LabelsOnly::new(predictions(pool)?, predictions(held_out)?))
            }
            None => None,
        };
        Ok(Views {
            labels_only,
            model: self.model.as_ref().map(predictions).transpose()?,
            prior: self.prior.as_ref().map(predictions).transpose()?,
            embeddings: self.embeddings.as_ref().map(FloatMatrix::view).transpose()?,
            head,
            passes: self.passes.iter().map(predictions).collect::<Result<_, _>>()?,
            averaged,
            surprisal: self.surprisal.as_ref().map(FloatMatrix::view).transpose()?,
        })
    }
}

fn write(args: &SelectArgs, selector: &Selector, round: &Round, json: bool) -> Result<(), Failure> {
    let name = selector.strategy().name();
    let queries = |out: &mut dyn Write| -> io::Result<()> {
        for query in &round.queries {
            let mut line = serde_json::to_value(query)?;
            line["strategy"] = name.into();
            writeln!(out, "{line}")?;
        }
        Ok(())
    };
    match &args.out {
        Some(path) => save(path, queries)?,
        None if json => {}
        None => queries(&mut io::stdout().lock()).map_err(Failure::Output)?,
    }
    let Some(path) = &args.clean_out else { return Ok(()) };
    save(path, |out| {
        for item in round.clean.iter() {
            let mut line =
                json!({ "id": item.id, "pseudo_label": item.class, "confidence": item.confidence });
            if round.trust.is_some() {
                line["certified"] = item.certified.into();
            }
            writeln!(out, "{line}")?;
        }
        Ok(())
    })
}

fn save(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    write_atomically(path, write).map_err(|source| Failure::File {
        action: "cannot write",
        path: path.into(),
        source,
    })
}

/// The flag of `alfm select` that gives an input.
fn flag(input: Input) -> &'static str {
    match input {
        Input::Model => "--model-probs",
        Input::Embeddings => "--embeddings",
        Input::Prior => "--prior",
        Input::Head => "--head",
        Input::Passes => "--pass",
        Input::Averaged => "--averaged-probs",
        Input::Surprisal => "--surprisal",
        Input::LabelsOnly => "--out-of-fold",
        _ => "",
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    let all: Vec<Summary> = registry()
        .map(|entry| entry.summary())
        .chain([PRIORAL_SUMMARY, PRIORAL_GUARDED_SUMMARY])
        .collect();
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
