use alfm_core::{MatrixView, Predictions};
use rayon::prelude::*;

use super::{Device, DeviceError, Farthest, Nearest};
use crate::lazy_minimum::LazyMinimum;
use crate::{
    CoDecision, Embedded, GradientScratch, Gradients, Joint, KernelError, Metric, co_decide,
};

/// Gradients that one task measures together.
const BLOCK: usize = 64;

/// The processor: all of its threads, the same bits whatever their number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

impl Device for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn co_decide(
        &self,
        prior: Predictions<'_>,
        model: Predictions<'_>,
        joint: Joint,
    ) -> Result<Vec<CoDecision>, KernelError> {
        Ok(co_decide(prior, model, joint)?)
    }

    fn farthest<'a>(
        &'a self,
        points: MatrixView<'a>,
        metric: Metric,
    ) -> Result<Box<dyn Farthest + 'a>, DeviceError> {
        Ok(Box::new(LazyMinimum::new(Embedded::new(points, metric))))
    }

    fn nearest<'a>(
        &'a self,
        gradients: &'a Gradients<'a>,
    ) -> Result<Box<dyn Nearest + 'a>, DeviceError> {
        Ok(Box::new(gradients))
    }
}

impl Nearest for &Gradients<'_> {
    fn lower(&mut self, centres: &[usize], nearest: &mut [f64]) -> Result<(), DeviceError> {
        nearest.par_chunks_mut(BLOCK).enumerate().for_each_init(
            GradientScratch::default,
            |scratch, (block, nearest)| {
                self.lower_to_nearest(block * BLOCK, centres, nearest, scratch);
            },
        );
        Ok(())
    }
}
