//! Columns of a parquet file, with memory for what is in the file, not for what it claims.

use std::any::Any;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

use crate::Error;
use crate::error::{self, io};
use crate::file::open;

/// What a file may hold whatever its size is; runs of one value take no room in it, but in memory.
pub(crate) struct Limit {
    /// Values of a column.
    pub(crate) values: u64,
    /// Bytes of a batch of rows in memory, and of the columns before they are compressed.
    pub(crate) bytes: u64,
}

/// Values a byte of the file, beside those that every file may hold: bits, or short runs.
const VALUES_PER_BYTE: u64 = 8;
/// Bytes in memory a byte of the file: texts compress less.
const BYTES_PER_BYTE: u64 = 64;
/// Rows of a batch: few, since each may be a long text from a short dictionary.
const BATCH: usize = 256;

/// The rows of some columns.
pub(crate) struct Batches {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    /// Bytes that may still be read.
    left: u64,
}

/// Opens a file for the columns that `choose` chooses among their names.
pub(crate) fn read_columns(
    path: &Path,
    limit: &Limit,
    choose: impl FnOnce(&[&str]) -> Result<Vec<usize>, Error>,
) -> Result<Batches, Error> {
    let (file, metadata) = metadata(path)?;
    let size = file.metadata().map_err(io(path))?.len();
    let fields = metadata.schema().fields();
    let found: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let mask = ProjectionMask::roots(metadata.parquet_schema(), choose(&found)?);
    check_claims(path, size, &metadata, &mask, limit)?;
    let reader = guarded(path, || {
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_projection(mask)
            .with_batch_size(BATCH)
            .build()
            .map_err(error::parquet(path))
    })?;
    let left = limit.bytes.saturating_add(size.saturating_mul(BYTES_PER_BYTE));
    Ok(Batches { path: path.into(), reader, left })
}

impl Batches {
    /// The next rows.
    pub(crate) fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        let Self { path, reader, left } = self;
        let next = guarded(path, || reader.next().transpose().map_err(error::parquet(path)))?;
        let Some(batch) = next else { return Ok(None) };
        let bytes = batch.get_array_memory_size() as u64;
        *left = left.checked_sub(bytes).ok_or_else(|| too_much(path, "longer values"))?;
        Ok(Some(batch))
    }
}

/// The text of a key in the file's own metadata.
pub(crate) fn read_metadata(path: &Path, key: &str) -> Result<Option<String>, Error> {
    let (_, metadata) = metadata(path)?;
    let pairs = metadata.metadata().file_metadata().key_value_metadata();
    let pair = pairs.into_iter().flatten().find(|pair| pair.key == key);
    Ok(pair.and_then(|pair| pair.value.clone()))
}

/// The columns by their parquet types: the arrow types that may be embedded are somebody's word, too, and theirs are
/// not needed to read texts and numbers.
fn metadata(path: &Path) -> Result<(File, ArrowReaderMetadata), Error> {
    let file = open(path)?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata =
        guarded(path, || ArrowReaderMetadata::load(&file, options).map_err(error::parquet(path)))?;
    Ok((file, metadata))
}

fn check_claims(
    path: &Path,
    size: u64,
    metadata: &ArrowReaderMetadata,
    mask: &ProjectionMask,
    limit: &Limit,
) -> Result<(), Error> {
    let most_values = limit.values.saturating_add(size.saturating_mul(VALUES_PER_BYTE));
    let most_bytes = limit.bytes.saturating_add(size.saturating_mul(BYTES_PER_BYTE));
    let columns = metadata.parquet_schema().num_columns();
    let (mut rows, mut bytes) = (0_u64, 0_u64);
    let mut values = vec![0_u64; columns];
    for group in metadata.metadata().row_groups() {
        rows = rows.saturating_add(claim(path, group.num_rows())?);
        for (at, column) in group.columns().iter().enumerate().take(columns) {
            if mask.leaf_included(at) {
                values[at] = values[at].saturating_add(claim(path, column.num_values())?);
                bytes = bytes.saturating_add(claim(path, column.uncompressed_size())?);
            }
        }
    }
    let values = values.into_iter().fold(rows, u64::max);
    if values > most_values {
        return Err(too_much(path, &format!("{values} values")));
    }
    if bytes > most_bytes {
        return Err(too_much(path, &format!("{bytes} bytes")));
    }
    Ok(())
}

fn claim(path: &Path, number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(error::parquet(path))
}

fn too_much(path: &Path, what: &str) -> Error {
    let message = format!(
        "it unfolds to {what}, more than is read of a file of its size: write it again without compression, or in parts"
    );
    Error::input(message).in_file(path)
}

/// Runs the parser on what somebody sent: where it panics at damaged bytes, the bytes are at fault.
fn guarded<T>(path: &Path, parse: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|panic: Box<dyn Any + Send>| {
        let told = panic.downcast_ref::<String>().map(String::as_str);
        let told = told.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(error::parquet(path)(told.unwrap_or("the parser gave up").to_owned()))
    })
}
