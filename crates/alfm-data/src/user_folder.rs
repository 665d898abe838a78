use std::collections::BTreeMap;
use std::path::Path;

use alfm_core::{ClassId, SampleId};

use crate::images::{self, Found, Walk};
use crate::{ClassEntry, Error, ErrorKind, Split, UserTable, cells};

/// What a reader of a folder does about images that it can't open, or whose kind it can't read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreadable {
    /// The first one is the error.
    #[default]
    Refuse,
    /// They are left out, and listed. Whether the others can be decoded, [`Split::unreadable`] tells.
    LeaveOut,
}

/// A user's folder of images.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UserFolder {
    /// The splits by name: `all`, or those that the folder has.
    pub splits: BTreeMap<String, Split>,
    /// The classes in the order of their numbers; empty where no subfolder is one.
    pub classes: Vec<ClassEntry>,
    /// What was skipped, and what is worth a second look, in sentences for people.
    pub warnings: Vec<String>,
    /// The images that were left out, with the reasons.
    pub left_out: Vec<(SampleId, Error)>,
}

/// Names that folders of splits have.
const SPLITS: [&str; 8] =
    ["dev", "test", "testing", "train", "training", "val", "valid", "validation"];

/// Reads a folder of images: `CLASS/NAME.jpg`, `.png`, `.bmp`, `.gif` or `.webp`, as the split `all`; or
/// `SPLIT/CLASS/NAME`, where every subfolder has the name of a split, such as `train` or `val`.
///
/// Classes are the subfolders, sorted by name, unless `classes` gives their order; ids are paths below the folder. An
/// image that lies beside the subfolders, or in one that is no class of `classes`, is unlabelled. Hidden files, files
/// whose ending is not an image's, and links to folders are skipped; all but the hidden ones are counted and named in
/// the warnings.
///
/// # Errors
/// For a folder that cannot be read or has no images; for folders of splits beside others; for images as `unreadable`
/// says.
pub fn read_folder(
    folder: &Path,
    classes: Option<&[ClassEntry]>,
    unreadable: Unreadable,
) -> Result<UserFolder, Error> {
    let Walk { files, links, others, refused } = found_in(folder)?;
    let mut warnings = images::skipped(&links, &others);
    let mut left_out = leave_out(refused, unreadable)?;
    let in_splits = has_splits(folder, &files, classes.unwrap_or_default())?;
    let level = usize::from(in_splits);
    let mut sizes = BTreeMap::new();
    for class in files.iter().filter_map(|file| file.folder(level)) {
        *sizes.entry(class.to_owned()).or_insert(0_usize) += 1;
    }
    warnings.extend(cells::alike(sizes.iter().map(|(name, items)| (name.as_str(), *items))));
    let classes = match classes {
        Some(classes) => classes.to_vec(),
        None => sizes.into_keys().map(ClassEntry::named).collect(),
    };
    let place = |file: &Found| {
        let name = file.folder(level)?;
        classes.iter().position(|class| class.name == name).map(ClassId::from_index)
    };
    let mut of_split: BTreeMap<String, Vec<(Found, Option<ClassId>)>> = BTreeMap::new();
    for file in files {
        let split = if in_splits { file.folder(0).unwrap_or("all") } else { "all" };
        let label = place(&file);
        of_split.entry(split.to_owned()).or_default().push((file, label));
    }
    let mut splits = BTreeMap::new();
    for (name, files) in of_split {
        let (split, unopened) = Split::of_files(files)?;
        left_out.extend(leave_out(unopened, unreadable)?);
        splits.insert(name, split);
    }
    Ok(UserFolder { splits, classes, warnings, left_out })
}

/// Reads the images below a folder, at any depth, without labels; ids are paths below the folder.
///
/// What is skipped is counted and named in the warnings, as by [`read_folder`].
///
/// # Errors
/// For a folder that cannot be read or has no images; for images as `unreadable` says.
pub fn read_images(folder: &Path, unreadable: Unreadable) -> Result<UserTable, Error> {
    let Walk { files, links, others, refused } = found_in(folder)?;
    let warnings = images::skipped(&links, &others);
    let mut left_out = leave_out(refused, unreadable)?;
    let (items, unopened) = Split::of_files(files.into_iter().map(|file| (file, None)).collect())?;
    left_out.extend(leave_out(unopened, unreadable)?);
    Ok(UserTable { items, classes: Vec::new(), warnings, left_out })
}

/// Those that may be left out; else the first is the error.
fn leave_out(
    found: Vec<(SampleId, Error)>,
    unreadable: Unreadable,
) -> Result<Vec<(SampleId, Error)>, Error> {
    match (unreadable, found.first()) {
        (Unreadable::Refuse, Some((_, error))) => Err(error.clone()),
        _ => Ok(found),
    }
}

/// What is below a folder, with at least one image.
fn found_in(folder: &Path) -> Result<Walk, Error> {
    images::supported(folder)?;
    let found = images::walk(folder)?;
    if found.files.is_empty() && found.refused.is_empty() {
        let skipped = images::skipped(&found.links, &found.others);
        let skipped: String = skipped.iter().map(|told| format!("; {told}")).collect();
        let message = format!(
            "no image is in it: expected CLASS/NAME.jpg, .png, .bmp, .gif or .webp{skipped}"
        );
        return Err(Error::new(ErrorKind::Missing, message).in_file(folder));
    }
    Ok(found)
}

/// Whether the subfolders are splits: all of them by their names, and none is a class that was given.
///
/// A folder `train` of images beside folders of other names may be a class; one of folders is not.
fn has_splits(path: &Path, files: &[Found], given: &[ClassEntry]) -> Result<bool, Error> {
    let is_split = |name: &str| {
        SPLITS.contains(&name.to_lowercase().as_str())
            && given.iter().all(|class| class.name != name)
    };
    let of_split = |file: &&Found| file.folder(0).is_some_and(is_split);
    let Some(split) = files.iter().find(of_split) else { return Ok(false) };
    let Some(other) = files.iter().find(|file| !of_split(file)) else { return Ok(true) };
    let nested = |file: &Found| of_split(&file) && file.folder(1).is_some();
    if !files.iter().any(nested) {
        return Ok(false);
    }
    let message = format!(
        "`{}` lies in a split, by its folder's name, and `{}` does not: keep only folders of splits there, or give a \
         list of classes that names the folder",
        split.id, other.id
    );
    Err(Error::input(message).in_file(path))
}
