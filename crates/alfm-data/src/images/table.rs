use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Image, walk};
use crate::Error;
use crate::error;
use crate::table::{self, Cell, Wanted};

/// Reads a column of images: of bytes in a parquet file, else of files below the table's folder.
pub(crate) fn read(path: &Path, column: &str) -> Result<Vec<Image>, Error> {
    if table::ending(path).as_deref() == Some("parquet") {
        #[cfg(feature = "parquet")]
        return super::parquet::read(path, column);
        #[cfg(not(feature = "parquet"))]
        return Err(error::not_built("parquet", path));
    }
    files(path, column)
}

/// Files that the cells name: by path from the table's folder, or by name, with or without its ending, anywhere
/// below it.
fn files(path: &Path, column: &str) -> Result<Vec<Image>, Error> {
    let wanted = [Wanted { name: column, required: true }];
    let cells = table::read(path, &wanted)?.cells.into_iter().next().flatten().unwrap_or_default();
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut by_name = None;
    let mut find = |(row, cell): (usize, &Cell)| {
        let name = cell.to_string();
        let direct = path.with_file_name(&name);
        if !cell.is_empty() && direct.is_file() {
            return Ok(direct);
        }
        let index = match &mut by_name {
            Some(index) => index,
            none => none.insert(names(folder)?),
        };
        match index.get(&name) {
            Some(Some(path)) => Ok(path.clone()),
            Some(None) => {
                Err(error::cell(path, row, column, &name, "a path: several files have this name"))
            }
            None => {
                let expected = "an image file in the folder of the table, or below it";
                Err(error::cell(path, row, column, &name, expected))
            }
        }
    };
    let paths = cells.iter().enumerate().map(&mut find).collect::<Result<Vec<_>, _>>()?;
    // The first error in row order, whatever thread meets one first.
    paths.par_iter().map(Image::file).collect::<Vec<_>>().into_iter().collect()
}

/// Image files by name and by name without ending; `None` where several have it.
fn names(folder: &Path) -> Result<BTreeMap<String, Option<PathBuf>>, Error> {
    let mut index = BTreeMap::new();
    for file in walk(folder)?.files {
        let name = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into());
        for name in [name(file.path.file_name()), name(file.path.file_stem())] {
            let Some(name) = name else { continue };
            let entry = index.entry(name).or_insert_with(|| Some(file.path.clone()));
            if entry.as_ref().is_some_and(|known| *known != file.path) {
                *entry = None;
            }
        }
    }
    Ok(index)
}
