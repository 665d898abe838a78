//! `alfm data show`: what is in a data set, a file or a folder, with labels or without.

use std::collections::BTreeMap;

use alfm_core::Error;
use alfm_data::{ClassEntry, Columns, Dataset, Image, Items, Split, read_classes, read_folder};
use serde_json::{Map, Value, json};

use super::table;
use crate::args::ShowArgs;
use crate::commands::Context;
use crate::output::{lines, result};
use crate::pool::{LeftOut, Pool, listed, on_disk, readable, tell};

/// What there is to show.
struct Shown {
    classes: Vec<String>,
    splits: BTreeMap<String, Split>,
    warnings: Vec<String>,
    left_out: LeftOut,
}

pub(super) fn run(args: &ShowArgs, context: &Context) -> Result<(), Error> {
    let shown = read(args, context)?;
    tell(&shown.warnings, &shown.left_out);
    if context.json {
        return result(&shown.facts(&args.name));
    }
    lines(&shown.counts())?;
    for (name, split) in &shown.splits {
        lines(&format!("\n{name}, {} items:", split.len()))?;
        for row in 0..split.len().min(args.rows) {
            lines(&shown.row(split, row))?;
        }
    }
    Ok(())
}

fn read(args: &ShowArgs, context: &Context) -> Result<Shown, Error> {
    let classes = args.classes.as_deref().map(read_classes).transpose()?;
    let classes = classes.as_deref();
    let columns = args.columns.columns();
    let path = on_disk(&args.name);
    let folder = path.filter(|path| path.is_dir() && columns == Columns::default());
    if let Some(folder) = folder {
        let folder = read_folder(folder, classes, args.columns.unreadable())?;
        let shown = Shown {
            classes: names(&folder.classes),
            splits: folder.splits,
            warnings: folder.warnings,
            left_out: folder.left_out,
        };
        return shown.readable(args);
    }
    if let Some(file) = path.filter(|path| !path.is_dir()) {
        let Pool { split, classes, warnings, left_out, .. } =
            Pool::of_file(file, &args.columns, classes, true)?;
        let splits = BTreeMap::from([("all".to_owned(), split)]);
        return Ok(Shown { classes: names(&classes), splits, warnings, left_out });
    }
    let data = Dataset::load_with(&args.name, &context.hub, &columns, classes)?;
    let shown = Shown {
        classes: data.schema().names().to_vec(),
        splits: data.splits().clone(),
        warnings: data.warnings().to_vec(),
        left_out: LeftOut::new(),
    };
    shown.readable(args)
}

fn names(classes: &[ClassEntry]) -> Vec<String> {
    classes.iter().map(|class| class.name.clone()).collect()
}

impl Shown {
    /// Without the images that cannot be decoded, if they are to be left out.
    fn readable(mut self, args: &ShowArgs) -> Result<Self, Error> {
        for split in self.splits.values_mut() {
            *split = readable(split.clone(), &args.columns, &mut self.left_out)?;
        }
        Ok(self)
    }

    fn unlabelled(split: &Split) -> usize {
        split.labels().iter().filter(|label| label.is_none()).count()
    }

    fn facts(&self, name: &str) -> Value {
        let mut splits = Map::new();
        for (split, content) in &self.splits {
            let facts = json!({
                "items": content.len(),
                "counts": content.class_counts(self.classes.len()),
                "unlabelled": Self::unlabelled(content),
                "digest": content.digest(),
            });
            splits.insert(split.clone(), facts);
        }
        json!({
            "name": name,
            "classes": self.classes,
            "splits": splits,
            "warnings": self.warnings,
            "left_out": listed(&self.left_out),
        })
    }

    /// Items of each class in each split, and those without a label.
    fn counts(&self) -> String {
        let mut counts =
            table(std::iter::once("class").chain(self.splits.keys().map(String::as_str)));
        let of_split: Vec<Vec<usize>> =
            self.splits.values().map(|split| split.class_counts(self.classes.len())).collect();
        for (class, name) in self.classes.iter().enumerate() {
            let of_class = of_split.iter().map(|counts| counts[class].to_string());
            counts.add_row(std::iter::once(one_line(name)).chain(of_class));
        }
        let unlabelled: Vec<usize> = self.splits.values().map(Self::unlabelled).collect();
        if self.classes.is_empty() || unlabelled.iter().any(|items| *items > 0) {
            let cells = unlabelled.iter().map(usize::to_string);
            counts.add_row(std::iter::once("(unlabelled)".to_owned()).chain(cells));
        }
        counts.to_string()
    }

    fn row(&self, split: &Split, row: usize) -> String {
        let item = match split.items() {
            Items::Texts(texts) => one_line(&texts[row]),
            Items::Images(images) => describe(&images[row]),
            _ => String::new(),
        };
        let class = split.labels()[row].map(|class| one_line(&self.classes[class.index()]));
        let class = class.unwrap_or_else(|| "unlabelled".into());
        format!("  {} [{class}] {item}", one_line(split.ids()[row].as_str()))
    }
}

/// Line ends and whatever else a terminal would act on are escaped.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

/// Its name alone, where this build decodes no images.
#[cfg(not(feature = "images"))]
fn describe(image: &Image) -> String {
    one_line(&image.to_string())
}

/// Its size, or why it has none.
#[cfg(feature = "images")]
fn describe(image: &Image) -> String {
    one_line(&match image.decode() {
        Ok(pixels) => format!("{} x {} pixels, {image}", pixels.width(), pixels.height()),
        Err(error) => error.report(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_line_or_moves_a_cursor_is_escaped() {
        assert_eq!(one_line("ä \"b\"\r\n\u{1b}[2J"), "ä \"b\"\\r\\n\\u{1b}[2J");
    }
}
