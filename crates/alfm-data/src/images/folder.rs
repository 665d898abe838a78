use std::path::{Path, PathBuf};

use crate::Error;
use crate::error::io;

/// Endings of files that are images.
const IMAGES: [&str; 6] = ["bmp", "gif", "jpeg", "jpg", "png", "webp"];
/// Endings of files that are images of a kind that cannot be read.
const OTHER_IMAGES: [&str; 7] = ["avif", "heic", "heif", "jp2", "jxl", "tif", "tiff"];

/// An image file below a folder.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Its path below the folder, with `/` between the parts.
    pub(crate) id: String,
    /// The subfolder of the first level that it lies in.
    pub(crate) class: Option<String>,
}

/// The image files below a folder, at any depth, in the order of their ids.
///
/// Hidden files and folders, and files that are no images by their ending, are skipped. Links to folders are
/// not followed, so that the walk ends.
///
/// # Errors
/// An unreadable folder; an image of a kind that cannot be read.
pub(crate) fn walk(folder: &Path) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), None::<String>)];
    while let Some((path, prefix)) = open.pop() {
        for entry in std::fs::read_dir(&path).map_err(io(&path))? {
            let entry = entry.map_err(io(&path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let id = prefix.as_ref().map_or(name.clone(), |prefix| format!("{prefix}/{name}"));
            let path = entry.path();
            if entry.file_type().map_err(io(&path))?.is_dir() {
                open.push((path, Some(id)));
            } else if is_image(&path)? {
                let class = id.split_once('/').map(|(class, _)| class.to_owned());
                found.push(Found { path, id, class });
            }
        }
    }
    found.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

fn is_image(path: &Path) -> Result<bool, Error> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let ending = ending.unwrap_or_default();
    if OTHER_IMAGES.contains(&ending.as_str()) {
        let known = IMAGES.join(", ");
        let message = format!("images of this kind are not read: convert it to one of {known}");
        return Err(Error::input(message).in_file(path));
    }
    Ok(IMAGES.contains(&ending.as_str()))
}
