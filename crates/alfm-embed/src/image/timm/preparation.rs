use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::super::config::{fields, setting};
use super::super::preprocess::{Filter, Middle, Preprocessing, Resize, Target};
use super::super::processor::affine;
use crate::Error;

/// `pretrained_cfg`, which old files have at their top level.
#[derive(Deserialize)]
struct Raw {
    /// Channels, height and width.
    input_size: [usize; 3],
    interpolation: String,
    crop_pct: f64,
    crop_mode: Option<String>,
    mean: [f64; 3],
    std: [f64; 3],
}

const FILTERS: [(&str, Filter); 4] = [
    ("nearest", Filter::Nearest),
    ("bilinear", Filter::Bilinear),
    ("bicubic", Filter::Bicubic),
    ("lanczos", Filter::Lanczos),
];

/// What timm does to pictures before this model sees them, when it does not train.
pub(crate) fn read(path: &Path, config: &Value) -> Result<Preprocessing, Error> {
    let raw = Raw::of(path, config)?;
    let edge = raw.edge(path)?;
    let share = raw.crop_pct;
    if !(share > 0.0 && share <= 1.0) {
        return setting(path, "crop_pct", share, "a share above 0, at most 1, is needed");
    }
    let resized = (edge as f64 / share) as usize;
    let target = match raw.crop_mode.as_deref() {
        None | Some("center") => Target::Shortest(resized),
        Some("squash") => Target::Exact([resized, resized]),
        Some(other) => {
            return setting(path, "crop_mode", other, "only `center` and `squash` are built");
        }
    };
    let Some((_, filter)) = FILTERS.iter().find(|(name, _)| *name == raw.interpolation) else {
        let expected = format!("only {} are built", FILTERS.map(|(name, _)| name).join(", "));
        return setting(path, "interpolation", raw.interpolation, &expected);
    };
    let [scale, shift] = affine(path, "std", 1.0 / 255.0, raw.mean, raw.std)?;
    Ok(Preprocessing {
        resize: Some(Resize { target, filter: *filter }),
        crop: Some([edge, edge]),
        middle: Middle::Even,
        scale,
        shift,
    })
}

/// Edge of the pictures that a model was made for.
pub(super) fn input_edge(path: &Path, config: &Value) -> Result<usize, Error> {
    Raw::of(path, config)?.edge(path)
}

impl Raw {
    fn of(path: &Path, config: &Value) -> Result<Self, Error> {
        let mut raw: Self = fields(path, config.get("pretrained_cfg").unwrap_or(config).clone())?;
        // As timm reads it: the model was made for this size, whatever the weights that it began with.
        match &config["model_args"]["img_size"] {
            Value::Null => {}
            Value::Array(size) => {
                let size: [usize; 2] = fields(path, size.clone().into())?;
                raw.input_size[1..].copy_from_slice(&size);
            }
            edge => raw.input_size[1..].fill(fields(path, edge.clone())?),
        }
        Ok(raw)
    }

    fn edge(&self, path: &Path) -> Result<usize, Error> {
        let [channels, height, width] = self.input_size;
        if channels != 3 || height != width || height == 0 {
            let found = format!("{:?}", self.input_size);
            return setting(path, "input_size", found, "3 channels of a square are needed");
        }
        Ok(height)
    }
}
