//! One image, from its bytes.

use std::error::Error as _;

use alfm_data::{Error, ErrorKind, Image, Items, RgbImage, Split};
use image::{DynamicImage, ImageFormat, Luma, LumaA, Rgb, Rgba};
use proptest::prelude::*;

use super::{colours, encode};

fn decode(bytes: Vec<u8>) -> Result<RgbImage, Error> {
    Image::encoded("a.bin", Some(7), bytes).decode()
}

#[test]
fn every_lossless_kind_keeps_its_pixels() {
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Gif] {
        let expected = if format == ImageFormat::Gif {
            // GIF has 256 colours, and 6 of them are enough here.
            DynamicImage::from(colours()).to_rgba8().into()
        } else {
            DynamicImage::from(colours())
        };
        assert_eq!(decode(encode(expected, format)).unwrap(), colours(), "{format:?}");
    }
    let jpeg = decode(encode(colours(), ImageFormat::Jpeg)).unwrap();
    assert_eq!(jpeg.dimensions(), (3, 2));
}

#[test]
fn grey_is_repeated_and_alpha_is_dropped() {
    let grey = image::GrayImage::from_pixel(1, 1, Luma([77]));
    let half = image::GrayAlphaImage::from_pixel(1, 1, LumaA([77, 10]));
    let clear = image::RgbaImage::from_pixel(1, 1, Rgba([1, 2, 3, 0]));
    let deep = image::ImageBuffer::from_pixel(1, 1, Luma([0x1234_u16]));
    let cases: [(DynamicImage, [u8; 3]); 4] = [
        (grey.into(), [77; 3]),
        (half.into(), [77; 3]),
        (clear.into(), [1, 2, 3]),
        // 4660 / 257 = 18.1
        (deep.into(), [18; 3]),
    ];
    for (image, expected) in cases {
        let kind = image.color();
        let decoded = decode(encode(image, ImageFormat::Png)).unwrap();
        assert_eq!(decoded.get_pixel(0, 0).0, expected, "{kind:?}");
    }
}

/// A JPEG whose EXIF block says that it must be turned by 90 degrees clockwise.
#[test]
fn the_exif_orientation_is_applied() {
    let jpeg = encode(RgbImage::from_pixel(16, 8, Rgb([9, 9, 9])), ImageFormat::Jpeg);
    let tiff = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut turned = vec![0xff, 0xd8, 0xff, 0xe1, 0, (tiff.len() + 2) as u8];
    turned.extend(tiff);
    turned.extend(&jpeg[2..]);
    assert_eq!(decode(jpeg).unwrap().dimensions(), (16, 8));
    assert_eq!(decode(turned).unwrap().dimensions(), (8, 16));
}

#[test]
fn a_truncated_image_is_an_error_that_names_it() {
    let noise = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * y) as u8, (x * 7) as u8, y as u8]));
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        let whole = encode(DynamicImage::from(noise.clone()).to_rgba8(), ImageFormat::Png);
        let whole = match format {
            ImageFormat::Jpeg => encode(noise.clone(), format),
            ImageFormat::Png => whole,
            _ => encode(DynamicImage::from(noise.clone()).to_rgba8(), format),
        };
        for keep in [0, 5, 40, whole.len() / 2, whole.len() * 3 / 4] {
            let error = decode(whole[..keep].to_vec()).expect_err(&format!("{format:?} {keep}"));
            assert_eq!(
                (error.kind(), error.row()),
                (ErrorKind::Input, Some(7)),
                "{format:?} {keep}"
            );
            let expected = "a.bin: row 7: not a readable image: replace it, or leave its item out";
            assert_eq!(error.to_string(), expected);
            assert!(error.source().is_some());
        }
    }
}

/// A PNG header that promises 50,000 x 50,000 pixels, and 33 bytes in all.
#[test]
fn too_many_pixels_are_refused_before_they_are_allocated() {
    let mut png = encode(colours(), ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
    // CRC-32 of `IHDR` and what follows.
    let crc = png[12..29].iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    });
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    let error = decode(png).unwrap_err();
    let expected = "50000 x 50000 pixels, at most 64000000 are decoded: scale it down";
    assert!(error.to_string().ends_with(expected), "{error}");
    let small = Image::encoded("a.png", None, encode(colours(), ImageFormat::Png));
    assert!(small.decode_within(6).is_ok());
    let message = small.decode_within(5).unwrap_err().to_string();
    assert!(message.starts_with("a.png: 3 x 2 pixels, at most 5 are decoded"), "{message}");
}

