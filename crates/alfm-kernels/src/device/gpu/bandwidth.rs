//! How fast the card goes through its own memory, without the way there and back.

use std::time::Instant;

use cubecl::Runtime;

use super::buffer::Buffer;
use super::co_decision::launch;
use super::{CUBES, Gpu, cubes, kernels};
use crate::Joint;
use crate::device::DeviceError;

/// Launches that are timed together.
const LAUNCHES: u32 = 20;

/// Bytes a second that the co-decision kernel reads and writes, and that a copy of both inputs does.
pub(super) fn bandwidth<R: Runtime>(
    gpu: &Gpu<R>,
    rows: usize,
    classes: usize,
) -> Result<[f64; 2], DeviceError> {
    let most = gpu.rows_of(classes.max(kernels::MEASURES), kernels::DECIDERS)?;
    let rows = rows.min(most).min(CUBES * kernels::UNITS as usize / classes);
    let inputs = |seed| Buffer::of(&gpu.client, numbers(rows * classes, seed));
    let prior = inputs(1);
    let model = inputs(2);
    let decide = || {
        launch(gpu, &prior, &model, (0..rows, classes), Joint::Product);
    };
    let copy = || {
        let (count, dim) = cubes(rows * classes, kernels::UNITS);
        kernels::copy::launch::<R>(&gpu.client, count, dim, prior.arg(), model.arg());
    };
    // A copy of one input, as it reads and writes what the score only reads.
    let read = 8 * rows * classes;
    let written = 4 * rows * (kernels::MEASURES + kernels::LABELS);
    Ok([timed(gpu, read + written, decide)?, timed(gpu, read, copy)?])
}

/// Between 0 and 1, no two neighbours alike: what is all the same is faster than what people have.
#[expect(clippy::cast_precision_loss, reason = "24 bits are exact")]
pub(super) fn numbers(length: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1u32 << 24) as f32
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn timed<R: Runtime>(gpu: &Gpu<R>, bytes: usize, work: impl Fn()) -> Result<f64, DeviceError> {
    let wait = || {
        let done = gpu.client.flush();
        let done = done.and_then(|()| cubecl::future::block_on(gpu.client.sync()));
        done.map_err(|error| gpu.failed(&error.to_string()))
    };
    work();
    wait()?;
    let start = Instant::now();
    (0..LAUNCHES).for_each(|_| work());
    wait()?;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    Ok(bytes as f64 * f64::from(LAUNCHES) / start.elapsed().as_secs_f64())
}
