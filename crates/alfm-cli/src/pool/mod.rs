//! A user's items: the one reader of tables, plain texts and folders of images for all commands.

mod args;
mod ids;

use std::path::{Path, PathBuf};

use alfm_core::{Error, ErrorKind, SampleId};
use alfm_data::{
    ClassEntry, Items, Split, catalog, is_table, read_images, read_items, read_lines, read_table,
};
use serde_json::{Value, json};

pub(crate) use self::args::{ColumnArgs, PoolArgs};
pub(crate) use self::ids::{Ids, agreed, same_rows};
use crate::output::say;

/// What the rows of a file are called that nothing names, before the slash.
pub(crate) const ALL: &str = "all";

/// A user's items.
pub(crate) struct Pool {
    /// The file or folder that they are in.
    pub file: PathBuf,
    /// What rows are called that nothing names, before the slash.
    name: String,
    pub split: Split,
    /// The classes of its labels; empty where these were not looked at.
    pub classes: Vec<ClassEntry>,
    /// What is worth a second look.
    pub warnings: Vec<String>,
    pub left_out: LeftOut,
}

/// Images that were left out, with the reasons.
pub(crate) type LeftOut = Vec<(SampleId, Error)>;

impl PoolArgs {
    /// The items that the flags name, if they do; labels are read where their column is named.
    pub(crate) fn read(&self, classes: Option<&[ClassEntry]>) -> Result<Option<Pool>, Error> {
        let Self { texts, images, columns } = self;
        let pool = match (texts, images, columns.given()) {
            (Some(file), ..) => Pool::of_file(file, columns, classes, columns.label.is_some())?,
            (None, Some(folder), None) => Pool::of_folder(folder, columns)?,
            (None, Some(folder), Some(flag)) => return Err(no_columns("a folder", flag, folder)),
            (None, None, None) => return Ok(None),
            (None, None, Some(flag)) => {
                let message = format!("{flag} is about a table, and there is none: give --texts");
                return Err(Error::new(ErrorKind::Setting, message));
            }
        };
        tell(&pool.warnings, &pool.left_out);
        if pool.split.is_empty() {
            let message = "there is no item in it: give a file with some";
            return Err(Error::new(ErrorKind::Missing, message).in_file(&pool.file));
        }
        Ok(Some(pool))
    }
}

impl Pool {
    /// Reads a table or, by its name, a file of plain text.
    pub(crate) fn of_file(
        file: &Path,
        args: &ColumnArgs,
        classes: Option<&[ClassEntry]>,
        with_labels: bool,
    ) -> Result<Self, Error> {
        let of_arrays = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
        let has_columns = is_table(file) || of_arrays && args.image.is_some();
        if !has_columns {
            return match args.given() {
                None => Self::of_lines(file),
                Some(flag) => Err(no_columns("plain text by its name", flag, file)),
            };
        }
        let columns = args.columns();
        let table = if with_labels {
            read_table(file, &columns, classes)?
        } else {
            read_items(file, &columns)?
        };
        let mut left_out = table.left_out;
        let split = readable(table.items, args, &mut left_out)?;
        let (classes, warnings) = (table.classes, table.warnings);
        Ok(Self { file: file.into(), name: ALL.into(), split, classes, warnings, left_out })
    }

    /// A part of a data set.
    pub(crate) fn of_split(data: &str, name: &str, split: Split) -> Self {
        let (classes, warnings, left_out) = (Vec::new(), Vec::new(), Vec::new());
        Self { file: data.into(), name: name.into(), split, classes, warnings, left_out }
    }

    fn of_lines(file: &Path) -> Result<Self, Error> {
        let lines = read_lines(file)?;
        let ids = (0..lines.len()).map(|row| format!("{ALL}/{row}").into()).collect();
        let labels = vec![None; lines.len()];
        let split = Split::new(ids, Items::Texts(lines), labels)?;
        let (classes, warnings, left_out) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { file: file.into(), name: ALL.into(), split, classes, warnings, left_out })
    }

    fn of_folder(folder: &Path, args: &ColumnArgs) -> Result<Self, Error> {
        let images = read_images(folder, args.unreadable())?;
        let mut left_out = images.left_out;
        let split = readable(images.items, args, &mut left_out)?;
        let (classes, warnings) = (images.classes, images.warnings);
        Ok(Self { file: folder.into(), name: ALL.into(), split, classes, warnings, left_out })
    }

    /// The ids, where they are more than row numbers.
    pub(crate) fn ids(&self) -> Option<Ids> {
        let ids = self.split.own_ids(&self.name)?;
        Some(Ids { file: self.file.clone(), ids: ids.to_vec() })
    }
}

/// Whether a name is that of a user's file or folder, where it is not that of a known data set.
pub(crate) fn on_disk(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    let known = catalog().iter().any(|manifest| manifest.name == name);
    (!known && path.exists()).then_some(path)
}

fn no_columns(what: &str, flag: &str, file: &Path) -> Error {
    let remedy = "leave the flag out, or give a .csv, .tsv, .jsonl or .parquet table";
    let message = format!("it is {what}, and {flag} is about a table: {remedy}");
    Error::new(ErrorKind::Setting, message).in_file(file)
}

/// The items without the images that cannot be decoded, if these are to be left out.
#[cfg(feature = "images")]
pub(crate) fn readable(
    split: Split,
    args: &ColumnArgs,
    left_out: &mut LeftOut,
) -> Result<Split, Error> {
    if !args.skip_unreadable {
        return Ok(split);
    }
    let (split, undecoded) = split.readable()?;
    left_out.extend(undecoded);
    Ok(split)
}

#[cfg(not(feature = "images"))]
pub(crate) fn readable(split: Split, args: &ColumnArgs, _: &mut LeftOut) -> Result<Split, Error> {
    if args.skip_unreadable {
        return Err(crate::features::missing("--skip-unreadable", "images"));
    }
    Ok(split)
}

/// Says what is worth a second look, and what was left out.
pub(crate) fn tell(warnings: &[String], left_out: &LeftOut) {
    for warning in warnings {
        say(&format!("warning: {warning}"));
    }
    for (id, reason) in left_out {
        say(&format!("left out: {id}: {}", reason.report()));
    }
    if !left_out.is_empty() {
        say(&format!("{} image(s) cannot be read and are left out", left_out.len()));
    }
}

/// What was left out, for programs.
pub(crate) fn listed(left_out: &LeftOut) -> Vec<Value> {
    let entry = |(id, reason): &(SampleId, Error)| json!({ "id": id, "reason": reason.report() });
    left_out.iter().map(entry).collect()
}
