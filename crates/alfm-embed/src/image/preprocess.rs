use std::path::Path;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use super::processor;
use crate::Error;

/// Longest edge of what a model is given; what goes beyond it is a slip, and memory would end first.
pub(super) const LONGEST: usize = 4096;

/// What is done to a picture before a model sees it: resized, cut to the middle, scaled and normalised.
///
/// Resizing is an antialiased convolution of 8-bit values, as Pillow does it; the rest follows the
/// reference's image processors.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Preprocessing {
    /// Size to which the picture is resized first; `None` leaves it as it is.
    pub resize: Option<Resize>,
    /// Height and width that are cut out of the middle, black beyond the edges.
    pub crop: Option<[usize; 2]>,
    /// Where the middle lies.
    pub middle: Middle,
    /// Every channel is `value * scale + shift`, values from 0 to 255.
    pub scale: [f32; 3],
    /// See `scale`.
    pub shift: [f32; 3],
}

/// Where a crop begins when what is left over does not halve evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Middle {
    /// At half of it, rounded down, as transformers has it.
    Down,
    /// At half of it, rounded to even, as torchvision has it.
    Even,
}

/// How a picture is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resize {
    /// Pixels.
    pub target: Target,
    /// The interpolation.
    pub filter: Filter,
}

/// The size after resizing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// Height and width, whatever the picture's proportions.
    Exact([usize; 2]),
    /// The shorter edge; the longer one keeps the proportions, rounded down.
    Shortest(usize),
}

/// Interpolations, by the names that Pillow has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// No interpolation.
    Nearest,
    /// Linear.
    Bilinear,
    /// Cubic, Keys' kernel with a = -0.5.
    Bicubic,
    /// Windowed sinc over three lobes.
    Lanczos,
}

impl Preprocessing {
    /// Reads `preprocessor_config.json`; for the models that publish it in `config.json`, that.
    ///
    /// # Errors
    /// Naming the file and the setting at fault.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        processor::read(folder)
    }

    /// Gives the model square pictures of `edge` pixels instead: a crop keeps its share of what it is
    /// cut from. Where nothing is cut, a shorter edge becomes `edge`, and proportions stay.
    #[must_use]
    pub fn with_size(mut self, edge: usize) -> Self {
        let published = self.output();
        if let Some(resize) = &mut self.resize {
            resize.target = match (resize.target, published) {
                (Target::Shortest(found), Some([height, width])) => {
                    Target::Shortest((found * edge).div_ceil(height.min(width).max(1)))
                }
                (Target::Shortest(_), None) => Target::Shortest(edge),
                (Target::Exact(_), _) => Target::Exact([edge, edge]),
            };
        }
        self.crop = self.crop.map(|_| [edge, edge]);
        self
    }

    /// The image at position `row` as the model is given it: `3 x height x width`.
    ///
    /// # Errors
    /// For an image without pixels, or one so thin that it grows beyond measure.
    pub fn apply(&self, row: usize, image: &RgbImage) -> Result<Vec<f32>, Error> {
        let mut values = Vec::new();
        self.append(row, image, &mut values)?;
        Ok(values)
    }

    /// Height and width of what the model is given, `None` where they depend on the picture.
    pub(crate) fn output(&self) -> Option<[usize; 2]> {
        self.crop.or(match self.resize {
            Some(Resize { target: Target::Exact(size), .. }) => Some(size),
            _ => None,
        })
    }

    /// The picture at position `row` as `3 x height x width` numbers, behind those in `values`; height and width.
    ///
    /// # Errors
    /// As [`Preprocessing::apply`].
    pub(crate) fn append(
        &self,
        row: usize,
        picture: &RgbImage,
        values: &mut Vec<f32>,
    ) -> Result<[usize; 2], Error> {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let refuse = |message: &str| Error::input(message).of_item("image", row);
        if width == 0 || height == 0 {
            return Err(refuse("has no pixels: leave it out"));
        }
        let resized;
        let (pixels, size) = match self.resize {
            Some(Resize { target, filter }) => {
                let size = target.of([height, width]);
                if size[0].saturating_mul(size[1]) > LONGEST * LONGEST {
                    return Err(refuse(&format!(
                        "is {height} x {width}, and would be {} x {} for the model: cut it to a squarer shape, or \
                         leave it out",
                        size[0], size[1]
                    )));
                }
                resized = filter
                    .apply(picture, size)
                    .map_err(|source| refuse("cannot be resized").because(source))?;
                (&resized[..], size)
            }
            None => (&picture.as_raw()[..], [height, width]),
        };
        self.cut(pixels, size, values);
        Ok(self.crop.unwrap_or(size))
    }

    /// Crops and normalises `[height, width, 3]` pixels into planes.
    fn cut(&self, pixels: &[u8], size: [usize; 2], values: &mut Vec<f32>) {
        let target = self.crop.unwrap_or(size);
        let [rows, columns] = [0, 1].map(|axis| Overlap::of(size[axis], target[axis], self.middle));
        let [height, width] = target;
        let start = values.len();
        values.resize(start + 3 * height * width, 0.0);
        for (channel, plane) in values[start..].chunks_exact_mut(height * width).enumerate() {
            let (scale, shift) = (self.scale[channel], self.shift[channel]);
            plane.fill(shift);
            for row in 0..rows.length {
                let from = ((rows.source + row) * size[1] + columns.source) * 3;
                let line = &pixels[from..from + columns.length * 3];
                let to = (rows.target + row) * width + columns.target;
                let target = &mut plane[to..to + columns.length];
                for (value, pixel) in target.iter_mut().zip(line.chunks_exact(3)) {
                    *value = f32::from(pixel[channel]) * scale + shift;
                }
            }
        }
    }
}

