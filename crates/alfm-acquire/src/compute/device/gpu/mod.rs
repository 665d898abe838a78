//! Cards, through CubeCL: one set of kernels for every runtime that it has.

mod buffer;
mod co_decision;
mod kernels;
mod nearest;
mod points;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use alfm_core::{MatrixView, Predictions};
use cubecl::Runtime;
use cubecl::client::ComputeClient;
use cubecl::prelude::{CubeCount, CubeDim};

use self::kernels::UNITS;
use self::nearest::{FarthestOnGpu, NearestOnGpu};
use self::points::Points;
use super::{Device, DeviceError, Farthest, Nearest};
use crate::AcquireError;
use crate::compute::{CoDecision, Gradients, Joint, Metric};

/// Inputs are uploaded in blocks of at most so many bytes, or less where the card's buffers are smaller.
const BLOCK: usize = 64 << 20;
/// The most rows of a block: the least number of cubes that any runtime starts at once, less one.
const ROWS: usize = 65_534 * UNITS as usize;

/// A card that a CubeCL runtime reaches.
pub(super) struct Gpu<R: Runtime> {
    name: &'static str,
    client: ComputeClient<R>,
    block: usize,
}

impl<R: Runtime> Gpu<R> {
    /// The device has been probed: CubeCL panics where there is none.
    pub(super) fn new(name: &'static str, device: &R::Device) -> Self {
        let client = R::client(device);
        let longest = client.properties().memory.max_page_size;
        let block = usize::try_from(longest).unwrap_or(BLOCK).min(BLOCK);
        Self { name, client, block }
    }

    /// Blocks of fewer bytes.
    #[cfg(test)]
    pub(super) fn with_block(mut self, bytes: usize) -> Self {
        self.block = bytes;
        self
    }

    /// How many rows of so many numbers a block holds.
    fn rows_of(&self, columns: usize) -> Result<usize, DeviceError> {
        match self.block / (4 * columns) {
            0 => Err(DeviceError::RowTooWide { device: self.name, columns, bytes: self.block }),
            rows => Ok(rows.min(ROWS)),
        }
    }

    fn failed(&self, reason: &str) -> DeviceError {
        // What follows is the runtime's own stack.
        let reason = reason.lines().take_while(|line| !line.starts_with("Backtrace"));
        let reason = reason.map(str::trim).collect::<Vec<_>>().join(" ");
        DeviceError::Failed { device: self.name, reason }
    }

    /// What `work` returns. A runtime that is out of memory does not say so, it panics.
    fn attempt<T>(&self, work: impl FnOnce() -> Result<T, DeviceError>) -> Result<T, AcquireError> {
        let said = |panic: Box<dyn Any + Send>| match panic.downcast::<String>() {
            Ok(message) => self.failed(&message),
            Err(_) => self.failed("its runtime gave up"),
        };
        Ok(catch_unwind(AssertUnwindSafe(work)).map_err(said).flatten()?)
    }
}

/// One unit a row.
fn cubes(rows: usize) -> (CubeCount, CubeDim) {
    #[expect(clippy::cast_possible_truncation, reason = "a block has at most `ROWS` rows")]
    let count = rows.div_ceil(UNITS as usize) as u32;
    (CubeCount::Static(count, 1, 1), CubeDim::new_1d(UNITS))
}

impl<R: Runtime> fmt::Debug for Gpu<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("name", &self.name).field("block", &self.block).finish()
    }
}

impl<R: Runtime> Device for Gpu<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn co_decide(
        &self,
        prior: Predictions<'_>,
        model: Predictions<'_>,
        joint: Joint,
    ) -> Result<Vec<CoDecision>, AcquireError> {
        crate::compute::co_decision::check_shapes(prior, model)?;
        self.attempt(|| co_decision::co_decide(self, prior, model, joint))
    }

    fn farthest<'a>(
        &'a self,
        points: MatrixView<'a>,
        metric: Metric,
    ) -> Result<Box<dyn Farthest + 'a>, AcquireError> {
        let farthest = self.attempt(|| FarthestOnGpu::new(self, Points::embedded(points, metric)));
        Ok(Box::new(farthest?))
    }

    fn nearest<'a>(
        &'a self,
        gradients: &'a Gradients<'a>,
    ) -> Result<Box<dyn Nearest + 'a>, AcquireError> {
        let nearest = self.attempt(|| NearestOnGpu::new(self, Points::gradients(gradients)));
        Ok(Box::new(nearest?))
    }
}
