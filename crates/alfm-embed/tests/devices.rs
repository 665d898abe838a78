//! Every encoder on every device that this build and this machine offer, against the processor.

#![cfg(any(feature = "wgpu", feature = "cuda"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alfm_core::Matrix;
use alfm_embed::{
    Backend, BertEncoder, CaptionEncoder, EmbeddingCache, ImageEncoder, TextEncoder, VisionEncoder,
};
use alfm_fixtures::available;
use common::{TOLERANCE, difference, golden};
use image::RgbImage;

const MODELS: [&str; 11] = [
    "vit",
    "dinov2",
    "dinov2-gated",
    "clip",
    "siglip",
    "resnet-basic",
    "resnet-bottleneck",
    "timm-clip",
    "timm-dinov2",
    "timm-registers",
    "timm-resnet-basic",
];

const SENTENCES: [&str; 4] = ["bert", "distilbert", "mpnet", "roberta"];
const CAPTIONS: [&str; 2] = ["images/clip", "images/siglip"];

/// The devices beside the processor; those that are missing say why.
fn others() -> Vec<Backend> {
    let find = |name| available(name, Backend::find(name));
    ["wgpu", "cuda"].into_iter().filter_map(find).collect()
}

fn images() -> Vec<RgbImage> {
    let open = |name: &&str| image::open(golden(&format!("images/{name}.png"))).unwrap().to_rgb8();
    let [wide, tall] = [open(&"wide"), open(&"tall")];
    vec![wide.clone(), tall, wide]
}

fn load(model: &str, device: Backend) -> VisionEncoder {
    VisionEncoder::load_on(&golden(&format!("images/{model}")), None, device).unwrap()
}

fn encode(encoder: &VisionEncoder, images: &[RgbImage]) -> Matrix {
    encoder.encode(&images, &mut |_, _| {}).unwrap()
}

/// Single precision multiplies what it is given, so what matters is the error beside the largest number.
fn assert_alike(what: &str, got: &Matrix, expected: &Matrix) {
    let largest = expected.view().values().iter().fold(1.0f32, |most, x| most.max(x.abs()));
    let (worst, row) = difference(got.view(), expected.view());
    eprintln!("{what}: largest difference {worst:e} beside {largest}");
    assert!(worst < TOLERANCE * largest, "{what}, row {row}: off by {worst}");
}

/// Of all lengths that the tiny models have room for.
fn texts() -> Vec<String> {
    let mut texts = common::texts();
    let all = texts.join(" ");
    let words: Vec<&str> = all.split_whitespace().collect();
    texts.extend((1..14).map(|count| words[..count.min(words.len())].join(" ")));
    texts.push(all);
    texts
}

fn load_texts(model: &str, device: Backend) -> Box<dyn TextEncoder> {
    if CAPTIONS.contains(&model) {
        Box::new(CaptionEncoder::load_on(&golden(model), device).unwrap())
    } else {
        Box::new(BertEncoder::load_on(&golden(model), device).unwrap())
    }
}

fn encode_texts(encoder: &dyn TextEncoder, texts: &[&str]) -> Matrix {
    encoder.encode(texts, &mut |_, _| {}).unwrap()
}

#[test]
fn every_architecture_agrees_with_the_processor() {
    for device in others() {
        for model in MODELS {
            let expected = encode(&load(model, Backend::Cpu), &images());
            let encoder = load(model, device);
            let got = encode(&encoder, &images());
            assert_alike(&format!("{device} {model}"), &got, &expected);
            // An embedding depends on its image alone, to the last bit.
            assert_eq!(got.view().row(0), got.view().row(2), "{device} {model}");
            let alone = encode(&encoder, &images()[1..2]);
            assert_eq!(alone.view().row(0), got.view().row(1), "{device} {model}");
        }
    }
}

#[test]
fn every_encoder_of_texts_agrees_with_the_processor() {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for device in others() {
        for model in SENTENCES.into_iter().chain(CAPTIONS) {
            let expected = encode_texts(&*load_texts(model, Backend::Cpu), &texts);
            let encoder = load_texts(model, device);
            let got = encode_texts(&*encoder, &texts);
            assert_alike(&format!("{device} {model}"), &got, &expected);
            // An embedding depends on its text alone, to the last bit.
            for row in [0, texts.len() - 1] {
                let alone = encode_texts(&*encoder, &texts[row..=row]);
                assert_eq!(alone.view().row(0), got.view().row(row), "{device} {model} {row}");
            }
        }
    }
}

