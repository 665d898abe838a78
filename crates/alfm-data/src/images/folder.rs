use std::path::{Path, PathBuf};

use alfm_core::SampleId;

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
}

impl Found {
    /// The folder at a level below the one that was walked, from 0, that it lies in.
    pub(crate) fn folder(&self, level: usize) -> Option<&str> {
        let mut parts = self.id.split('/').skip(level);
        let folder = parts.next();
        parts.next().and(folder)
    }
}

/// What is below a folder.
pub(crate) struct Walk {
    /// In the order of their ids.
    pub(crate) files: Vec<Found>,
    /// Ids of links to folders, and of links to nothing.
    pub(crate) links: Vec<String>,
    /// Ids of files whose ending is not an image's.
    pub(crate) others: Vec<String>,
    /// Images of a kind that cannot be read.
    pub(crate) refused: Vec<(SampleId, Error)>,
}

/// What a walk did not take for images, in sentences.
pub(crate) fn skipped(links: &[String], others: &[String]) -> Vec<String> {
    let about = [
        (links, "link(s) to folders, or to nothing, were not followed"),
        (others, "file(s) are no images by their ending and were skipped"),
    ];
    let told = about.into_iter().filter_map(|(ids, what)| {
        let named: Vec<&str> = ids.iter().map(String::as_str).take(5).collect();
        let more = if ids.len() > named.len() { ", ..." } else { "" };
        (!ids.is_empty()).then(|| format!("{} {what}: {}{more}", ids.len(), named.join(", ")))
    });
    told.collect()
}

/// The image files below a folder, at any depth.
///
/// Hidden files and folders are skipped, and so are files that are no images by their ending. Links to files are
/// followed; links to folders are not, so that the walk ends.
///
/// # Errors
/// An unreadable folder.
pub(crate) fn walk(folder: &Path) -> Result<Walk, Error> {
    let mut walk =
        Walk { files: Vec::new(), links: Vec::new(), others: Vec::new(), refused: Vec::new() };
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
            let kind = entry.file_type().map_err(io(&path))?;
            if kind.is_dir() {
                open.push((path, Some(id)));
            } else if kind.is_symlink() && !path.is_file() {
                walk.links.push(id);
            } else {
                match ending(&path).as_str() {
                    known if IMAGES.contains(&known) => walk.files.push(Found { path, id }),
                    other if OTHER_IMAGES.contains(&other) => {
                        walk.refused.push((id.into(), refuse(&path)));
                    }
                    _ => walk.others.push(id),
                }
            }
        }
    }
    walk.files.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    walk.links.sort_unstable();
    walk.others.sort_unstable();
    walk.refused.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(walk)
}

fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn refuse(path: &Path) -> Error {
    let known = IMAGES.join(", ");
    Error::input(format!("images of this kind are not read: convert it to one of {known}"))
        .in_file(path)
}
