//! Files are either whole or not there: write to a temporary name beside the target, fsync, rename.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// How the name of an unfinished file ends; what precedes it is the name of the target and six characters.
const UNFINISHED: &str = ".part";

/// Bytes of the target's name that the temporary one repeats: file systems take 255.
const REPEATED: usize = 160;

/// Writes `path` through `write`; readers see the old file or the whole new one, never a part.
///
/// Missing parent folders are made. A link is followed: what it points to is written. An existing file keeps its mode,
/// a new one gets that of the process's umask. What is no regular file, a device or a pipe, can't be replaced and is
/// written to. The temporary file is removed when anything fails, and if the process is killed, by the next write of
/// the same path.
///
/// # Errors
/// Whatever `write` or the file system returns; a folder.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    // The system follows links itself, also those of open files, which have no path.
    let existing = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => {
            let mut stream = BufWriter::new(OpenOptions::new().write(true).open(path)?);
            write(&mut stream)?;
            return stream.flush();
        }
        Ok(metadata) => Some(metadata.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let path = resolved(path)?;
    let (folder, name) = parts(&path);
    fs::create_dir_all(folder)?;
    let start = start_of_temporary(&name);
    remove_unfinished(folder, &start);
    let mut file = BufWriter::new(temporary(folder, &start)?);
    write(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    if let Some(permissions) = existing {
        file.as_file().set_permissions(permissions)?;
    }
    file.persist(&path).map_err(|failed| failed.error)?;
    Ok(())
}

/// Where a file is or will be: absolute, links followed, that of a file that is not there yet too.
///
/// Two paths name one file if they resolve to the same.
///
/// # Errors
/// Links in a circle, and what the file system returns.
pub fn resolved(path: &Path) -> io::Result<PathBuf> {
    /// Links that are followed by hand, as many as Linux follows.
    const MOST_LINKS: usize = 40;
    let mut path = std::path::absolute(path)?;
    for _ in 0..MOST_LINKS {
        match path.canonicalize() {
            Ok(real) => return Ok(real),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
        let (folder, name) = parts(&path);
        match fs::read_link(&path) {
            // A link to what is not there yet.
            Ok(target) => path = folder.join(target),
            Err(_) if folder == path => return Ok(path),
            Err(_) => return Ok(resolved(folder)?.join(name)),
        }
    }
    Err(io::Error::other("too many links, one to the other"))
}

fn parts(path: &Path) -> (&Path, OsString) {
    let name = path.file_name().unwrap_or_default().to_owned();
    (path.parent().unwrap_or(path), name)
}

fn start_of_temporary(name: &OsString) -> String {
    let name = name.to_string_lossy();
    format!(".{}.", &name[..name.floor_char_boundary(REPEATED)])
}

/// A file of its own in `folder`, locked for as long as it is open.
fn temporary(folder: &Path, start: &str) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(start).suffix(UNFINISHED);
    // The umask takes away from this what its owner does not want to give.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder)?;
    // File systems that know no locks still know files.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// Removes what killed writers of the same target have left: files that nobody holds locked.
///
/// Whatever can't be looked at or removed stays; it does no harm but for its room.
fn remove_unfinished(folder: &Path, start: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let middle = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(UNFINISHED));
        let ours =
            middle.is_some_and(|m| m.len() == 6 && m.bytes().all(|c| c.is_ascii_alphanumeric()));
        if ours && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, content: &str) -> io::Result<()> {
        write_atomically(path, |out| out.write_all(content.as_bytes()))
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/result.txt");
        write(&path, "old").unwrap();
        let failed = write_atomically(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("interrupted"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(path.parent().unwrap()), ["result.txt"]);
        assert_eq!(write(folder.path(), "").unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_nothing_that_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.txt");
        fs::write(folder.path().join(".result.txt.aB3xYz.part"), "killed").unwrap();
        fs::write(folder.path().join(".other.txt.aB3xYz.part"), "of another file").unwrap();
        fs::write(folder.path().join(".result.txt.notes.part"), "somebody's").unwrap();
        let running = temporary(folder.path(), ".result.txt.").unwrap();
        write(&path, "whole").unwrap();
        let running = running.path().file_name().unwrap().to_str().unwrap().to_owned();
        let mut expected =
            [".other.txt.aB3xYz.part", ".result.txt.notes.part", &running, "result.txt"];
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn a_long_name_has_room_for_what_is_added() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["n".repeat(255), "\u{e9}".repeat(127)] {
            write(&folder.path().join(&name), "whole").unwrap();
            assert_eq!(fs::read(folder.path().join(&name)).unwrap(), b"whole");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_stays() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).unwrap();
        symlink("real/result.txt", at("first")).unwrap();
        symlink("first", at("second")).unwrap();
        for content in ["new", "replaced"] {
            write(&at("second"), content).unwrap();
            assert_eq!(fs::read_to_string(at("real/result.txt")).unwrap(), content);
            assert!(at("second").is_symlink() && at("first").is_symlink());
        }
        assert_eq!(resolved(&at("second")).unwrap(), resolved(&at("real/result.txt")).unwrap());
        symlink("circle", at("circle")).unwrap();
        assert!(write(&at("circle"), "").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn modes_are_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = folder.path().join("result.txt");
        write(&path, "new").unwrap();
        let plain = folder.path().join("plain.txt");
        fs::write(&plain, "").unwrap();
        assert_eq!(mode(&path), mode(&plain), "that of the umask");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        write(&path, "replaced").unwrap();
        assert_eq!(mode(&path), 0o640);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to() {
        write(Path::new("/dev/null"), "gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let error = write(Path::new("/dev/full"), "no room").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
