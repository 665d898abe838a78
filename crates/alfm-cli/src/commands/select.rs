use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use alfm_core::files::write_atomically;
use alfm_core::{ClassId, ClassSchema, CoreError, Predictions, SampleId, ScoreKind};
use alfm_data::arrays::{ArraySpec, FloatMatrix, read_ids, read_labels, read_matrix};
use alfm_select::acquire::{Entry, Needs, REGISTRY};
use alfm_select::{PoolState, PriorAlConfig, Round, Selector, Strategy};
use serde_json::{Value, json};

use super::Context;
use crate::args::SelectArgs;
use crate::failure::Failure;
use crate::output::{lines, result, say};

pub(crate) fn run(args: &SelectArgs, context: &Context) -> Result<(), Failure> {
    if args.list {
        return list(context);
    }
    let started = Instant::now();
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
        selector.tell_seed(&known)?;
    }
    let budget = args.budget.unwrap_or_default();
    let round = selector.suggest(&inputs.state(args.logits)?, budget)?;
    write(args, &selector, &round, context.json)?;
    let noise = round.noise_size;
    say(&format!(
        "{} queries, noise set {noise}, clean set {}",
        round.queries.len(),
        round.clean.len()
    ));
    if context.json {
        result(&json!({
            "strategy": args.strategy,
            "queries": round.queries.len(),
            "noise_size": noise,
            "clean_size": round.clean.len(),
            "queries_by_prior_label": round.queries_by_prior_label(classes),
            "seconds": started.elapsed().as_secs_f64(),
            "peak_memory_bytes": peak_memory(),
        }))?;
    }
    Ok(())
}

fn strategy(args: &SelectArgs) -> Result<Strategy, Failure> {
    Ok(match args.rho {
        Some(rho) if args.strategy == alfm_select::PRIORAL => {
            Strategy::prioral(PriorAlConfig::default().with_noise_fraction(rho))
        }
        _ => Strategy::named(&args.strategy)?,
    })
}

struct Inputs {
    model: Option<FloatMatrix>,
    prior: Option<FloatMatrix>,
    embeddings: Option<FloatMatrix>,
    labels: Option<Vec<Option<ClassId>>>,
}

impl Inputs {
    fn read(args: &SelectArgs) -> Result<Self, Failure> {
        let read = |spec: &Option<ArraySpec>| spec.as_ref().map(read_matrix).transpose();
        let inputs = Self {
            model: read(&args.model_probs)?,
            prior: read(&args.prior)?,
            embeddings: read(&args.embeddings)?,
            labels: args.labels.as_ref().map(read_labels).transpose()?,
        };
        let (expected, _) = inputs.shape()?;
        let lengths = [
            ("labels", inputs.labels.as_ref().map(Vec::len)),
            ("embeddings", inputs.embeddings.as_ref().map(FloatMatrix::rows)),
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

    fn state(&self, logits: bool) -> Result<PoolState<'_>, Failure> {
        let kind = if logits { ScoreKind::Logits } else { ScoreKind::Probabilities };
        let mut state = PoolState::default();
        if let Some(prior) = &self.prior {
            state = state.with_prior(Predictions::new(prior.view()?, kind)?);
        }
        if let Some(model) = &self.model {
            state = state.with_model(Predictions::new(model.view()?, kind)?);
        }
        if let Some(embeddings) = &self.embeddings {
            state = state.with_embeddings(embeddings.view()?);
        }
        Ok(state)
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
            let line =
                json!({ "id": item.id, "pseudo_label": item.class, "confidence": item.confidence });
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

fn list(context: &Context) -> Result<(), Failure> {
    let describe = |name: &str, needs: Needs, entry: Option<&Entry>| -> Value {
        json!({
            "name": name,
            "needs": needs,
            "paper": entry.map_or("ICML 2026, arXiv 2606.07630", |entry| entry.paper),
            "time": entry.map_or("N K", |entry| entry.time),
            "memory": entry.map_or("N", |entry| entry.memory),
            "good_for": entry.map_or(
                "imbalanced, noisy pools with a prior that is worth something",
                |entry| entry.good_for
            ),
        })
    };
    let mut all: Vec<Value> = REGISTRY
        .iter()
        .map(|entry| {
            let strategy = entry.build();
            describe(strategy.name(), strategy.needs(), Some(entry))
        })
        .collect();
    let needs = Needs { model: true, embeddings: false, prior: true };
    all.push(describe(alfm_select::PRIORAL, needs, None));
    if context.json {
        return result(&all);
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::TableStyle::new());
    table.set_header(["strategy", "needs", "time", "memory", "good for"]);
    for entry in &all {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let needs =
            [("model", "--model-probs"), ("embeddings", "--embeddings"), ("prior", "--prior")];
        let needed = needs.iter().filter(|(key, _)| entry["needs"][*key] == json!(true));
        let needed: Vec<&str> = needed.map(|(_, flag)| *flag).collect();
        table.add_row([
            text("name"),
            needed.join(" "),
            text("time"),
            text("memory"),
            text("good_for"),
        ]);
    }
    lines(&table.to_string())
}

/// The most memory that the process has held, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
