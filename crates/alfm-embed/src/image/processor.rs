use std::path::Path;

use serde::Deserialize;

use super::config::{Architecture, setting as refuse};
use super::preprocess::{Filter, Middle, Preprocessing, Resize, Target};
use super::timm::preparation;
use crate::Error;
use crate::error::read_json;

/// Shortest edge below which ConvNeXT's processor resizes by `crop_pct` and cuts.
const CONVNEXT_CUT_BELOW: usize = 384;

/// `preprocessor_config.json`, as the image processors of transformers write it.
#[derive(Deserialize)]
struct Raw {
    #[serde(default = "yes")]
    do_resize: bool,
    size: Option<RawSize>,
    resample: Option<u8>,
    do_center_crop: Option<bool>,
    crop_size: Option<RawSize>,
    crop_pct: Option<f64>,
    #[serde(default = "yes")]
    do_rescale: bool,
    #[serde(default = "byte")]
    rescale_factor: f64,
    #[serde(default = "yes")]
    do_normalize: bool,
    image_mean: Option<[f64; 3]>,
    image_std: Option<[f64; 3]>,
    #[serde(alias = "feature_extractor_type", default)]
    image_processor_type: String,
}

/// A size; old files have a bare number, which is a shortest edge for some processors and a square for
/// the others.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum RawSize {
    Number(usize),
    Shortest { shortest_edge: usize },
    Exact { height: usize, width: usize },
}

/// Beside the weights of SqueezeNet: `config.json` with what the Keras models are given.
#[derive(Deserialize)]
struct RawSqueezeNet {
    input_size: usize,
    preprocess: RawMean,
}

#[derive(Deserialize)]
struct RawMean {
    channel_order: String,
    mean: [f64; 3],
    scale: f64,
}

fn yes() -> bool {
    true
}

fn byte() -> f64 {
    1.0 / 255.0
}

/// Reads what is done to pictures before the folder's model sees them.
pub(super) fn read(folder: &Path) -> Result<Preprocessing, Error> {
    let path = folder.join("preprocessor_config.json");
    if path.exists() {
        return read_json::<Raw>(&path)?.check(&path);
    }
    let config = folder.join("config.json");
    let fields = read_json::<serde_json::Value>(&config)?;
    match Architecture::of(&fields) {
        Some(Architecture::SqueezeNet) => read_json::<RawSqueezeNet>(&config)?.check(&config),
        Some(Architecture::Timm(_)) => preparation::read(&config, &fields),
        _ => read_json::<Raw>(&path)?.check(&path),
    }
}

impl Raw {
    fn check(&self, path: &Path) -> Result<Preprocessing, Error> {
        let size = if self.do_resize { self.resized(path)? } else { None };
        let (size, crop) = match (size, self.crop_pct) {
            (Some(Target::Shortest(edge)), Some(share)) => convnext(path, edge, share)?,
            (size, _) => (size, self.cropped(path)?),
        };
        let resize = match size {
            Some(target) => Some(Resize { target, filter: self.filter(path)? }),
            None => None,
        };
        let factor = if self.do_rescale { self.rescale_factor } else { 1.0 };
        let (mean, deviation) = if self.do_normalize {
            let mean = self.image_mean.map_or_else(|| missing(path, "image_mean"), Ok)?;
            (mean, self.image_std.map_or_else(|| missing(path, "image_std"), Ok)?)
        } else {
            ([0.0; 3], [1.0; 3])
        };
        let [scale, shift] = affine(path, "image_std", factor, mean, deviation)?;
        Ok(Preprocessing { resize, crop, middle: Middle::Down, scale, shift })
    }

    fn resized(&self, path: &Path) -> Result<Option<Target>, Error> {
        let target = match self.size {
            None => return missing(path, "size"),
            Some(RawSize::Shortest { shortest_edge }) => Target::Shortest(shortest_edge),
            Some(RawSize::Exact { height, width }) => Target::Exact([height, width]),
            Some(RawSize::Number(edge)) if self.keeps_proportions() => Target::Shortest(edge),
            Some(RawSize::Number(edge)) => Target::Exact([edge, edge]),
        };
        let least = match target {
            Target::Exact([height, width]) => height.min(width),
            Target::Shortest(edge) => edge,
        };
        if least == 0 {
            return refuse(path, "size", 0, "it must be at least 1");
        }
        Ok(Some(target))
    }

