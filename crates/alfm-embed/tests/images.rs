//! Every image architecture against transformers and timm, on tiny random models (`reference/make_image_encoders.py`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alfm_core::Matrix;
use alfm_embed::{
    CaptionEncoder, EmbeddingCache, ErrorKind, ImageEncoder, TextEncoder, VisionEncoder,
    model_files,
};
use common::{TOLERANCE, difference, expected, golden};
use image::RgbImage;
use serde_json::{Value, json};

const MODELS: [(&str, usize); 13] = [
    ("vit", 24),
    ("dinov2", 24),
    ("dinov2-gated", 21),
    ("clip", 16),
    ("siglip", 24),
    ("resnet-basic", 12),
    ("resnet-bottleneck", 32),
    ("timm-vit", 24),
    ("timm-clip", 24),
    ("timm-dinov2", 24),
    ("timm-registers", 24),
    ("timm-resnet-basic", 8),
    ("timm-resnet-bottleneck", 32),
];

fn images() -> [RgbImage; 2] {
    ["wide", "tall"]
        .map(|name| image::open(golden(&format!("images/{name}.png"))).unwrap().to_rgb8())
}

fn load(model: &str) -> VisionEncoder {
    VisionEncoder::load(&golden(&format!("images/{model}")), None).unwrap()
}

fn encode(encoder: &VisionEncoder, images: &[RgbImage]) -> Matrix {
    encoder.encode(&images, &mut |_, _| {}).unwrap()
}

/// A random network multiplies what it is given, so what matters is the error beside the largest number.
fn assert_same(what: &str, got: &Matrix, expected: &Matrix) {
    let largest = expected.view().values().iter().fold(1.0f32, |most, x| most.max(x.abs()));
    let (worst, row) = difference(got.view(), expected.view());
    eprintln!("{what}: largest difference {worst:e} beside {largest}, at row {row}");
    assert!(worst < TOLERANCE * largest, "{what}: row {row} is off by {worst}, largest {largest}");
}

#[test]
fn every_architecture_agrees_with_its_reference() {
    for (model, dimension) in MODELS {
        let encoder = load(model);
        assert_eq!(encoder.dimension(), dimension, "{model}");
        let folder = format!("images/{model}");
        // The reference's own pixels: a resized one may differ by a step of its 8 bits.
        let rows = ["pixels0", "pixels1"].map(|pixels| {
            let pixels = expected(&folder, pixels);
            let edge = pixels.columns().isqrt();
            encoder.encode_prepared(pixels.into_values(), [edge, edge]).unwrap()
        });
        let got = Matrix::from_rows(&rows).unwrap();
        assert_same(model, &got, &expected(&folder, "embeddings"));
    }
}

#[test]
fn images_are_prepared_as_the_reference_prepares_them() {
    for (model, _) in MODELS {
        let encoder = load(model);
        for (row, image) in images().iter().enumerate() {
            let expected = expected(&format!("images/{model}"), &format!("pixels{row}"));
            let got = encoder.preprocessing().apply(row, image).unwrap();
            let got = Matrix::new(got, 3, expected.columns()).unwrap();
            let (worst, channel) = difference(got.view(), expected.view());
            // Resizing rounds to 8 bits: one step of these is about 0.02.
            assert!(worst < 0.02, "{model}, image {row}, channel {channel}: {worst}");
        }
    }
}

#[test]
fn the_text_towers_agree_with_their_reference() {
    let captions = std::fs::read_to_string(golden("images/captions.json")).unwrap();
    let captions: Vec<String> = serde_json::from_str(&captions).unwrap();
    let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
    for (model, bias) in [("clip", false), ("siglip", true)] {
        let encoder = CaptionEncoder::load(&golden(&format!("images/{model}"))).unwrap();
        let got = encoder.encode(&captions, &mut |_, _| {}).unwrap();
        assert_same(model, &got, &expected(&format!("images/{model}"), "texts"));
        assert_eq!(encoder.similarity().logit_bias.is_some(), bias);
    }
}