/// Where the middle of one axis lies in the source and in the target.
struct Overlap {
    source: usize,
    target: usize,
    length: usize,
}

impl Overlap {
    fn of(source: usize, target: usize, middle: Middle) -> Self {
        let half = source.saturating_sub(target) / 2;
        // What follows half of an odd number is rounded up where that is even.
        let up = middle == Middle::Even && source.saturating_sub(target) % 4 == 3;
        Self {
            source: half + usize::from(up),
            // The reference pads half of what is missing in front, rounded up.
            target: target.saturating_sub(source).div_ceil(2),
            length: source.min(target),
        }
    }
}

impl Target {
    fn of(self, [height, width]: [usize; 2]) -> [usize; 2] {
        match self {
            Self::Exact(size) => size,
            Self::Shortest(edge) if height <= width => [edge, (edge * width / height).max(1)],
            Self::Shortest(edge) => [(edge * height / width).max(1), edge],
        }
    }
}

impl Filter {
    fn apply(
        self,
        picture: &RgbImage,
        [height, width]: [usize; 2],
    ) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        if [picture.height() as usize, picture.width() as usize] == [height, width] {
            return Ok(picture.as_raw().clone());
        }
        let pixels = PixelType::U8x3;
        let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), pixels)?;
        let mut target = Image::new(u32::try_from(width)?, u32::try_from(height)?, pixels);
        let options = ResizeOptions::new().resize_alg(match self {
            Self::Nearest => ResizeAlg::Nearest,
            Self::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
            Self::Bicubic => ResizeAlg::Convolution(FilterType::CatmullRom),
            Self::Lanczos => ResizeAlg::Convolution(FilterType::Lanczos3),
        });
        Resizer::new().resize(&source, &mut target, &options)?;
        Ok(target.into_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python's `round(rest / 2)`, 0.5, 1.5, 2.5 and 3.5 becoming 0, 2, 2 and 4, and `rest // 2`.
    #[test]
    fn an_odd_rest_is_halved_as_the_library_halves_it() {
        let begins = |middle| [33, 35, 37, 39].map(|edge| Overlap::of(edge, 32, middle).source);
        assert_eq!(begins(Middle::Even), [0, 2, 2, 4]);
        assert_eq!(begins(Middle::Down), [0, 1, 2, 3]);
    }

    #[test]
    fn another_size_is_that_of_the_crop_or_of_the_shorter_edge() {
        let with = |target, crop| {
            let resize = Some(Resize { target, filter: Filter::Bilinear });
            let (scale, shift) = ([1.0; 3], [0.0; 3]);
            let found = Preprocessing { resize, crop, middle: Middle::Down, scale, shift };
            let found = found.with_size(112);
            (found.resize.unwrap().target, found.crop)
        };
        let cut = with(Target::Shortest(256), Some([224, 224]));
        assert_eq!(cut, (Target::Shortest(128), Some([112, 112])));
        assert_eq!(with(Target::Shortest(256), None), (Target::Shortest(112), None));
        assert_eq!(with(Target::Exact([224, 224]), None), (Target::Exact([112, 112]), None));
    }
}
