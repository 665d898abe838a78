use std::io;
use std::path::{Path, PathBuf};

use alfm_core::{CoreError, Digest, Error, ErrorKind, SampleId};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What can be wrong with data, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A check of `alfm-core` failed.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// A file of a kind that this build does not read; the message names the feature that does.
    #[error(transparent)]
    Other(#[from] Error),
    /// A file that cannot be opened, read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A name that is neither a known dataset nor a file.
    #[error("`{name}` is neither a file nor a known dataset: known are {known}")]
    UnknownDataset {
        /// The name.
        name: String,
        /// The known names, joined.
        known: String,
    },
    /// A split that the dataset does not have.
    #[error("dataset `{dataset}` has no split `{split}`: it has {known}")]
    UnknownSplit {
        /// The dataset.
        dataset: String,
        /// The split asked for.
        split: String,
        /// Its splits, joined.
        known: String,
    },
    /// Text that is not `owner/name`.
    #[error("`{text}` is not a repository: write it as owner/name")]
    RepoName {
        /// The text.
        text: String,
    },
    /// A hub file that is not in the cache while downloads are off.
    #[error("{repo} has no `{file}` (revision {revision}) in {cache}: {remedy}", cache = cache.display())]
    MissingFile {
        /// The repository, with its kind.
        repo: String,
        /// The revision asked for.
        revision: String,
        /// The file within the repository.
        file: String,
        /// The cache folder looked in.
        cache: PathBuf,
        /// The command or setting that would fetch it.
        remedy: String,
    },
    /// A download that failed.
    #[error(
        "cannot download `{file}` of {repo} (revision {revision}) into {cache}: {source}. \
         Check network, HF_ENDPOINT and HF_TOKEN, or set ALFM_HUB_DIR to a cache that holds it",
        cache = cache.display()
    )]
    Download {
        /// The repository, with its kind.
        repo: String,
        /// The revision asked for.
        revision: String,
        /// The file within the repository.
        file: String,
        /// The cache folder.
        cache: PathBuf,
        /// What the hub client says.
        source: Cause,
    },
    /// No folder to keep downloads in.
    #[error("no cache folder: set ALFM_HUB_DIR, HF_HOME or HOME")]
    NoCache,
    /// A manifest that does not parse.
    #[error("manifest `{name}`: {source}")]
    Manifest {
        /// The manifest's file name.
        name: String,
        /// What is wrong with it.
        source: toml::de::Error,
    },
    /// A manifest whose lists disagree.
    #[error("manifest `{name}`: {what} has {got} entries, but there are {expected} classes")]
    ManifestLength {
        /// The dataset.
        name: String,
        /// The list.
        what: String,
        /// Number of classes.
        expected: usize,
        /// Its length.
        got: usize,
    },
    /// A list of classes that does not parse.
    #[error(
        "{path}: {source}: expected a JSON list of {{\"name\": .., \"description\": .., \"prompt\": ..}}",
        path = path.display()
    )]
    Classes {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file name that says no format that can be read.
    #[error("{path}: unknown format: the name must end in .csv, .jsonl or .parquet", path = path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A column that is not there.
    #[error("{path}: no column `{column}`: the columns are {found}", path = path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns there are, joined.
        found: String,
    },
    /// A column whose values cannot be used.
    #[error("{path}: column `{column}` holds {found}, expected {expected}", path = path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What can be used.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
    /// A value that cannot be used. Rows count from 0.
    #[error(
        "{path}: row {row}, column `{column}`: `{value}` cannot be used, expected {expected}",
        path = path.display()
    )]
    Cell {
        /// The file.
        path: PathBuf,
        /// Its row, from 0, without header.
        row: usize,
        /// Its column.
        column: String,
        /// The value.
        value: String,
        /// What can be used.
        expected: &'static str,
    },
    /// A JSON line that does not parse.
    #[error("{path}, line {line}: {source}: every line must be one JSON object", path = path.display())]
    JsonLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A CSV file that does not parse.
    #[error("{path}: {source}", path = path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, with the line.
        source: csv::Error,
    },
    /// A parquet file that does not parse.
    #[error(
        "{path}: not a readable parquet file ({source}): it may be truncated, fetch it again",
        path = path.display()
    )]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Cause,
    },
    /// A file whose labels show too few classes to learn them from.
    #[error(
        "{path}: its labels show {found} class(es), at least 2 are needed: give a list of classes",
        path = path.display()
    )]
    NoClasses {
        /// The file.
        path: PathBuf,
        /// Classes that its labels show.
        found: usize,
    },
    /// A file whose content fails a check of `alfm-core`.
    #[error("{path}: {source}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The check.
        source: CoreError,
    },
    /// A class of a split with another count than its manifest says.
    #[error(
        "{dataset} (revision {revision}), split `{split}`: {got} items of class `{class}`, expected {expected}: \
         the file differs from the published one, fetch it again or correct the manifest"
    )]
    ClassCount {
        /// The dataset.
        dataset: String,
        /// The revision that was read.
        revision: String,
        /// The split.
        split: String,
        /// The class, or "unlabelled".
        class: String,
        /// The manifest's count.
        expected: usize,
        /// The file's count.
        got: usize,
    },
    /// Content that is not what its manifest says.
    #[error("{path}: SHA-256 is {got}, expected {expected}: fetch the file again", path = path.display())]
    ContentHash {
        /// The file.
        path: PathBuf,
        /// The manifest's hash.
        expected: Digest,
        /// The file's hash.
        got: Digest,
    },
    /// Content that is no image of a known kind, or a damaged one; [`Image::unreadable`](crate::Image::unreadable)
    /// finds all such.
    #[error("{image}: not a readable image: {source}: replace it, or leave its item out")]
    Image {
        /// Its file, and its row there.
        image: String,
        /// What is wrong with it.
        source: Cause,
    },
    /// An image with more pixels than are allowed.
    #[error("{image}: {width} x {height} pixels, at most {limit} are decoded: scale it down")]
    ImageSize {
        /// Its file, and its row there.
        image: String,
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// The most pixels.
        limit: u64,
    },
    /// An image file of a kind that cannot be read.
    #[error("{path}: images of this kind are not read: convert it to one of {known}", path = path.display())]
    ImageFormat {
        /// The file.
        path: PathBuf,
        /// Endings of the known kinds, joined.
        known: String,
    },
    /// A folder without an image.
    #[error("{path}: no image is in it: expected CLASS/NAME.jpg, .png, .bmp, .gif or .webp", path = path.display())]
    NoImages {
        /// The folder.
        path: PathBuf,
    },
    /// Items of another kind than asked for.
    #[error(
        "the items are {found}, not {expected}: choose a data set, or an encoder, of the other kind"
    )]
    ItemKind {
        /// What was asked for.
        expected: &'static str,
        /// What they are.
        found: &'static str,
    },
    /// A file of a dataset that users download by hand.
    #[error(
        "{path} is not there: download `{dataset}` from {home} and unpack it into that folder, \
         or set ALFM_DATA_DIR to the folder that holds `{folder}`",
        path = path.display()
    )]
    NotDownloaded {
        /// The dataset.
        dataset: String,
        /// The file.
        path: PathBuf,
        /// The dataset's folder within the data folder.
        folder: String,
        /// Where it can be downloaded.
        home: String,
    },
    /// An id that a split does not have.
    #[error("there is no item `{id}`: ids are written as `alfm data show` prints them")]
    UnknownItem {
        /// The id.
        id: SampleId,
    },
    /// An item without a label where one is needed.
    #[error("item `{id}` has no label: a simulation needs all of them")]
    Unlabelled {
        /// The item.
        id: SampleId,
    },
    /// Text that names no array.
    #[error(
        "`{spec}` names no array: write FILE.npy, FILE.npz:KEY, FILE.safetensors:KEY or FILE.parquet:COLUMN"
    )]
    ArraySpec {
        /// The text.
        spec: String,
    },
    /// An array that its file does not hold.
    #[error("{path} holds no array `{key}`: it holds {found}", path = path.display())]
    MissingArray {
        /// The file.
        path: PathBuf,
        /// The array asked for.
        key: String,
        /// The arrays there are, joined.
        found: String,
    },
    /// An array of an element type that cannot be used.
    #[error("{array}: element type {found}, expected {expected}: convert the array")]
    ArrayType {
        /// File and key.
        array: String,
        /// What it holds.
        found: String,
        /// What can be used.
        expected: &'static str,
    },
    /// An array in Fortran order.
    #[error("{array} is in Fortran order: write it in C order (numpy.ascontiguousarray)")]
    FortranOrder {
        /// File and key.
        array: String,
    },
    /// An array of the wrong shape.
    #[error("{array} has shape {found:?}, expected {expected}")]
    ArrayShape {
        /// File and key.
        array: String,
        /// Its shape.
        found: Vec<usize>,
        /// What can be used.
        expected: &'static str,
    },
    /// An array with fewer bytes than its shape needs.
    #[error(
        "{array}: {got} bytes of data, its shape needs {expected}: the file is truncated, write it again"
    )]
    ArrayLength {
        /// File and key.
        array: String,
        /// Bytes that the shape needs.
        expected: usize,
        /// Bytes there are.
        got: usize,
    },
    /// A `.npy` or `.npz` file that does not parse.
    #[error("{path}: not a readable NumPy file: {source}", path = path.display())]
    Npy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A safetensors file that does not parse.
    #[error("{path}: not a readable safetensors file: {source}", path = path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: safetensors::SafeTensorError,
    },
    /// A label that is neither -1 nor a class number.
    #[error("{array}: row {row} is {value}: a label is a class number, or -1 for unlabelled")]
    LabelValue {
        /// File and key.
        array: String,
        /// The row.
        row: usize,
        /// The value.
        value: i64,
    },
}

impl DataError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }

    /// A file that only the feature reads.
    #[allow(dead_code, reason = "builds with every feature read everything")]
    pub(crate) fn not_built(feature: &'static str, path: &Path) -> Self {
        let message = format!("this build does not read it: build with `--features {feature}`");
        Error::new(ErrorKind::Missing, message).in_file(path).into()
    }

    #[cfg(feature = "parquet")]
    pub(crate) fn parquet<E: Into<Cause>>(path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        |source| Self::Parquet { path, source: source.into() }
    }
}
