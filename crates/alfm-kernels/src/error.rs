use alfm_core::CoreError;

use crate::device::DeviceError;

/// Why a kernel has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum KernelError {
    /// Two inputs that do not fit each other.
    #[error(transparent)]
    Input(#[from] CoreError),
    /// A device that failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}
