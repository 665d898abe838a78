//! Images a second through an image encoder, prepared ones and whole ones.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use alfm_embed::{Backend, ImageEncoder, VisionEncoder};
use clap::Parser;
use image::RgbImage;
use serde_json::json;

#[derive(Debug, Parser)]
#[command(about = "Images a second through an image encoder, one JSON line")]
struct Args {
    /// The model's folder: `peers/vit_peer.py make` writes one.
    folder: PathBuf,
    /// How many images.
    #[arg(long, default_value_t = 128)]
    images: u32,
    /// The edge of the images before they are resized.
    #[arg(long, default_value_t = 256)]
    edge: u32,
    /// How often; the fastest counts.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Where the network runs.
    #[arg(long, default_value = "cpu")]
    device: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let encoder = VisionEncoder::load_on(&args.folder, None, Backend::find(&args.device)?)?;
    let image = |index: u32| {
        RgbImage::from_fn(args.edge, args.edge, |x, y| {
            [x * 3 + index, y * 5 + index, (x ^ y) + index].map(|value| (value % 256) as u8).into()
        })
    };
    let images: Vec<RgbImage> = (0..args.images).map(image).collect();
    let mut fastest = f64::INFINITY;
    for _ in 0..args.runs {
        let started = Instant::now();
        encoder.encode(&&images[..], &mut |_, _| {})?;
        fastest = fastest.min(started.elapsed().as_secs_f64());
    }
    let rate = f64::from(args.images) / fastest;
    let line = json!({ "device": args.device, "images": args.images, "seconds": fastest, "images_per_second": rate });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
