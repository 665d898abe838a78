//! Every encoder of images on every device that this build and this machine offer, against the processor.

#![cfg(any(feature = "wgpu", feature = "cuda"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alfm_core::Matrix;
use alfm_embed::{Backend, EmbedError, EmbeddingCache, ImageEncoder, VisionEncoder};
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

/// The devices beside the processor; those that are missing say why.
fn others() -> Vec<Backend> {
    let find = |name| Backend::find(name).map_err(|error| eprintln!("skipped: {error}")).ok();
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

#[test]
fn every_architecture_agrees_with_the_processor() {
    for device in others() {
        for model in MODELS {
            let expected = encode(&load(model, Backend::Cpu), &images());
            let encoder = load(model, device);
            let got = encode(&encoder, &images());
            let largest = expected.view().values().iter().fold(1.0f32, |most, x| most.max(x.abs()));
            let (worst, row) = difference(got.view(), expected.view());
            eprintln!("{device} {model}: largest difference {worst:e} beside {largest}");
            assert!(worst < TOLERANCE * largest, "{device} {model}, row {row}: off by {worst}");
            // An embedding depends on its image alone, to the last bit.
            assert_eq!(got.view().row(0), got.view().row(2), "{device} {model}");
            let alone = encode(&encoder, &images()[1..2]);
            assert_eq!(alone.view().row(0), got.view().row(1), "{device} {model}");
        }
    }
}

/// At 128 pixels, 256 images at once are more than many adapters' buffers hold.
#[test]
fn large_images_agree_with_the_processor() {
    let Some(model) = common::squeezenet() else { return };
    let embed =
        |device| encode(&VisionEncoder::load_on(&model, Some(128), device).unwrap(), &images());
    let expected = embed(Backend::Cpu);
    let largest = expected.view().values().iter().fold(1.0f32, |most, x| most.max(x.abs()));
    for device in others() {
        let (worst, row) = difference(embed(device).view(), expected.view());
        assert!(worst < TOLERANCE * largest, "{device}, row {row}: off by {worst}");
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
        assert!(matches!(error, EmbedError::EmptyImage { row: 3 }), "{device}: {error}");
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
}