#[test]
fn an_embedding_depends_on_its_image_alone() {
    let [wide, tall] = images();
    for (model, _) in MODELS {
        let encoder = load(model);
        let many: Vec<RgbImage> = [&wide, &tall].into_iter().cycle().take(71).cloned().collect();
        let together = encode(&encoder, &many);
        for (row, image) in [(0, &wide), (69, &tall), (70, &wide)] {
            let alone = encode(&encoder, std::slice::from_ref(image));
            assert_eq!(alone.view().row(0), together.view().row(row), "{model} {row}");
        }
    }
}

#[test]
fn another_size_stretches_the_table_of_positions() {
    let encoder = VisionEncoder::load(&golden("images/vit"), Some(48)).unwrap();
    assert_eq!(encode(&encoder, &images()).columns(), 24);
}

#[test]
fn an_unknown_architecture_lists_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), r#"{"model_type": "swin"}"#).unwrap();
    let error = VisionEncoder::load(folder.path(), None).err().unwrap().to_string();
    assert!(error.contains("`swin` is unknown") && error.contains("vit, dinov2, clip"), "{error}");
    let error = CaptionEncoder::load(&golden("images/vit")).err().unwrap().to_string();
    assert!(error.contains("only clip and siglip have a text tower"), "{error}");
}

