//! The one place of the crate that needs `unsafe`: a read-only memory map of a file.

use std::path::Path;

use memmap2::Mmap;

use crate::error::io;
use crate::{Error, file};

/// Maps a file for reading.
pub(super) fn open(path: &Path) -> Result<Mmap, Error> {
    let file = file::open(path)?;
    // SAFETY: the map is read-only and private to this process, and it is only ever looked at as bytes or as
    // f32, for which every bit pattern is valid. What the compiler cannot rule out is another process that
    // changes the file meanwhile. Our own writers never change a file in place: they rename a new one over
    // the name, and a map keeps the old one. Anything else that rewrites an input while it is being read is
    // outside what a program can guard against, short of copying every file, and is documented on
    // `FloatMatrix`.
    unsafe { Mmap::map(&file) }.map_err(io(path))
}
