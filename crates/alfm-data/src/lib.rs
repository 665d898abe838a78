#![doc = include_str!("../README.md")]
//!
//! * [`Dataset::load`] reads a known dataset ([`catalog`]), a user's own CSV, TSV, JSONL or parquet file, or a folder
//!   of images; class counts are checked against the [`Manifest`], so a changed or truncated file is an error.
//! * [`Items`] are texts or [`Image`]s, which stay encoded until they are asked for.
//! * [`Hub`] finds files in a hub cache and, unless it is offline, downloads what is missing.
//! * [`arrays`] reads matrices, labels and ids that other tools wrote, by memory map where possible.
//!
//! CSV, TSV, JSONL, safetensors and `.npy` files are always read; the features `parquet`, `npz` and `images` read the others,
//! and `hub` downloads. All are on by default; without one, its files are an error that names it.
//!
//! Rules for unclean input: an empty text is kept (it is an item like any other, and row counts stay the
//! published ones); a text that is missing altogether is an error. An empty or a missing label means "unlabelled",
//! and so does -1, unless [`Columns::unlabelled`] says otherwise; where -1 stands beside one other label only, it has
//! to. Text is UTF-8, with or without a byte-order mark, and `\n`, `\r\n` and `\r` end a line; blank lines of CSV and
//! JSONL are skipped and counted. What parsers disagree on is an error with its line: a quote that does not close, or
//! that text follows, a row with another number of fields, a key that is given twice. Files must be regular ones.
//!
//! Rules for images ([`Image::decode`]): PNG, JPEG, BMP, GIF (its first frame) and WebP, told apart by content;
//! every one becomes 8-bit RGB. Grey is repeated, palettes are looked up, and alpha is dropped, not composed over a
//! colour, as Pillow's `convert("RGB")` does it; 16 bits are scaled to 8, which Pillow clips. The EXIF orientation
//! is applied, as the hub's own reader does it; colour profiles are not. A JPEG without end marker is truncated, and
//! an error like any other damage, found when it is decoded: [`Split::unreadable`] decodes all, and
//! [`Split::without`] leaves out what it found. A damaged JPEG that still has its end cannot be told from a strange
//! picture.

pub mod arrays;
mod catalog;
mod cells;
mod classes;
mod dataset;
mod error;
mod file;
mod hub;
mod images;
mod items;
mod label_file;
mod manifest;
#[cfg(feature = "parquet")]
mod parquet_file;
mod split;
pub mod subset;
mod table;
mod text;
mod user_folder;
mod user_table;

pub use alfm_core::{Error, ErrorKind};
pub use catalog::catalog;
pub use classes::{ClassEntry, read_classes};
pub use dataset::Dataset;
pub use hub::{Hub, ModelFiles, Progress, RepoId, RepoKind};
pub use images::{Image, MAX_PIXELS};
pub use items::Items;
pub use label_file::read_label_column;
pub use manifest::{FetchedFile, Manifest, Source, SplitManifest};
pub use split::Split;
pub use table::{Columns, Table, is_table, read_json_lines};
pub use text::{read_lines, read_text};
pub use user_folder::{Unreadable, UserFolder, read_folder, read_images};
pub use user_table::{UserTable, read_items, read_table};

/// What an [`Image`] decodes to; of the crate `image`.
#[cfg(feature = "images")]
pub use image::RgbImage;