    /// Whether a bare number is a shortest edge.
    fn keeps_proportions(&self) -> bool {
        let kind = &self.image_processor_type;
        ["CLIP", "Bit", "ConvNext"].iter().any(|prefix| kind.starts_with(prefix))
    }

    fn cropped(&self, path: &Path) -> Result<Option<[usize; 2]>, Error> {
        let edges = match self.crop_size {
            Some(_) if self.do_center_crop == Some(false) => return Ok(None),
            None if self.do_center_crop == Some(true) => return missing(path, "crop_size"),
            None => return Ok(None),
            Some(RawSize::Number(edge)) => [edge, edge],
            Some(RawSize::Exact { height, width }) => [height, width],
            Some(RawSize::Shortest { shortest_edge }) => {
                let expected = "height and width are needed";
                return refuse(path, "crop_size", format!("an edge of {shortest_edge}"), expected);
            }
        };
        if edges.contains(&0) {
            return refuse(path, "crop_size", 0, "it must be at least 1");
        }
        Ok(Some(edges))
    }

    /// By the numbers that Pillow gives its filters.
    fn filter(&self, path: &Path) -> Result<Filter, Error> {
        match self.resample {
            Some(0) => Ok(Filter::Nearest),
            Some(1) => Ok(Filter::Lanczos),
            Some(2) => Ok(Filter::Bilinear),
            Some(3) => Ok(Filter::Bicubic),
            Some(other) => {
                refuse(path, "resample", other, "0 to 3 are built: nearest, Lanczos, linear, cubic")
            }
            None => missing(path, "resample"),
        }
    }
}

/// Scale and shift of each channel by which `value` becomes `(value factor - mean) / deviation`; `field` is the
/// deviation's.
pub(super) fn affine(
    path: &Path,
    field: &'static str,
    factor: f64,
    mean: [f64; 3],
    deviation: [f64; 3],
) -> Result<[[f32; 3]; 2], Error> {
    if deviation.contains(&0.0) {
        return refuse(path, field, "0", "it must be positive");
    }
    Ok([
        deviation.map(|deviation| (factor / deviation) as f32),
        [0, 1, 2].map(|channel| (-mean[channel] / deviation[channel]) as f32),
    ])
}

/// What ConvNeXT's processor, which ResNet uses, makes of a shortest edge and a share of it.
fn convnext(
    path: &Path,
    edge: usize,
    share: f64,
) -> Result<(Option<Target>, Option<[usize; 2]>), Error> {
    if !(share > 0.0 && share <= 1.0) {
        return refuse(path, "crop_pct", share, "a share above 0, at most 1, is needed");
    }
    if edge >= CONVNEXT_CUT_BELOW {
        return Ok((Some(Target::Exact([edge, edge])), None));
    }
    Ok((Some(Target::Shortest((edge as f64 / share) as usize)), Some([edge, edge])))
}

fn missing<T>(path: &Path, field: &'static str) -> Result<T, Error> {
    let expected = "the file must state it: the default depends on the library's version";
    refuse(path, field, "not there", expected)
}

impl RawSqueezeNet {
    fn check(&self, path: &Path) -> Result<Preprocessing, Error> {
        if self.input_size == 0 {
            return refuse(path, "input_size", 0, "it must be at least 1");
        }
        let RawMean { channel_order, mean, scale } = &self.preprocess;
        // Pictures are RGB here. Weights that expect BGR are turned round when they are loaded.
        let mean = match channel_order.as_str() {
            "RGB" => *mean,
            "BGR" => [mean[2], mean[1], mean[0]],
            other => return refuse(path, "channel_order", other, "RGB or BGR is needed"),
        };
        let target = Target::Exact([self.input_size; 2]);
        Ok(Preprocessing {
            resize: Some(Resize { target, filter: Filter::Bilinear }),
            crop: None,
            middle: Middle::Down,
            scale: [*scale as f32; 3],
            shift: mean.map(|mean| (-mean * scale) as f32),
        })
    }
}
