//! What a round is written as: a JSON line an item or, where the file's name ends in `.csv`, a table.

use std::io::{self, Write};
use std::path::Path;

use alfm_core::files::write_atomically;
use alfm_core::{ClassId, Error, Items, LabelLog, SampleId};
use alfm_data::Items as Content;
use alfm_select::{CleanSet, Query, Round};
use serde_json::{Map, Value, json};

use crate::args::SelectArgs;
use crate::failure::{no_output, unwritable};

/// What people know of items and classes beside their numbers.
pub(super) struct Told<'a> {
    pub(super) items: &'a Items,
    /// Texts or images, by row, where they are known.
    pub(super) content: Option<&'a Content>,
    /// Names of the classes, in the order of columns.
    pub(super) classes: Option<Vec<String>>,
}

impl Told<'_> {
    fn name(&self, class: ClassId) -> Option<&str> {
        Some(self.classes.as_ref()?.get(class.index())?)
    }

    /// Adds what is known of the item, and the names of its classes under the second of each pair of keys.
    fn add(
        &self,
        line: &mut Map<String, Value>,
        id: &SampleId,
        classes: &[(&str, Option<ClassId>)],
    ) {
        for (key, class) in classes {
            if let Some(name) = class.and_then(|class| self.name(class)) {
                line.insert((*key).to_owned(), name.into());
            }
        }
        let Some((content, row)) = self.content.zip(self.items.row_of(id)) else { return };
        match content {
            Content::Texts(texts) => line.insert("text".into(), texts[row].as_str().into()),
            Content::Images(images) => line.insert("image".into(), images[row].to_string().into()),
            _ => None,
        };
    }

    fn query(&self, query: &Query, strategy: &str, table: bool) -> io::Result<Map<String, Value>> {
        let Value::Object(mut line) = serde_json::to_value(query)? else {
            return Err(io::Error::other("a query is an object"));
        };
        line.insert("strategy".into(), strategy.into());
        if table {
            // A line leaves out what does not hold; a table has the column.
            line.insert("again".into(), query.again.into());
            line.insert("at_random".into(), query.at_random.into());
        }
        let classes = [("prior_class", query.prior_label), ("model_class", query.model_label)];
        self.add(&mut line, &query.id, &classes);
        Ok(line)
    }

    /// One line a free label: what it is, how sure, what it should weigh in training, and how the mass lies.
    fn free<'a>(
        &'a self,
        clean: &'a CleanSet,
        guarded: bool,
        table: bool,
    ) -> impl Iterator<Item = Map<String, Value>> + 'a {
        clean.iter().enumerate().map(move |(at, item)| {
            let mut line = Map::new();
            line.insert("id".into(), json!(item.id));
            line.insert("pseudo_label".into(), json!(item.class));
            line.insert("confidence".into(), json!(item.confidence));
            line.insert("weight".into(), json!(clean.weight()));
            if guarded {
                line.insert("certified".into(), item.certified.into());
            }
            if let Some(row) = clean.soft().map(|soft| soft.row(at)) {
                if table {
                    for (class, p) in row.iter().enumerate() {
                        let name = self.name(ClassId::from_index(class));
                        let name = name.map_or_else(|| class.to_string(), str::to_owned);
                        line.insert(format!("p_{name}"), json!(p));
                    }
                } else {
                    line.insert("probabilities".into(), json!(row));
                }
            }
            self.add(&mut line, &item.id, &[("pseudo_class", Some(item.class))]);
            line
        })
    }

    /// One line a label so far: what it should weigh in training, less than 1 where both experts contradict it.
    fn weights<'a>(
        &'a self,
        round: &'a Round,
        log: &'a LabelLog,
    ) -> impl Iterator<Item = Map<String, Value>> + 'a {
        log.labels().map(|label| {
            let weight = round.label_weight(label.id, label.class);
            let mut line = Map::new();
            line.insert("id".into(), json!(label.id));
            line.insert("label".into(), json!(label.class));
            line.insert("weight".into(), json!(weight));
            self.add(&mut line, label.id, &[("class", Some(label.class))]);
            line
        })
    }
}

/// Writes the queries, and the free labels and weights where their files are given.
pub(super) fn write(
    args: &SelectArgs,
    strategy: &str,
    round: &Round,
    log: &LabelLog,
    told: &Told<'_>,
    json: bool,
) -> Result<(), Error> {
    let table = args.out.as_deref().is_some_and(is_table);
    let queries = round.queries.iter().map(|query| told.query(query, strategy, table));
    let queries = queries.collect::<io::Result<Vec<_>>>().map_err(no_output)?;
    match &args.out {
        Some(path) => save(path, queries.into_iter())?,
        None if json => {}
        None => lines(&mut io::stdout().lock(), queries.into_iter()).map_err(no_output)?,
    }
    if let Some(path) = &args.clean_out {
        save(path, told.free(&round.clean, round.trust.is_some(), is_table(path)))?;
    }
    if let Some(path) = &args.weights_out {
        save(path, told.weights(round, log))?;
    }
    Ok(())
}

fn save(path: &Path, all: impl Iterator<Item = Map<String, Value>>) -> Result<(), Error> {
    let write =
        |out: &mut dyn Write| if is_table(path) { table(out, all) } else { lines(out, all) };
    write_atomically(path, write).map_err(unwritable(path))
}

fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

fn lines(out: &mut dyn Write, all: impl Iterator<Item = Map<String, Value>>) -> io::Result<()> {
    for line in all {
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The columns are the keys of the first line, `id` before the others; what a line lacks is empty.
fn table(out: &mut dyn Write, all: impl Iterator<Item = Map<String, Value>>) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let mut columns: Vec<String> = Vec::new();
    for line in all {
        if columns.is_empty() {
            columns = line.keys().filter(|key| *key != "id").cloned().collect();
            columns.insert(0, "id".into());
            writer.write_record(&columns)?;
        }
        let cells = columns.iter().map(|column| match line.get(column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        });
        writer.write_record(cells)?;
    }
    if columns.is_empty() {
        writer.write_record(["id"])?;
    }
    writer.flush()
}
