//! Cards, through CubeCL: one set of kernels for every runtime that it has.

mod bandwidth;
mod buffer;
mod co_decision;
mod kernels;
mod nearest;
mod points;

use std::fmt;

use alfm_core::{MatrixView, Predictions};
use cubecl::Runtime;
use cubecl::client::ComputeClient;
use cubecl::prelude::{CubeCount, CubeDim};

use self::nearest::{FarthestOnGpu, NearestOnGpu};
use self::points::Points;
use super::{Backend, Device, DeviceError, Farthest, Nearest};
use crate::{CoDecision, Gradients, Joint, KernelError, Metric};

/// Inputs are uploaded in parts of at most so many bytes: as much as an allocator keeps for the next part, since
/// fresh memory costs more than all the copying.
const PART: usize = 16 << 20;
/// Points lie on the card in blocks of at most so many bytes, or less where its buffers are smaller.
const BLOCK: usize = 256 << 20;
/// The least number of cubes that any runtime starts at once, less one.
const CUBES: usize = 65_534;

/// A card that a CubeCL runtime reaches.
pub(super) struct Gpu<R: Runtime> {
    backend: Backend,
    client: ComputeClient<R>,
    block: usize,
}

impl<R: Runtime> Gpu<R> {
    /// `backend` is the runtime's, and is there.
    pub(super) fn new(backend: Backend) -> Self {
        let client = R::client(&R::Device::default());
        let longest = client.properties().memory.max_page_size;
        let block = usize::try_from(longest).unwrap_or(BLOCK).min(BLOCK);
        Self { backend, client, block }
    }

    /// Blocks of fewer bytes.
    #[cfg(test)]
    pub(super) fn with_block(mut self, bytes: usize) -> Self {
        self.block = bytes;
        self
    }

    /// How many rows of so many numbers a block holds, if `units` of them run together.
    fn rows_of(&self, columns: usize, units: u32) -> Result<usize, DeviceError> {
        let device = self.backend.name();
        let bytes = self.block;
        match bytes / (4 * columns) {
            0 => Err(DeviceError::RowTooWide { device, columns, bytes }),
            rows => Ok(rows.min(CUBES * units as usize)),
        }
    }

    /// How many rows of so many numbers go up at once, one at least.
    fn rows_of_part(&self, columns: usize) -> usize {
        (self.block.min(PART) / (4 * columns)).max(1)
    }

    fn failed(&self, reason: &str) -> DeviceError {
        self.backend.failed(reason)
    }

    fn attempt<T>(&self, work: impl FnOnce() -> Result<T, DeviceError>) -> Result<T, DeviceError> {
        self.backend.attempt(work)
    }

    /// Results that never came: a launch may fail where nobody waits for it.
    fn lost(&self) -> DeviceError {
        self.failed("a kernel did not run, or numbers are too large for single precision")
    }
}

/// So many units, and those that fill the last cube.
fn cubes(work: usize, units: u32) -> (CubeCount, CubeDim) {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most `CUBES`, as the callers see to it"
    )]
    let count = work.div_ceil(units as usize) as u32;
    (CubeCount::Static(count, 1, 1), CubeDim::new_1d(units))
}

impl<R: Runtime> fmt::Debug for Gpu<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("backend", &self.backend).field("block", &self.block).finish()
    }
}

