//! Where numbers are computed: on the processor, or on a card, through WGPU or, on NVIDIA's, CUDA.
//!
//! CubeCL, on which both Burn's backends and our own kernels run, panics where there is no adapter and no driver. So
//! a device is probed here, once, before anything else touches it; then it is the runtime's default device, and
//! whoever computes on it asks for no more. Without the features `wgpu` and `cuda` there is only the processor.

mod attempt;
mod backend;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod error;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
#[cfg(feature = "wgpu")]
mod wgpu;

use std::fmt::Debug;

use alfm_core::{MatrixView, Predictions};

pub use self::backend::Backend;
pub use self::cpu::Cpu;
pub use self::error::DeviceError;
use crate::{CoDecision, Gradients, Joint, KernelError, Metric};

/// The kernels of the strategies that have a path of their own for each device.
///
/// The processor computes in double precision where it sums, a card in single precision: decisions agree within
/// `1e-5` (nats, probabilities), squared distances within `1e-5` of the squared lengths that they are between.
/// Selections are equal where scores are further apart than that.
pub trait Device: Debug + Send + Sync {
    /// What `--device` calls it.
    fn name(&self) -> &'static str;

    /// Decides every row: [`co_decide`](crate::co_decide).
    ///
    /// # Errors
    /// A model of another shape than the prior; a device that fails.
    fn co_decide(
        &self,
        prior: Predictions<'_>,
        model: Predictions<'_>,
        joint: Joint,
    ) -> Result<Vec<CoDecision>, KernelError>;

    /// The farthest of some rows of `points` from a set of centres that grows.
    ///
    /// # Errors
    /// A device that fails.
    fn farthest<'a>(
        &'a self,
        points: MatrixView<'a>,
        metric: Metric,
    ) -> Result<Box<dyn Farthest + 'a>, DeviceError>;

    /// Distances of all gradients to the nearest of a set of centres that grows.
    ///
    /// # Errors
    /// A device that fails.
    fn nearest<'a>(
        &'a self,
        gradients: &'a Gradients<'a>,
    ) -> Result<Box<dyn Nearest + 'a>, DeviceError>;

    /// For the benches: bytes a second of the co-decision kernel on inputs that are on the card already, and of a
    /// copy; `None` where there is no way to a card and back.
    #[doc(hidden)]
    fn bandwidth(&self, _rows: usize, _classes: usize) -> Result<Option<[f64; 2]>, DeviceError> {
        Ok(None)
    }
}

/// The farthest point from a growing set of centres. Points are rows of a matrix, and so are centres.
pub trait Farthest: Debug + Send {
    /// The centres in the order in which they were added.
    fn centres(&self) -> &[usize];

    /// Adds a centre.
    fn add(&mut self, centre: usize);

    /// Forgets the centres.
    fn clear(&mut self);

    /// Makes `rows` those that [`pop`](Self::pop) chooses from.
    ///
    /// # Errors
    /// A device that fails; likewise below.
    fn rank(&mut self, rows: &[usize]) -> Result<(), DeviceError>;

    /// Takes the farthest of the ranked rows out, with its squared distance to the nearest of at least one
    /// centre; the lowest row on ties, `None` once all are taken.
    #[expect(clippy::missing_errors_doc, reason = "as `rank`")]
    fn pop(&mut self) -> Result<Option<(usize, f64)>, DeviceError>;
}

/// Squared distances of points to the nearest of a growing set of centres, which are points.
pub trait Nearest {
    /// Lowers `nearest[i]` to the squared distance from point `i` to the nearest of `centres`, and of any before.
    ///
    /// # Errors
    /// A device that fails.
    fn lower(&mut self, centres: &[usize], nearest: &mut [f64]) -> Result<(), DeviceError>;
}

/// Opens the device called `name`: `cpu`, `wgpu` or `cuda`.
///
/// # Errors
/// [`DeviceError::Unknown`], [`DeviceError::NotBuilt`] or [`DeviceError::Absent`], all of which name the devices
/// that are there.
///
/// ```
/// use alfm_kernels::device::open_device;
/// assert_eq!(open_device("cpu")?.name(), "cpu");
/// let error = open_device("abacus").unwrap_err().to_string();
/// assert!(error.starts_with("no device is called `abacus`: this machine and this build offer cpu"));
/// # Ok::<(), alfm_kernels::device::DeviceError>(())
/// ```
pub fn open_device(name: &str) -> Result<Box<dyn Device>, DeviceError> {
    Ok(match Backend::find(name)? {
        Backend::Cpu => Box::new(Cpu),
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => Box::new(gpu::Gpu::<cubecl::wgpu::WgpuRuntime>::new(Backend::Wgpu)),
        #[cfg(feature = "cuda")]
        Backend::Cuda => Box::new(gpu::Gpu::<cubecl::cuda::CudaRuntime>::new(Backend::Cuda)),
        #[cfg(not(all(feature = "wgpu", feature = "cuda")))]
        other => return Err(other.not_built()),
    })
}

/// The devices that this build knows and this machine has, by name.
pub fn devices() -> Vec<&'static str> {
    Backend::available().into_iter().map(Backend::name).collect()
}
