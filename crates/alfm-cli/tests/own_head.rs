//! Zero-shot priors of models that were trained to make them: their own scale and bias, unless a temperature is given.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;

use alfm_data::arrays::{ArraySpec, read_matrix};
use common::{golden, golden_model, run_on_models};

fn folder_with_models() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for model in ["clip", "siglip"] {
        golden_model(folder.path(), &format!("images/{model}"), &format!("tiny--{model}"));
    }
    folder
}

fn succeed(folder: &Path, arguments: &str) {
    let output = run_on_models(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "alfm {arguments}: {errors}");
}

/// From the reference's embeddings of two images and two texts, and the checkpoints' `logit_scale` and `logit_bias`
/// (0.304961 in CLIP's; -0.158350 and 0.214763 in SigLIP's), by the formulas of `alfm_prior::Head`; the last is the
/// softmax at a temperature of 20.
#[test]
fn a_model_s_own_scale_and_bias_make_the_prior_unless_a_temperature_is_given() {
    let folder = folder_with_models();
    let classes = r#"[{"name": "a", "prompts": ["a photo of a cat"]}, {"name": "b", "prompts": ["cat dog"]}]"#;
    fs::write(folder.path().join("classes.json"), classes).unwrap();
    let cases = [
        ("clip", "", [0.377573, 0.622427, 0.389291, 0.610709]),
        ("siglip", "", [0.487087, 0.512913, 0.485055, 0.514945]),
        ("siglip", "--temperature 20", [0.083170, 0.916830, 0.054962, 0.945038]),
    ];
    for (model, temperature, expected) in cases {
        let items = golden(&format!("images/{model}")).join("expected.safetensors");
        let items = format!("--embeddings {}:embeddings", items.display());
        let made = "--classes classes.json --out prior.safetensors";
        succeed(folder.path(), &format!("prior {items} --model tiny/{model} {temperature} {made}"));
        let prior = folder.path().join("prior.safetensors");
        let spec: ArraySpec = format!("{}:prior", prior.display()).parse().unwrap();
        let matrix = read_matrix(&spec).unwrap();
        let close = matrix.values().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close, "{model} {temperature}: {:?}, not {expected:?}", matrix.values());
    }
}

/// Names of folders are the prompts.
#[test]
fn an_experiment_on_images_uses_the_model_s_own_head_and_says_so() {
    let folder = folder_with_models();
    for (class, image) in [("cat", "wide"), ("dog", "tall")] {
        let images = folder.path().join("images").join(class);
        fs::create_dir_all(&images).unwrap();
        for copy in 0..4 {
            fs::copy(golden(&format!("images/{image}.png")), images.join(format!("{copy}.png")))
                .unwrap();
        }
    }
    let config = r#"
        seeds = 0
        initial = 2
        batch = 1
        rounds = 2
        strategies = "prioral"
        encoder = { model = "tiny/siglip" }
        prior = [{ kind = "zero-shot" }, { kind = "rotated", temperature = 3 }]
        [[dataset]]
        name = "images"
        pool = { split = "all", limit = 4 }
        test = { split = "all", rest = true }
    "#;
    fs::write(folder.path().join("run.toml"), config).unwrap();
    succeed(folder.path(), "run run.toml --out out");
    let runs = fs::read_to_string(folder.path().join("out/runs.jsonl")).unwrap();
    for label in ["zero-shot(own)", "rotated(3)"] {
        assert!(runs.contains(&format!(r#""prior":"{label}""#)), "{label} is not in {runs}");
    }
}