impl<R: Runtime> Device for Gpu<R> {
    fn name(&self) -> &'static str {
        self.backend.name()
    }

    fn co_decide(
        &self,
        prior: Predictions<'_>,
        model: Predictions<'_>,
        joint: Joint,
    ) -> Result<Vec<CoDecision>, KernelError> {
        crate::co_decision::check_shapes(prior, model)?;
        Ok(self.attempt(|| co_decision::co_decide(self, prior, model, joint))?)
    }

    fn farthest<'a>(
        &'a self,
        points: MatrixView<'a>,
        metric: Metric,
    ) -> Result<Box<dyn Farthest + 'a>, DeviceError> {
        let farthest = self.attempt(|| FarthestOnGpu::new(self, Points::embedded(points, metric)));
        Ok(Box::new(farthest?))
    }

    fn nearest<'a>(
        &'a self,
        gradients: &'a Gradients<'a>,
    ) -> Result<Box<dyn Nearest + 'a>, DeviceError> {
        let nearest = self.attempt(|| NearestOnGpu::new(self, Points::gradients(gradients)));
        Ok(Box::new(nearest?))
    }

    fn bandwidth(&self, rows: usize, classes: usize) -> Result<Option<[f64; 2]>, DeviceError> {
        self.attempt(|| bandwidth::bandwidth(self, rows, classes).map(Some))
    }
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use super::bandwidth::numbers;
    use super::*;
    use crate::device::Cpu;

    fn device() -> Option<Gpu<cubecl::wgpu::WgpuRuntime>> {
        let found = Backend::find("wgpu").map_err(|error| eprintln!("skipped: {error}"));
        found.ok().map(Gpu::new)
    }

    #[test]
    fn blocks_change_nothing() {
        let (Some(whole), Some(blocks)) = (device(), device()) else { return };
        // 50 rows of 5 numbers: 20 blocks, of which the last is not full.
        let blocks = blocks.with_block(1000);
        let mut values = numbers(970 * 4, 1);
        for row in values.chunks_exact_mut(4) {
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|value| *value /= sum);
        }
        let (prior, model) = values.split_at(485 * 4);
        let prior = Predictions::probabilities(prior, 485, 4).unwrap();
        let model = Predictions::probabilities(model, 485, 4).unwrap();
        let decide = |device: &dyn Device| device.co_decide(prior, model, Joint::Product).unwrap();
        assert_eq!(decide(&blocks), decide(&whole));

        let points = MatrixView::new(&values, 776, 5).unwrap();
        let farthest = |device: &dyn Device| {
            let mut farthest = device.farthest(points, Metric::L2).unwrap();
            farthest.add(3);
            farthest.rank(&(4..776).collect::<Vec<_>>()).unwrap();
            let taken: Vec<(usize, f64)> = std::iter::from_fn(|| {
                let next = farthest.pop().unwrap();
                next.iter().for_each(|(row, _)| farthest.add(*row));
                next
            })
            .collect();
            taken
        };
        let taken = farthest(&blocks);
        assert_eq!(taken.len(), 772);
        assert_eq!(taken, farthest(&whole));

        let rows: Vec<usize> = (0..485).collect();
        let gradients = Gradients::new(model, MatrixView::new(&values, 1940, 2).unwrap(), &rows);
        let nearest = |device: &dyn Device| {
            let mut nearest = vec![f64::INFINITY; 485];
            device.nearest(&gradients).unwrap().lower(&rows[..11], &mut nearest).unwrap();
            nearest
        };
        assert_eq!(nearest(&blocks), nearest(&whole));
        for (got, expected) in nearest(&whole).iter().zip(nearest(&Cpu)) {
            assert!((got - expected).abs() < 1e-6, "{got}, not {expected}");
        }
    }

    #[test]
    fn a_row_that_no_buffer_holds_is_refused() {
        let Some(device) = device() else { return };
        let device = device.with_block(16);
        let values = numbers(10, 1);
        let points = MatrixView::new(&values, 2, 5).unwrap();
        let error = device.farthest(points, Metric::L2).unwrap_err().to_string();
        let expected = "device `wgpu` holds no row of 5 numbers: its longest buffer is 16 bytes";
        assert_eq!(error, expected);
    }

    /// A centre that is forgotten counts no more, and rows that are ranked again can be chosen again.
    #[test]
    fn a_cleared_state_starts_anew() {
        let Some(device) = device() else { return };
        let points = MatrixView::new(&[0.0, 1.0, 5.0, 9.0], 4, 1).unwrap();
        let mut farthest = device.farthest(points, Metric::L2).unwrap();
        farthest.add(0);
        farthest.rank(&[1, 2, 3]).unwrap();
        assert_eq!(farthest.pop().unwrap(), Some((3, 81.0)));
        farthest.clear();
        farthest.add(3);
        farthest.rank(&[0, 1]).unwrap();
        assert_eq!(farthest.pop().unwrap(), Some((0, 81.0)));
        assert_eq!(farthest.pop().unwrap(), Some((1, 64.0)));
        assert_eq!(farthest.pop().unwrap(), None);
    }
}
