#![allow(dead_code, reason = "every test file uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program, offline, with no cache but the one that the test names.
pub(crate) fn alfm(folder: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("alfm"));
    command.current_dir(folder).env("ALFM_OFFLINE", "1").env_remove("ALFM_CACHE");
    command
}

/// Runs to the end.
pub(crate) fn run(folder: &Path, arguments: &str) -> Output {
    alfm(folder).args(arguments.split_whitespace()).output().unwrap()
}

/// Runs what must succeed; its standard output.
pub(crate) fn succeed(folder: &Path, arguments: &str) -> String {
    let output = run(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "alfm {arguments}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A file or folder of the tiny models that the encoders are tested with.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../alfm-embed/tests/golden").join(name)
}

/// Puts one of them into the hub cache `hub` below a folder, as the repository `owner--name`.
pub(crate) fn golden_model(folder: &Path, name: &str, repository: &str) {
    let cached = folder.join("hub").join(format!("models--{repository}"));
    fs::create_dir_all(cached.join("refs")).unwrap();
    fs::write(cached.join("refs/main"), "golden").unwrap();
    copy(&golden(name), &cached.join("snapshots/golden"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let to = to.join(name);
        if from.is_dir() { copy(&from, &to) } else { fs::copy(&from, &to).map(drop).unwrap() }
    }
}

/// Runs to the end, with that hub cache.
pub(crate) fn run_on_models(folder: &Path, arguments: &str) -> Output {
    let mut command = alfm(folder);
    command.env("ALFM_HUB_DIR", folder.join("hub"));
    command.args(arguments.split_whitespace()).output().unwrap()
}

/// Whether the environment names a hub cache; says so if not.
pub(crate) fn has_mirror() -> bool {
    alfm_fixtures::hub().is_some()
}

/// Writes a matrix as another tool would: `.npy`, version 1, C order.
pub(crate) fn write_npy(path: &Path, kind: &str, shape: &[usize], bytes: &[u8]) {
    let dimensions: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = format!("({},)", dimensions.join(", ")).replace(",,", ",");
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    std::fs::write(path, file).unwrap();
}

/// A matrix of f32.
pub(crate) fn write_floats(path: &Path, columns: usize, values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    write_npy(path, "<f4", &[values.len() / columns, columns], &bytes);
}

/// A vector of labels.
pub(crate) fn write_labels(path: &Path, labels: &[i64]) {
    let bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
    write_npy(path, "<i8", &[labels.len()], &bytes);
}
