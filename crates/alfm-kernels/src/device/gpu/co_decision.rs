//! Co-decision in blocks of rows: the next one is uploaded while the card works.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use alfm_core::Predictions;
use cubecl::Runtime;

use super::buffer::Buffer;
use super::{Gpu, cubes, kernels};
use crate::co_decision::decide_rows;
use crate::device::DeviceError;
use crate::{CoDecision, Joint};

/// Below it the products of single precision have lost their digits, and the processor decides.
const LEAST_MASS: f32 = 1e-30;

/// Tells the results of a launch from those of any other, which may have had the same buffers.
static STAMP: AtomicU32 = AtomicU32::new(1);

/// A block that the card works on.
pub(super) struct Block {
    rows: Range<usize>,
    stamp: u32,
    measures: Buffer<f32>,
    labels: Buffer<u32>,
}

pub(super) fn co_decide<R: Runtime>(
    gpu: &Gpu<R>,
    prior: Predictions<'_>,
    model: Predictions<'_>,
    joint: Joint,
) -> Result<Vec<CoDecision>, DeviceError> {
    let classes = prior.classes();
    let columns = classes.max(kernels::MEASURES);
    let size = gpu.rows_of(columns, kernels::DECIDERS)?.min(gpu.rows_of_part(columns));
    let mut decisions = Vec::with_capacity(prior.rows());
    let mut buffer = Vec::new();
    let mut waiting: Option<Block> = None;
    for start in (0..prior.rows()).step_by(size) {
        let rows = start..prior.rows().min(start + size);
        let [prior, model] =
            [prior, model].map(|of| Buffer::new(&gpu.client, of.read(rows.clone(), &mut buffer)));
        let block = launch(gpu, &prior, &model, (rows, classes), joint);
        if let Some(done) = waiting.replace(block) {
            collect(gpu, &done, classes, &mut decisions)?;
        }
    }
    if let Some(done) = waiting {
        collect(gpu, &done, classes, &mut decisions)?;
    }
    let lost: Vec<usize> = (0..decisions.len()).filter(|row| decisions[*row].1).collect();
    let mut decisions: Vec<CoDecision> = decisions.into_iter().map(|(row, _)| row).collect();
    for (row, decision) in lost.iter().zip(decide_rows(prior, model, joint, &lost)) {
        decisions[*row] = decision;
    }
    Ok(decisions)
}

#[expect(clippy::cast_possible_truncation, reason = "a block's numbers are counted in 32 bits")]
pub(super) fn launch<R: Runtime>(
    gpu: &Gpu<R>,
    prior: &Buffer<f32>,
    model: &Buffer<f32>,
    (rows, classes): (Range<usize>, usize),
    joint: Joint,
) -> Block {
    let measures = Buffer::empty(&gpu.client, kernels::MEASURES * rows.len());
    let labels = Buffer::empty(&gpu.client, kernels::LABELS * rows.len() + 1);
    let (count, dim) = cubes(rows.len(), kernels::DECIDERS);
    let stamp = STAMP.fetch_add(1, Ordering::Relaxed);
    // A single expert is a mixture without the other, to the last bit.
    let (product, lambda) = match joint {
        Joint::Product => (true, 0.0),
        Joint::SmallOnly => (false, 0.0),
        Joint::PriorOnly => (false, 1.0),
        Joint::Mixture(lambda) => (false, lambda),
    };
    kernels::co_decide::launch::<R>(
        &gpu.client,
        count,
        dim,
        prior.arg(),
        model.arg(),
        measures.arg(),
        labels.arg(),
        rows.len() as u32,
        classes as u32,
        lambda,
        stamp,
        product,
        classes.min(kernels::CLASSES),
    );
    Block { rows, stamp, measures, labels }
}

/// Appends a block's decisions, each with whether it is worthless.
fn collect<R: Runtime>(
    gpu: &Gpu<R>,
    block: &Block,
    classes: usize,
    decisions: &mut Vec<(CoDecision, bool)>,
) -> Result<(), DeviceError> {
    let measures = block.measures.read(gpu)?;
    let labels = block.labels.read(gpu)?;
    let rows = block.rows.len();
    if labels.last() != Some(&block.stamp) {
        return Err(gpu.lost());
    }
    #[expect(clippy::cast_possible_truncation, reason = "entropies are single precision")]
    let highest = (classes as f64).ln() as f32;
    decisions.extend((0..rows).map(|row| {
        let measure = |at| measures[at * rows + row];
        let label = |at| labels[at * rows + row];
        let decision = CoDecision {
            joint_entropy: f32::clamp(measure(0), 0.0, highest),
            model_entropy: f32::clamp(measure(1), 0.0, highest),
            prior_label: label(0),
            model_label: label(1),
            joint_label: label(2),
            prior_label_confidence: measure(2),
            joint_label_confidence: measure(3),
        };
        (decision, measure(4) < LEAST_MASS || measure(4).is_nan())
    }));
    Ok(())
}
