use serde::{Deserialize, Serialize};

use super::KCenterGreedy;
use crate::options::{HasOptions, Opt};
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Request};
use alfm_kernels::Metric;

/// FF-Active: farthest-first traversal of the current representation (Geifman & El-Yaniv 2017, arXiv 1711.00941).
///
/// [`KCenterGreedy`] under another name, on embeddings of the model as it is after the last batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FfActive {
    /// What distance means; Euclidean by default.
    pub metric: Metric,
}

impl HasOptions for FfActive {
    const OPTIONS: &'static [Opt] = &[Opt::new("metric", "what distance means", "l2 or cosine")];
}

impl Acquisition for FfActive {
    fn name(&self) -> &str {
        "ff-active"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Embeddings])
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        KCenterGreedy { metric: self.metric, ..KCenterGreedy::default() }.acquire(request)
    }
}
