use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::{interpret, unreadable};
use crate::Error;
use crate::arrays::npy::preamble::Preamble;
use crate::arrays::place::Place;
use crate::arrays::raw::{RawArray, Storage};
use crate::error::missing_array;

const SUFFIX: &str = ".npy";

type Archive = ZipArchive<BufReader<File>>;

/// Reads one array of a `.npz` file, which may be compressed, into memory: as much as its shape says, and no more.
pub(in crate::arrays) fn read_npz(path: &Path, key: &str) -> Result<RawArray, Error> {
    let mut archive = open(path)?;
    let mut member = match archive.by_name(&format!("{key}{SUFFIX}")) {
        Ok(member) => member,
        Err(ZipError::FileNotFound) => return Err(missing_array(path, key, &names(path)?)),
        Err(other) => return Err(unreadable(path)(other.into())),
    };
    let preamble = Preamble::read(&mut member).map_err(unreadable(path))?;
    let place = Place { path: path.into(), key: Some(key.to_owned()) };
    // What the archive says of the member's size is what compressed bytes become, whatever the shape says.
    let header =
        interpret(place, preamble, 0, usize::try_from(member.size()).unwrap_or(usize::MAX))?;
    let mut bytes = Vec::new();
    let expected = header.range.len();
    (&mut member).take(expected as u64).read_to_end(&mut bytes).map_err(unreadable(path))?;
    if bytes.len() < expected {
        return Err(header.place.refuse(&format!(
            "{} bytes of data, its shape needs {expected}: the file is truncated, write it again",
            bytes.len()
        )));
    }
    // The last read checks what was read against its checksum.
    let more = member.read(&mut [0]).map_err(unreadable(path))?;
    if more > 0 {
        let message = "it has more data than its shape says: write the file again";
        return Err(header.place.refuse(message));
    }
    Ok(RawArray { header, storage: Storage::Owned(bytes) })
}

/// The arrays of a `.npz` file, sorted.
pub(in crate::arrays) fn names(path: &Path) -> Result<Vec<String>, Error> {
    let archive = open(path)?;
    let mut names = Vec::new();
    for name in archive.file_names() {
        let name = name.map_err(|error| unreadable(path)(error.into()))?;
        names.extend(name.strip_suffix(SUFFIX).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

fn open(path: &Path) -> Result<Archive, Error> {
    let file = crate::file::open(path)?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| unreadable(path)(io::Error::from(error)))
}