/// A copy of a golden model with another `config.json`.
fn changed(model: &str, change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let (golden, folder) = (golden(&format!("images/{model}")), tempfile::tempdir().unwrap());
    let weights = "model.safetensors";
    std::fs::copy(golden.join(weights), folder.path().join(weights)).unwrap();
    let config = std::fs::read(golden.join("config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    change(&mut config);
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

#[test]
fn what_is_not_built_of_timm_is_refused() {
    for (model, pointer, value, expected) in [
        ("timm-vit", "/architecture", json!("vit_base_patch16_siglip_224"), "the known ones are"),
        ("timm-vit", "/architecture", json!("resnet50d"), "timm's resnet{18,34,50,101,152}"),
        ("timm-vit", "/model_args/global_pool", json!("avg"), "only `token` is built for it"),
        ("timm-vit", "/model_args/num_heads", json!(5), "num_attention_heads is 5"),
        ("timm-vit", "/model_args/depth", json!(3), "no tensor `blocks.2."),
        ("timm-vit", "/model_args/mlp_ratio", json!(2.0), "has shape"),
        ("timm-vit", "/model_args/qk_norm", json!(true), "model_args is qk_norm, but only"),
        ("timm-vit", "/model_args/embed_dim", json!("24"), "not the JSON expected"),
        ("timm-vit", "/pretrained_cfg/crop_mode", json!("border"), "crop_mode is border"),
        ("timm-vit", "/pretrained_cfg/interpolation", json!("area"), "interpolation is area"),
        ("timm-vit", "/pretrained_cfg/crop_pct", json!(0.0), "crop_pct is 0"),
        ("timm-vit", "/pretrained_cfg/input_size", json!([1, 32, 32]), "input_size is [1, 32, 32]"),
        ("timm-vit", "/model_args/img_size", json!([32, 16]), "input_size is [3, 32, 16]"),
        ("timm-vit", "/model_args/img_size", json!("32"), "not the JSON expected"),
        ("timm-vit", "/pretrained_cfg/std", json!([1.0, 0.0, 1.0]), "std is 0"),
        ("timm-resnet-basic", "/model_args/channels", json!([4, 6]), "depths is [2, 1, 1, 1]"),
        ("timm-resnet-basic", "/architecture", json!("resnet50"), "model.safetensors"),
    ] {
        let folder = changed(model, |config| set(config, pointer, value));
        let error = VisionEncoder::load(folder.path(), None).err().unwrap().to_string();
        assert!(error.contains(expected), "{pointer}: {error}");
    }
}

fn set(config: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[field] = value;
}

#[test]
fn the_size_that_a_timm_model_was_made_for_goes_before_that_of_its_first_weights() {
    let expected = encode(&load("timm-vit"), &images());
    for size in [json!(32), json!([32, 32])] {
        let folder = changed("timm-vit", |config| {
            set(config, "/pretrained_cfg/input_size", json!([3, 224, 224]));
            set(config, "/model_args/img_size", size);
        });
        let encoder = VisionEncoder::load(folder.path(), None).unwrap();
        assert_eq!(encode(&encoder, &images()), expected);
    }
}

/// Old files have the preparation of pictures at their top level.
#[test]
fn an_old_configuration_of_timm_is_read() {
    let folder = changed("timm-vit", |config| {
        let preparation = config["pretrained_cfg"].take();
        let fields = config.as_object_mut().unwrap();
        fields.remove("pretrained_cfg");
        fields.extend(preparation.as_object().unwrap().clone());
    });
    let old = VisionEncoder::load(folder.path(), None).unwrap();
    assert_eq!(encode(&old, &images()), encode(&load("timm-vit"), &images()));
}

#[test]
fn an_image_without_pixels_is_named() {
    let [wide, _] = images();
    let images: &[RgbImage] = &[wide, RgbImage::new(0, 3)];
    let error = load("vit").encode(&images, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.row(), Some(1));
    assert_eq!(error.to_string(), "image 1 has no pixels: leave it out");
}

#[test]
fn the_files_to_fetch_follow_from_the_configuration() {
    let required = |model: &str| model_files(&golden(model).join("config.json")).unwrap().required;
    assert_eq!(required("bert"), ["model.safetensors", "tokenizer.json"]);
    assert_eq!(required("images/vit"), ["model.safetensors", "preprocessor_config.json"]);
    assert!(required("images/siglip").contains(&"tokenizer.json"));
    assert_eq!(required("images/timm-vit"), ["model.safetensors"]);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    std::fs::write(&config, r#"{"model_type": "swin"}"#).unwrap();
    let error = model_files(&config).unwrap_err().to_string();
    assert!(error.contains("`swin` is unknown; the known ones are bert,"), "{error}");
    assert!(error.contains("dinov2"), "{error}");
}

#[test]
fn the_cache_knows_images_by_their_content() {
    let (encoder, folder) = (load("resnet-basic"), tempfile::tempdir().unwrap());
    let cache = EmbeddingCache::new(folder.path(), "tiny/resnet", "1");
    let embed =
        |images: &[RgbImage]| cache.embed_images(&encoder, &images, &mut |_, _| {}).unwrap();
    let [wide, tall] = images();
    let first = embed(&[wide.clone(), tall.clone()]);
    let again = embed(&[wide.clone(), tall.clone()]);
    assert_eq!((first.reused, again.reused), (0, 2));
    assert_eq!(first.matrix, again.matrix);
    assert_eq!(embed(&[tall, wide]).reused, 0, "another order is another shard");
}

#[test]
fn a_size_of_nothing_or_beyond_measure_is_refused() {
    for (model, _) in MODELS {
        for size in [0, 4097, usize::MAX] {
            let error = VisionEncoder::load(&golden(&format!("images/{model}")), Some(size)).err();
            let error = error.expect(model);
            assert_eq!(error.kind(), ErrorKind::Setting, "{model}, {size}");
            let expected =
                format!("an image size of {size} pixels: give 1 to 4096, or leave it out");
            assert_eq!(error.to_string(), expected, "{model}");
        }
    }
}

/// CLIP's shorter edge of 1 pixel becomes 32, the longer one 32 times 2,000,000: 6 GB.
#[test]
fn an_image_that_grows_beyond_measure_is_named() {
    let images: &[RgbImage] = &[RgbImage::new(3, 40), RgbImage::new(2_000_000, 1)];
    let error = load("clip").encode(&images, &mut |_, _| {}).unwrap_err();
    let expected = "image 1 is 1 x 2000000, and would be 32 x 64000000 for the model: cut it";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert!(encode(&load("vit"), &images[1..]).rows() == 1, "square, whatever it was");
}

#[test]
fn a_padding_that_is_no_word_is_refused() {
    let (siglip, folder) = (golden("images/siglip"), tempfile::tempdir().unwrap());
    for file in ["model.safetensors", "tokenizer.json"] {
        std::fs::copy(siglip.join(file), folder.path().join(file)).unwrap();
    }
    let config = std::fs::read(siglip.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    config["text_config"]["pad_token_id"] = 100_000.into();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let error = CaptionEncoder::load(folder.path()).err().unwrap().to_string();
    assert!(error.contains("pad_token_id is 100000, but"), "{error}");
}