#[test]
fn more_texts_than_a_batch_holds_come_back_in_their_order() {
    let texts: Vec<&str> = ["one", "one two three four five six"].repeat(280);
    for device in others() {
        let mut seen = Vec::new();
        let got =
            load_texts("bert", device).encode(&texts, &mut |done, _| seen.push(done)).unwrap();
        for row in 2..texts.len() {
            assert_eq!(got.view().row(row), got.view().row(row % 2), "{device} {row}");
        }
        assert_ne!(got.view().row(0), got.view().row(1), "{device}");
        assert!(seen.is_sorted() && seen.last() == Some(&texts.len()), "{seen:?}");
    }
}

/// A hundred questions of TREC through the published MiniLM: short ones, since a software driver takes a minute for
/// them.
#[test]
fn real_texts_agree_with_the_processor() {
    let Some(model) = common::minilm() else { return };
    let Some(texts) = common::questions(100) else { return };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let embed = |device| encode_texts(&BertEncoder::load_on(&model, device).unwrap(), &texts);
    let expected = embed(Backend::Cpu);
    for device in others() {
        assert_alike(&format!("{device} MiniLM"), &embed(device), &expected);
    }
}

/// At 128 pixels, 256 images at once are more than many adapters' buffers hold.
#[test]
fn large_images_agree_with_the_processor() {
    let Some(model) = common::squeezenet() else { return };
    let embed =
        |device| encode(&VisionEncoder::load_on(&model, Some(128), device).unwrap(), &images());
    let expected = embed(Backend::Cpu);
    for device in others() {
        assert_alike(device.name(), &embed(device), &expected);
    }
}

#[test]
fn more_images_than_a_batch_holds_come_back_in_their_order() {
    let images: Vec<RgbImage> = images().into_iter().cycle().take(301).collect();
    let mut seen = Vec::new();
    for device in others() {
        let encoder = load("resnet-basic", device);
        let got = encoder.encode(&&images[..], &mut |done, _| seen.push(done)).unwrap();
        assert_eq!(got.rows(), 301);
        for row in 3..301 {
            assert_eq!(got.view().row(row), got.view().row([0, 1, 0][row % 3]), "{device} {row}");
        }
        assert!(seen.is_sorted() && seen.last() == Some(&301), "{seen:?}");
        seen.clear();
    }
}

#[test]
fn an_image_without_pixels_is_named_on_any_device() {
    let mut images = images();
    images.extend([RgbImage::new(0, 3), RgbImage::new(3, 0)]);
    for device in others() {
        let error = load("vit", device).encode(&&images[..], &mut |_, _| {}).unwrap_err();
        assert_eq!(error.to_string(), "image 3 has no pixels: leave it out", "{device}");
    }
}

/// Their numbers differ in the last digits.
#[test]
fn the_cache_tells_devices_apart() {
    let (images, folder) = (images(), tempfile::tempdir().unwrap());
    let cache = EmbeddingCache::new(folder.path(), "tiny/resnet", "1");
    let embed = |device: Backend| {
        let encoder = load("resnet-basic", device);
        let cache = cache.clone().with_device(device);
        cache.embed_images(&encoder, &&images[..], &mut |_, _| {}).unwrap().reused
    };
    assert_eq!(embed(Backend::Cpu), 0);
    for device in others() {
        assert_eq!([embed(device), embed(device)], [0, images.len()], "{device}");
    }
    assert_eq!(embed(Backend::Cpu), images.len());
    let texts = ["to", "label"];
    let embed = |device: Backend| {
        let cache = cache.clone().with_device(device);
        cache.embed(&*load_texts("bert", device), &texts, &mut |_, _| {}).unwrap().reused
    };
    assert_eq!(embed(Backend::Cpu), 0);
    for device in others() {
        assert_eq!([embed(device), embed(device)], [0, texts.len()], "{device}");
    }
}
