//! Steps of a fit against PyTorch, and gradients against differences, on tiny random encoders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alfm_core::{ClassId, Matrix, SeedTree};
use alfm_embed::{Items, Prepared, Trunk};
use image::RgbImage;
use serde::Deserialize;

use super::ItemExamples;
use super::fit::Run;
use super::head::Head;
use super::objective::Objective;
use super::state::State;
use crate::{Examples, FineTuneConfig};

#[derive(Deserialize)]
struct Reference {
    losses: BTreeMap<String, Vec<f64>>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder(name: &str) -> PathBuf {
    root().join("../alfm-embed/tests/golden").join(name)
}

/// Whether this is a package, which alone has this file, and holds no goldens.
fn packaged() -> bool {
    let packaged = root().join("Cargo.toml.orig").exists();
    if packaged {
        eprintln!("skipped: a package holds no goldens");
    }
    packaged
}

/// What the reference trains a model on; `soft` rows follow the labelled ones.
struct Set {
    labels: Vec<ClassId>,
    weights: Vec<f32>,
    soft: Option<Matrix>,
    classes: usize,
}

/// The targets of `tests/reference/fine_tune.py`.
fn set(name: &str) -> Set {
    if name.starts_with("images/") {
        let labels = [0, 1].map(ClassId::new).to_vec();
        return Set { labels, weights: vec![1.0, 0.5], soft: None, classes: 2 };
    }
    Set {
        labels: [0, 1, 0, 0].map(ClassId::new).to_vec(),
        weights: vec![1.0, 1.0, 1.0, 0.5, 1.0, 0.5],
        soft: Some(Matrix::from_rows(&[[0.3, 0.0, 0.7], [0.2, 0.4, 0.4]]).unwrap()),
        classes: 3,
    }
}

fn texts() -> Vec<String> {
    let text = std::fs::read_to_string(folder("texts.json")).unwrap();
    serde_json::from_str::<Vec<String>>(&text).unwrap()[..6].to_vec()
}

/// Two images of the size that the model's images are resized to.
fn images(name: &str) -> Vec<RgbImage> {
    let edge = match name {
        "images/dinov2" => 48,
        "images/resnet-basic" | "images/resnet-bottleneck" => 54,
        "images/timm-vit" => 35,
        "images/timm-clip" => 33,
        "images/timm-dinov2" | "images/timm-registers" => 28,
        "images/timm-resnet-basic" | "images/timm-resnet-bottleneck" => 44,
        _ => 32,
    };
    let value = |image: u32, x: u32, y: u32, channel: u32| {
        ((7 * x + 13 * y + 50 * channel + 31 * image * (1 + x * y % 5)) % 256) as u8
    };
    let picture = |image| {
        RgbImage::from_fn(edge, edge, |x, y| image::Rgb([0, 1, 2].map(|c| value(image, x, y, c))))
    };
    vec![picture(0), picture(1)]
}

/// Calls `test` with an encoder, its items and what it is trained on.
fn with_model(name: &str, test: impl FnOnce(Trunk, &ItemExamples<'_>)) {
    let trunk = Trunk::load(&folder(name), None).unwrap();
    let (texts, images, set) = (texts(), images(name), set(name));
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let images = &images[..];
    let items = if name.starts_with("images/") {
        trunk.prepare(Items::Pictures(&images))
    } else {
        trunk.prepare(Items::Texts(&texts))
    };
    let items: Prepared<'_> = items.unwrap();
    let rows: Vec<usize> = (0..items.count()).collect();
    let mut examples = ItemExamples::new(&items, &rows, &set.labels, &set.weights, set.classes);
    examples.soft = set.soft.as_ref().map(Matrix::view);
    test(trunk, &examples);
}

/// The head that the reference starts from.
fn head(width: usize, classes: usize) -> Head {
    Head {
        weights: (0..width * classes).map(|at| 0.3 * (1.0 + at as f32).sin()).collect(),
        intercepts: (0..classes).map(|class| 0.1 * class as f32).collect(),
    }
}

fn objective(trunk: &Trunk, examples: &ItemExamples<'_>) -> Objective {
    let none = Matrix::new(vec![0.0; examples.rows.len()], examples.rows.len(), 1).unwrap();
    assert!(trunk.dimension() > 0);
    let mut plain = Examples::new(none.view(), examples.labels, examples.weights, examples.classes);
    plain.soft = examples.soft;
    plain.check().unwrap();
    Objective::new(&plain, true)
}

#[test]
fn five_steps_lose_what_pytorch_loses() {
    if packaged() {
        return;
    }
    let text = std::fs::read_to_string(root().join("tests/reference/fine_tune.json")).unwrap();
    let reference: Reference = serde_json::from_str(&text).unwrap();
    let config = FineTuneConfig::default()
        .with_epochs(5)
        .with_learning_rates(1e-3, 1e-2)
        .with_weight_decay(0.1)
        .with_warmup(0.2)
        .with_clip_norm(0.5);
    assert_eq!(reference.losses.len(), 17);
    for (name, losses) in &reference.losses {
        with_model(name, |trunk, examples| {
            let objective = objective(&trunk, examples);
            let head = head(trunk.dimension(), examples.classes);
            let mut state = State::new(trunk, head);
            let run = Run::new(&config, examples, &objective, &SeedTree::new(0));
            for (step, expected) in losses.iter().enumerate() {
                let all: Vec<usize> = (0..examples.rows.len()).collect();
                let loss = run.step(&mut state, &all, step).unwrap();
                eprintln!("{name}, step {step}: {loss}, off by {:e}", loss - expected);
                assert!((loss - expected).abs() < 1e-4, "{name}, step {step}: {loss}, {expected}");
            }
        });
    }
}

/// Every third tensor, at its largest gradient, against the difference of losses a little to both sides.
#[test]
fn gradients_are_the_differences_of_losses() {
    if packaged() {
        return;
    }
    for name in
        ["bert", "images/vit", "images/dinov2-gated", "images/resnet-basic", "images/timm-vit"]
    {
        with_model(name, |mut trunk, examples| {
            let objective = objective(&trunk, examples);
            let head = head(trunk.dimension(), examples.classes);
            let all: Vec<usize> = (0..examples.rows.len()).collect();
            let loss = |trunk: &Trunk| {
                let features = trunk.forward(examples.items, examples.rows).unwrap().features();
                objective.loss(&all, 1.0, head.logits(&features)).0
            };
            let pass = trunk.forward(examples.items, examples.rows).unwrap();
            let features = pass.features();
            let (_, slopes) = objective.loss(&all, 1.0, head.logits(&features));
            let gradients = pass.backward(head.backward(&features, &slopes).features);
            for (at, gradient) in gradients.iter().enumerate().step_by(3) {
                let Some(gradient) = gradient else { continue };
                let largest =
                    |a: &usize, b: &usize| gradient[*a].abs().total_cmp(&gradient[*b].abs());
                let place = (0..gradient.len()).max_by(largest).unwrap();
                let kept = trunk.parameters()[at].values[place];
                let mut shifted = |by: f32| {
                    trunk.parameters_mut()[at].values[place] = kept + by;
                    loss(&trunk)
                };
                let step = 2e-3;
                let difference = (shifted(step) - shifted(-step)) / f64::from(2.0 * step);
                shifted(0.0);
                let (name, found) = (&trunk.parameters()[at].name, f64::from(gradient[place]));
                eprintln!("{name}: {found:e}, {difference:e}");
                let allowed = 0.03 * found.abs() + 2e-4;
                assert!((found - difference).abs() < allowed, "{name}: {found}, {difference}");
            }
        });
    }
}
