use alfm_core::Error;
use alfm_data::{Dataset, Image, Items, Manifest, Source, catalog};
use comfy_table::{Table, TableStyle};
use serde_json::json;

use super::Context;
use crate::args::DataCommand;
use crate::output::{lines, result, say};

pub(crate) fn run(command: &DataCommand, context: &Context) -> Result<(), Error> {
    match command {
        DataCommand::List => list(context),
        DataCommand::Get { name } => get(name, context),
        DataCommand::Show { name, rows } => show(name, *rows, context),
    }
}

fn list(context: &Context) -> Result<(), Error> {
    if context.json {
        return result(&catalog());
    }
    let mut table = table(["name", "classes", "items", "source", "licence", "title"]);
    for manifest in catalog() {
        let counts: usize =
            manifest.splits.values().map(|split| split.counts.iter().sum::<usize>()).sum();
        let items = if counts == 0 { "not known".to_owned() } else { counts.to_string() };
        table.add_row([
            manifest.name.clone(),
            manifest.classes.len().to_string(),
            items,
            place(manifest),
            manifest.licence.clone(),
            manifest.title.clone(),
        ]);
    }
    lines(&table.to_string())
}

fn get(name: &str, context: &Context) -> Result<(), Error> {
    // Loading finds or fetches every file, and checks rows, labels and counts.
    let data = Dataset::load(name, &context.hub)?;
    let files = data.manifest().fetch(&context.hub)?;
    if context.json {
        return result(&files);
    }
    for file in files {
        say(&format!("{}  {}  {} bytes", file.sha256, file.path.display(), file.bytes));
    }
    say(&format!("{name}: complete, revision {}", data.revision()));
    Ok(())
}

fn show(name: &str, rows: usize, context: &Context) -> Result<(), Error> {
    let data = Dataset::load(name, &context.hub)?;
    let classes = data.schema().len();
    if context.json {
        let splits: serde_json::Map<String, serde_json::Value> = data
            .splits()
            .iter()
            .map(|(split, content)| {
                let facts = json!({
                    "items": content.len(),
                    "counts": content.class_counts(classes),
                    "digest": content.digest(),
                });
                (split.clone(), facts)
            })
            .collect();
        let names = data.schema().names();
        return result(&json!({ "name": data.name(), "classes": names, "splits": splits }));
    }
    let mut head = vec!["class".to_owned()];
    head.extend(data.splits().keys().cloned());
    let mut counts = table(head);
    for (class, name) in data.schema().names().iter().enumerate() {
        let of_split =
            data.splits().values().map(|split| split.class_counts(classes)[class].to_string());
        counts.add_row(std::iter::once(name.clone()).chain(of_split));
    }
    lines(&counts.to_string())?;
    for (name, split) in data.splits() {
        lines(&format!("\n{name}, {} items:", split.len()))?;
        for (row, (id, label)) in split.ids().iter().zip(split.labels()).enumerate().take(rows) {
            let item = match split.items() {
                Items::Texts(texts) => texts[row].clone(),
                Items::Images(images) => describe(&images[row]),
                _ => String::new(),
            };
            let class = match label {
                Some(class) => data.schema().name(*class)?,
                None => "unlabelled",
            };
            lines(&format!("  {id} [{class}] {item}"))?;
        }
    }
    Ok(())
}

/// Its name alone, where this build decodes no images.
#[cfg(not(feature = "images"))]
fn describe(image: &Image) -> String {
    image.to_string()
}

/// Its size, or why it has none.
#[cfg(feature = "images")]
fn describe(image: &Image) -> String {
    match image.decode() {
        Ok(pixels) => format!("{} x {} pixels, {image}", pixels.width(), pixels.height()),
        Err(error) => error.to_string(),
    }
}

fn place(manifest: &Manifest) -> String {
    match &manifest.source {
        Source::Bundled => "in the program".into(),
        Source::Hub { repo, .. } => repo.clone(),
        Source::Folder { home, .. } => home.clone(),
        Source::File { path } => path.display().to_string(),
        _ => String::new(),
    }
}

fn table(head: impl IntoIterator<Item = impl Into<comfy_table::Cell>>) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header(head.into_iter().map(Into::into).collect::<Vec<_>>());
    table
}
