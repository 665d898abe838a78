mod show;

use alfm_core::Error;
use alfm_data::{Dataset, Manifest, Source, catalog};
use comfy_table::{Table, TableStyle};

use super::Context;
use crate::args::DataCommand;
use crate::output::{lines, result, say};

pub(crate) fn run(command: &DataCommand, context: &Context) -> Result<(), Error> {
    match command {
        DataCommand::List => list(context),
        DataCommand::Get { name } => get(name, context),
        DataCommand::Show(args) => show::run(args, context),
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
