//! Points that stay on the card, with their squared distances to the nearest centre.

use std::fmt;
use std::ops::Range;

use cubecl::Runtime;
use rayon::prelude::*;

use super::buffer::Buffer;
use super::points::Points;
use super::{Gpu, cubes, kernels};
use crate::device::{DeviceError, Farthest, Nearest};

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
        let size = gpu.rows_of(points.columns(), kernels::UNITS)?;
        let block = |start: usize| {
            let rows = points.rows().min(start + size) - start;
            let nearest = unmeasured(gpu, rows);
            Block { start, rows, points: upload(gpu, &points, start..start + rows), nearest }
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
            let centres =
                Buffer::of(&self.gpu.client, self.points.by_row(tile.par_iter().copied()));
            for block in &self.blocks {
                let (count, dim) = cubes(block.rows, kernels::UNITS);
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

/// A block of rows, one column after the other. Rows go up as they lie, in parts, and are turned there while the next
/// part is put together: by the calling thread and whoever is free, since to wait here for other threads would be to
/// wait for ever where all of them upload.
#[expect(clippy::cast_possible_truncation, reason = "a block's numbers are counted in 32 bits")]
fn upload<R: Runtime>(gpu: &Gpu<R>, points: &Points<'_>, rows: Range<usize>) -> Buffer<f32> {
    let columns = points.columns();
    let block = Buffer::empty(&gpu.client, rows.len() * columns);
    let size = gpu.rows_of_part(columns);
    for first in rows.clone().step_by(size) {
        let part = first..rows.end.min(first + size);
        let count = part.len();
        let values = Buffer::of(&gpu.client, points.by_row(part));
        let (cubes, units) = cubes(count * columns, kernels::UNITS);
        kernels::turn::launch::<R>(
            &gpu.client,
            cubes,
            units,
            values.arg(),
            block.arg(),
            count as u32,
            columns as u32,
            (first - rows.start) as u32,
            rows.len() as u32,
        );
    }
    block
}

/// Further than any point: shaders need not know infinity.
fn unmeasured<R: Runtime>(gpu: &Gpu<R>, rows: usize) -> Buffer<f32> {
    Buffer::of(&gpu.client, vec![f32::MAX; rows])
}

/// Every point is measured against every centre, and the farthest is found on the card.
pub(super) struct FarthestOnGpu<'a, R: Runtime> {
    resident: Resident<'a, R>,
    centres: Vec<usize>,
    /// How many centres all points have been measured against.
    measured: usize,
    /// Of every block, 1 for the rows that can be chosen.
    open: Vec<Buffer<u32>>,
    /// Of every block, the farthest rows and how far they are.
    found: (Buffer<u32>, Buffer<f32>),
    taken: Option<usize>,
}

impl<'a, R: Runtime> FarthestOnGpu<'a, R> {
    pub(super) fn new(gpu: &'a Gpu<R>, points: Points<'a>) -> Result<Self, DeviceError> {
        let resident = Resident::new(gpu, points)?;
        let found = SEARCHERS * resident.blocks.len();
        // A block of few rows has fewer searchers, and nothing is found by the others.
        let nobody = Buffer::of(&gpu.client, vec![kernels::NONE; found]);
        let found = (nobody, Buffer::empty(&gpu.client, found));
        let centres = Vec::new();
        let open = Vec::new();
        Ok(Self { resident, centres, measured: 0, open, found, taken: None })
    }

    #[expect(clippy::cast_possible_truncation, reason = "a block's numbers are counted in 32 bits")]
    fn farthest(&mut self) -> Result<Option<(usize, f64)>, DeviceError> {
        self.resident.lower(&self.centres[self.measured..]);
        self.measured = self.centres.len();
        let gpu = self.resident.gpu;
        let (numbers, distances) = &self.found;
        for (at, (block, open)) in self.resident.blocks.iter().zip(&self.open).enumerate() {
            let units = kernels::UNITS as usize;
            let searchers = block.rows.div_ceil(units).min(SEARCHERS);
            let (count, dim) = cubes(searchers * units, kernels::UNITS);
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
                (at * SEARCHERS) as u32,
            );
        }
        let numbers = numbers.read(gpu)?;
        let distances = distances.read(gpu)?;
        let found = numbers.chunks(SEARCHERS).zip(distances.chunks(SEARCHERS));
        let mut best: Option<(usize, f32)> = None;
        for (block, (numbers, distances)) in self.resident.blocks.iter().zip(found) {
            for (number, distance) in numbers.iter().zip(distances) {
                let row = block.start + *number as usize;
                let distance = *distance;
                let further = |(first, largest): (usize, f32)| {
                    distance > largest || (distance == largest && row < first)
                };
                if *number != kernels::NONE && best.is_none_or(further) {
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

    fn rank(&mut self, rows: &[usize]) -> Result<(), DeviceError> {
        let Resident { gpu, points, blocks } = &self.resident;
        let mut open = vec![0u32; points.rows()];
        rows.iter().for_each(|row| open[*row] = 1);
        let part = |block: &Block| Buffer::new(&gpu.client, &open[block.start..][..block.rows]);
        self.taken = None;
        self.open = gpu.attempt(|| Ok(blocks.iter().map(part).collect()))?;
        Ok(())
    }

    fn pop(&mut self) -> Result<Option<(usize, f64)>, DeviceError> {
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
    fn lower(&mut self, centres: &[usize], nearest: &mut [f64]) -> Result<(), DeviceError> {
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
