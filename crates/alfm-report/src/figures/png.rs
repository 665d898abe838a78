use std::sync::{Arc, OnceLock};

use alfm_core::{Error, ErrorKind};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// Rasterises an SVG; `scale` pixels a unit.
///
/// Its text is set in DejaVu Sans, which the program carries.
///
/// # Errors
/// [`ErrorKind::Input`] if the text is no SVG or the image would be empty or too large for memory.
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>, Error> {
    let failed = |reason: String| {
        let message = format!("the figure could not be drawn as PNG: {reason}");
        Error::new(ErrorKind::Input, message)
    };
    let options = Options { fontdb: Arc::clone(fonts()), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|error| failed(error.to_string()))?;
    let size = tree.size();
    let pixels = |side: f32| (side * scale).round() as u32;
    let mut image = Pixmap::new(pixels(size.width()), pixels(size.height()))
        .ok_or_else(|| failed(format!("{size:?} times {scale} is no image size")))?;
    image.fill(resvg::tiny_skia::Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut image.as_mut());
    image.encode_png().map_err(|error| failed(error.to_string()))
}

fn fonts() -> &'static Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    FONTS.get_or_init(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.load_font_data(dejavu::sans::bold().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Arc::new(fonts)
    })
}
