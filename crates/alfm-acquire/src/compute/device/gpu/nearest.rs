//! Points that stay on the card, with their squared distances to the nearest centre.

use std::fmt;

use cubecl::Runtime;

use super::buffer::Buffer;
use super::points::Points;
use super::{Gpu, cubes, kernels};
use crate::AcquireError;
use crate::compute::device::{DeviceError, Farthest, Nearest};

/// Cubes that look for the farthest point of a block.
const SEARCHERS: usize = 256;

/// All points in blocks, `4 (D + 1)` bytes each.
struct Resident<'a, R: Runtime> {
    gpu: &'a Gpu<R>,
    points: Points<'a>,
    blocks: Vec<Block>,
}

struct Block {
    start: usize,
    rows: usize,
    points: Buffer<f32>,
    nearest: Buffer<f32>,
}

impl<'a, R: Runtime> Resident<'a, R> {
    fn new(gpu: &'a Gpu<R>, points: Points<'a>) -> Result<Self, DeviceError> {
        let size = gpu.rows_of(points.columns())?;
        let block = |start: usize| {
            let rows = points.rows().min(start + size) - start;
            let values = points.by_column(start..start + rows);
            Block {
                start,
                rows,
                points: Buffer::new(&gpu.client, &values),
                nearest: unmeasured(gpu, rows),
            }
        };
        let blocks = (0..points.rows()).step_by(size).map(block).collect();
        Ok(Self { gpu, points, blocks })
    }

    /// Lowers every distance to that of the nearest of `centres`.
    #[expect(clippy::cast_possible_truncation, reason = "a block's numbers are counted in 32 bits")]
    fn lower(&self, centres: &[usize]) {
        let (tiles, rest) = centres.as_chunks::<{ kernels::CENTRES }>();
        let tiles = tiles.iter().map(<[usize; _]>::as_slice).chain(rest.chunks(1));
        for tile in tiles {
            let centres = Buffer::new(&self.gpu.client, &self.points.by_row(tile));
            for block in &self.blocks {
                let (count, dim) = cubes(block.rows);
                kernels::lower_to_nearest::launch::<R>(
                    &self.gpu.client,
                    count,
                    dim,
                    block.points.arg(),
                    centres.arg(),
                    block.nearest.arg(),
                    block.rows as u32,
                    self.points.columns() as u32,
                    self.points.split() as u32,
                    self.points.split() > 0,
                    tile.len(),
                );
            }
        }
    }

    fn forget(&mut self) {
        for block in &mut self.blocks {
            block.nearest = unmeasured(self.gpu, block.rows);
        }
    }
}

/// Further than any point: shaders need not know infinity.
fn unmeasured<R: Runtime>(gpu: &Gpu<R>, rows: usize) -> Buffer<f32> {
    Buffer::new(&gpu.client, &vec![f32::MAX; rows])
}

/// Every point is measured against every centre, and the farthest is found on the card.
pub(super) struct FarthestOnGpu<'a, R: Runtime> {
    resident: Resident<'a, R>,
    centres: Vec<usize>,
    /// How many centres all points have been measured against.
    measured: usize,
    /// Of every block, 1 for the rows that can be chosen.
    open: Vec<Buffer<u32>>,
    taken: Option<usize>,
}

impl<'a, R: Runtime> FarthestOnGpu<'a, R> {
    pub(super) fn new(gpu: &'a Gpu<R>, points: Points<'a>) -> Result<Self, DeviceError> {
        let resident = Resident::new(gpu, points)?;
        Ok(Self { resident, centres: Vec::new(), measured: 0, open: Vec::new(), taken: None })
    }

