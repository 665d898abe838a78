use alfm_kernels::Metric;

use super::KCenterGreedy;
use crate::{Acquisition, Error, Input, Pick, Request};

/// FF-Active: farthest-first traversal of the current representation (Geifman & El-Yaniv 2017, arXiv 1711.00941).
///
/// [`KCenterGreedy`] under another name, on embeddings of the model as it is after the last batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FfActive {
    /// What distance means; Euclidean by default.
    pub metric: Metric,
}

impl Acquisition for FfActive {
    fn name(&self) -> &'static str {
        "ff-active"
    }

    fn needs(&self) -> &'static [Input] {
        &[Input::Embeddings]
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        KCenterGreedy { metric: self.metric, ..KCenterGreedy::default() }.acquire(request)
    }
}
