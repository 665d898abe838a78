//! Devices beside the processor, and inputs on which they are compared with it.

use alfm_core::SeedTree;
use alfm_fixtures::available;
use alfm_kernels::device::{Device, open_device};
use rand::RngExt;

/// The devices beside the processor; those that are missing say why.
pub fn others() -> Vec<Box<dyn Device>> {
    let open = |name| available(name, open_device(name));
    ["wgpu", "cuda"].into_iter().filter_map(open).collect()
}

/// Uniform numbers in `[0, 1)`, the same for the same name.
pub fn uniform(length: usize, name: &str) -> Vec<f32> {
    let mut rng = SeedTree::new(7).child(name).rng();
    (0..length).map(|_| rng.random()).collect()
}

/// Distributions from flat to nearly certain, the same for the same name.
pub fn distributions(rows: usize, classes: usize, name: &str) -> Vec<f32> {
    let mut values = uniform(rows * classes, name);
    for (row, values) in values.chunks_exact_mut(classes).enumerate() {
        let sharpness = 1.0 + (row % 13) as f32;
        values.iter_mut().for_each(|value| *value = (value.powf(sharpness)).max(1e-12));
        let sum: f32 = values.iter().sum();
        values.iter_mut().for_each(|value| *value /= sum);
    }
    values
}