    #[expect(clippy::cast_possible_truncation, reason = "a block's numbers are counted in 32 bits")]
    fn farthest(&mut self) -> Result<Option<(usize, f64)>, DeviceError> {
        self.resident.lower(&self.centres[self.measured..]);
        self.measured = self.centres.len();
        let gpu = self.resident.gpu;
        let mut found = Vec::with_capacity(self.open.len());
        for (block, open) in self.resident.blocks.iter().zip(&self.open) {
            let cubes = block.rows.div_ceil(kernels::UNITS as usize).min(SEARCHERS);
            let distances = Buffer::<f32>::empty(&gpu.client, cubes);
            let numbers = Buffer::<u32>::empty(&gpu.client, cubes);
            let (count, dim) = super::cubes(cubes * kernels::UNITS as usize);
            let taken = self.taken.and_then(|taken| taken.checked_sub(block.start));
            kernels::farthest::launch::<R>(
                &gpu.client,
                count,
                dim,
                block.nearest.arg(),
                open.arg(),
                distances.arg(),
                numbers.arg(),
                block.rows as u32,
                taken.map_or(kernels::NONE, |taken| taken as u32),
            );
            found.push((block.start, distances, numbers));
        }
        let mut best: Option<(usize, f32)> = None;
        for (start, distances, numbers) in &found {
            let (distances, numbers) = (distances.read(gpu)?, numbers.read(gpu)?);
            for (distance, number) in distances.into_iter().zip(numbers) {
                let row = start + number as usize;
                let further = |(first, largest): (usize, f32)| {
                    distance > largest || (distance == largest && row < first)
                };
                if number != kernels::NONE && best.is_none_or(further) {
                    best = Some((row, distance));
                }
            }
        }
        let lost = |(row, distance)| distance == f32::MAX || self.taken == Some(row);
        if best.is_some_and(lost) {
            return Err(gpu.lost());
        }
        self.taken = best.map(|(row, _)| row);
        Ok(best.map(|(row, distance)| (row, f64::from(distance))))
    }
}

impl<R: Runtime> fmt::Debug for FarthestOnGpu<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FarthestOnGpu").field("centres", &self.centres).finish_non_exhaustive()
    }
}

impl<R: Runtime> Farthest for FarthestOnGpu<'_, R> {
    fn centres(&self) -> &[usize] {
        &self.centres
    }

    fn add(&mut self, centre: usize) {
        self.centres.push(centre);
    }

    fn clear(&mut self) {
        self.centres.clear();
        self.measured = 0;
        self.resident.forget();
    }

    fn rank(&mut self, rows: &[usize]) -> Result<(), AcquireError> {
        let Resident { gpu, points, blocks } = &self.resident;
        let mut open = vec![0u32; points.rows()];
        rows.iter().for_each(|row| open[*row] = 1);
        let part = |block: &Block| Buffer::new(&gpu.client, &open[block.start..][..block.rows]);
        self.taken = None;
        self.open = gpu.attempt(|| Ok(blocks.iter().map(part).collect()))?;
        Ok(())
    }

    fn pop(&mut self) -> Result<Option<(usize, f64)>, AcquireError> {
        let gpu = self.resident.gpu;
        gpu.attempt(|| self.farthest())
    }
}

/// Every gradient is measured against every centre.
pub(super) struct NearestOnGpu<'a, R: Runtime>(Resident<'a, R>);

impl<'a, R: Runtime> NearestOnGpu<'a, R> {
    pub(super) fn new(gpu: &'a Gpu<R>, points: Points<'a>) -> Result<Self, DeviceError> {
        Ok(Self(Resident::new(gpu, points)?))
    }
}

impl<R: Runtime> Nearest for NearestOnGpu<'_, R> {
    fn lower(&mut self, centres: &[usize], nearest: &mut [f64]) -> Result<(), AcquireError> {
        let Self(resident) = self;
        resident.gpu.attempt(|| {
            resident.lower(centres);
            for block in &resident.blocks {
                let measured = block.nearest.read(resident.gpu)?;
                if measured.contains(&f32::MAX) {
                    return Err(resident.gpu.lost());
                }
                for (nearest, measured) in nearest[block.start..].iter_mut().zip(measured) {
                    *nearest = nearest.min(f64::from(measured));
                }
            }
            Ok(())
        })
    }
}
