//! Files that a command writes: none over another, and none over what it reads.

use std::path::Path;

use alfm_core::files::resolved;
use alfm_core::{Error, ErrorKind};

use crate::failure::unwritable;

/// Refuses outputs that are one file, or one of the inputs. A device or a pipe takes whatever comes.
///
/// # Errors
/// Of [`ErrorKind::Setting`], naming flags and file.
pub(crate) fn apart<'a>(
    outputs: &[(&str, Option<&Path>)],
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Error> {
    let mut files = Vec::new();
    for (flag, path) in outputs.iter().filter_map(|(flag, path)| Some((flag, (*path)?))) {
        if !path.exists() || path.is_file() {
            files.push((flag, resolved(path).map_err(unwritable(path))?));
        }
    }
    for (at, (flag, file)) in files.iter().enumerate() {
        if let Some((other, _)) = files[..at].iter().find(|(_, earlier)| earlier == file) {
            let message = format!("{other} and {flag} are the same file: give each its own");
            return Err(Error::new(ErrorKind::Setting, message).in_file(file));
        }
    }
    // An input that is not there is for its reader to say.
    for input in inputs.into_iter().filter_map(|input| resolved(input).ok()) {
        if let Some((flag, _)) = files.iter().find(|(_, file)| *file == input) {
            let message = format!("{flag} would overwrite what is read: give another name");
            return Err(Error::new(ErrorKind::Setting, message).in_file(input));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_one_under_two_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("input.npy"), "").unwrap();
        let (one, same, input) = (at("a.jsonl"), at("./a.jsonl"), at("input.npy"));
        let check = |out: &Path, clean: Option<&Path>| {
            apart(&[("--out", Some(out)), ("--clean-out", clean)], [input.as_path()])
        };
        assert!(check(&one, None).is_ok());
        assert!(check(&one, Some(&at("b.jsonl"))).is_ok());
        let error = check(&one, Some(&same)).unwrap_err().to_string();
        assert!(
            error.ends_with("--out and --clean-out are the same file: give each its own"),
            "{error}"
        );
        let error = check(&input, None).unwrap_err().to_string();
        assert!(
            error.ends_with("--out would overwrite what is read: give another name"),
            "{error}"
        );
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("input.npy", at("link.npy")).unwrap();
            assert!(check(&at("link.npy"), None).is_err());
            assert!(check(Path::new("/dev/null"), Some(Path::new("/dev/null"))).is_ok());
        }
    }
}
