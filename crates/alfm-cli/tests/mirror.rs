//! With the real encoder and a hub cache: what is bundled is what the program makes, and a killed run goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alfm_core::Matrix;
use alfm_data::arrays::{ArraySpec, read_matrix};
use common::{alfm, has_mirror, run, succeed};

/// Half precision keeps three digits; the encoder's sums depend on the machine beyond the sixth.
const TOLERANCE: f32 = 1e-3;

fn bundled(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/support-inbox").join(name)
}

fn read(path: &Path, key: &str) -> Matrix {
    let spec: ArraySpec = format!("{}:{key}", path.display()).parse().unwrap();
    let matrix = read_matrix(&spec).unwrap();
    Matrix::new(matrix.values().to_vec(), matrix.rows(), matrix.columns()).unwrap()
}

fn assert_close(made: &Path, bundled: &Path, key: &str) {
    let (made, bundled) = (read(made, key), read(bundled, key));
    assert_eq!((made.rows(), made.columns()), (bundled.rows(), bundled.columns()), "{key}");
    let pairs = made.view().values().iter().zip(bundled.view().values());
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < TOLERANCE, "{key} differs by {worst}");
}

#[test]
fn the_bundled_arrays_are_what_the_program_makes() {
    if !has_mirror() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    succeed(folder.path(), "embed --dataset support-inbox --f16 --out embeddings.safetensors");
    for key in ["pool", "test", "prompts"] {
        assert_close(&at("embeddings.safetensors"), &bundled("embeddings.safetensors"), key);
    }
    fs::copy(bundled("classes.json"), at("classes.json")).unwrap();
    let prior = "prior --embeddings embeddings.safetensors:pool --classes classes.json \
                 --temperature 20 --f16 --out prior.safetensors";
    succeed(folder.path(), prior);
    assert_close(&at("prior.safetensors"), &bundled("prior.safetensors"), "prior");
}

/// Of the images that the reference of the encoders was made with.
#[test]
fn a_folder_of_images_is_embedded_and_a_broken_one_is_named() {
    if !has_mirror() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../alfm-embed/tests/golden/images");
    fs::create_dir_all(folder.path().join("images/a")).unwrap();
    for name in ["wide.png", "tall.png"] {
        fs::copy(images.join(name), folder.path().join("images/a").join(name)).unwrap();
    }
    let embed = "embed --images images --model local/squeezenet1_1-imagenet-features \
                 --image-size 64 --out images.safetensors";
    succeed(folder.path(), embed);
    let made = read(&folder.path().join("images.safetensors"), "images");
    assert_eq!((made.rows(), made.columns()), (2, 512));

    fs::write(folder.path().join("images/a/z.jpg"), "no image").unwrap();
    let output = run(folder.path(), embed);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.contains("1 of 3 images cannot be used") && message.contains("z.jpg"),
        "{message}"
    );
}

const CONFIG: &str = r#"
seeds = { from = 0, count = 3 }
initial = 24
batch = 24
rounds = 6
strategies = ["random", "badge", "prioral"]
[[dataset]]
name = "support-inbox"
pool = { split = "pool" }
test = { split = "test" }
[[prior]]
kind = "zero-shot"
"#;

#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    if !has_mirror() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("run.toml"), CONFIG).unwrap();
    succeed(folder.path(), "run run.toml --out straight --jobs 1");

    let mut killed = alfm(folder.path())
        .args("run run.toml --out killed --jobs 1".split_whitespace())
        .spawn()
        .unwrap();
    let runs = folder.path().join("killed/runs");
    let finished = || fs::read_dir(&runs).map_or(0, Iterator::count);
    let deadline = Instant::now() + Duration::from_secs(120);
    while finished() < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!((1..9).contains(&finished()), "killed too late: {} runs are there", finished());

    succeed(folder.path(), "run run.toml --out killed --jobs 2 --resume");
    for name in ["runs.jsonl", "config.toml", "test.svg", "test.png", "report.html", "summary.md"] {
        let read = |out: &str| fs::read(folder.path().join(out).join(name)).unwrap();
        assert!(read("straight") == read("killed"), "{name} differs");
    }
}
