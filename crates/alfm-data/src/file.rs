//! The one place where a user's files are opened.

use std::fs::File;
use std::path::Path;

use crate::Error;
use crate::error::io;

/// Opens a regular file: a pipe would hang, a device may have no end.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    let about = std::fs::metadata(path).map_err(io(path))?;
    if !about.is_file() {
        let found = if about.is_dir() { "a folder" } else { "a pipe or a device" };
        let message = format!("it is {found}: only regular files are read, save it as one");
        return Err(Error::input(message).in_file(path));
    }
    File::open(path).map_err(io(path))
}

/// All of a regular file.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    open(path)?;
    std::fs::read(path).map_err(io(path))
}