/// A phone's motion photo: behind the picture lies a film, in whose bytes there are markers, too. It was "truncated".
#[test]
fn motion_photo() {
    let whole =
        encode(RgbImage::from_fn(64, 48, |x, y| Rgb([x as u8, y as u8, 9])), ImageFormat::Jpeg);
    let expected = decode(whole.clone()).unwrap();
    let film = b"\0\0\0\x18ftypmp42\xff\xda\0\x08 moov \xff\xda mdat \xff\xd8\xff\xda";
    let motion = [&whole[..], film].concat();
    assert_eq!(decode(motion).unwrap(), expected);
    // The film's markers are no end of a picture that has none.
    let cut = [&whole[..whole.len() - 2], film, &b"\xff\xd9"[..]].concat();
    let thumbnail =
        [&whole[..2], b"\xff\xe1\0\x06\xff\xd9\xff\xda", &whole[2..whole.len() - 2]].concat();
    assert!(decode(thumbnail).is_err(), "the end of a thumbnail is not the picture's");
    _ = decode(cut);
}

/// A kilobyte of compressed profile or comment unfolded to half a gigabyte.
#[test]
fn large_chunks_beside_the_pixels_are_refused() {
    let png = encode(colours(), ImageFormat::Png);
    let chunk = |kind: &[u8; 4], content: &[u8]| {
        let body = [kind, content].concat();
        let crc = body.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
        });
        [&(content.len() as u32).to_be_bytes()[..], &body, &(!crc).to_be_bytes()].concat()
    };
    let comment = chunk(b"tEXt", &[&b"Comment\0"[..], &vec![b'a'; 80 << 20]].concat());
    let bomb = [&png[..33], &comment, &png[33..]].concat();
    assert!(decode(bomb).is_err());
    let small = [&png[..33], &chunk(b"tEXt", b"Comment\0fine"), &png[33..]].concat();
    assert_eq!(decode(small).unwrap(), colours());
}

#[test]
fn digests_tell_images_apart_by_content() {
    let digest = |width, height, values: Vec<u8>| {
        Image::pixels("x", None, (width, height), values).unwrap().digest()
    };
    assert_eq!(digest(2, 1, vec![1, 2]), digest(2, 1, vec![1, 2]));
    assert_ne!(digest(2, 1, vec![1, 2]), digest(1, 2, vec![1, 2]));
    let image = |bytes: &[u8]| Image::encoded("x", Some(1), bytes);
    let split = |bytes: &[u8]| {
        Split::new(vec!["a".into()], Items::Images(vec![image(bytes)]), vec![None]).unwrap()
    };
    assert_eq!(split(b"1").digest(), split(b"1").digest());
    assert_ne!(split(b"1").digest(), split(b"2").digest());
    let error = Image::pixels("x.npz", Some(2), (2, 2), vec![0; 5]).unwrap_err();
    assert!(error.to_string().starts_with("x.npz: row 2: 5 bytes"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Random content behind the first bytes of each kind.
    #[test]
    fn random_bytes_never_panic(kind in 0_usize..6, mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let starts: [&[u8]; 6] =
            [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM", b"GIF89a", b"RIFF\x40\0\0\0WEBPVP8 "];
        bytes.splice(..0, starts[kind].iter().copied());
        let image = Image::encoded("x", Some(0), bytes);
        if let Err(error) = image.decode() {
            let known = ["not a readable image: ", " are decoded: scale it down"];
            prop_assert!(known.iter().any(|part| error.to_string().contains(part)), "{}", error);
        }
    }

    /// A whole file with some bytes changed, or cut short.
    #[test]
    fn damaged_files_never_panic(
        kind in 0_usize..5,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        keep in any::<proptest::sample::Index>(),
    ) {
        let formats =
            [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::WebP];
        let picture = RgbImage::from_fn(16, 16, |x, y| Rgb([(x * y) as u8, x as u8 * 9, y as u8]));
        let picture = match formats[kind] {
            ImageFormat::Gif => DynamicImage::from(picture).to_rgba8().into(),
            _ => DynamicImage::from(picture),
        };
        let mut bytes = encode(picture, formats[kind]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(keep.index(bytes.len()) + 1);
        let image = Image::encoded("x", Some(0), bytes);
        if let Err(error) = image.decode() {
            let known = ["not a readable image: ", " are decoded: scale it down"];
            prop_assert!(known.iter().any(|part| error.to_string().contains(part)), "{}", error);
        }
    }
}
