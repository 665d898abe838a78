//! Where the kernels run: on the processor, or on a card.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod gpu;
#[cfg(feature = "wgpu")]
mod wgpu;

use std::fmt::Debug;

use alfm_core::{MatrixView, Predictions};

pub use self::cpu::Cpu;
use super::{CoDecision, Gradients, Joint, Metric};
use crate::AcquireError;

/// The kernels of the strategies that have a path of their own for each device.
///
/// The processor computes in double precision where it sums, a card in single precision: decisions agree within
/// `1e-5` (nats, probabilities), squared distances within `1e-5` of the squared lengths that they are between.
/// Selections are equal where scores are further apart than that.
pub trait Device: Debug + Send + Sync {
    /// What `--device` calls it.
    fn name(&self) -> &'static str;

    /// Decides every row: [`co_decide`](super::co_decide).
    ///
    /// # Errors
    /// A model of another shape than the prior; a device that fails.
    fn co_decide(
        &self,
        prior: Predictions<'_>,
        model: Predictions<'_>,
        joint: Joint,
    ) -> Result<Vec<CoDecision>, AcquireError>;

    /// The farthest of some rows of `points` from a set of centres that grows.
    ///
    /// # Errors
    /// A device that fails.
    fn farthest<'a>(
        &'a self,
        points: MatrixView<'a>,
        metric: Metric,
    ) -> Result<Box<dyn Farthest + 'a>, AcquireError>;

    /// Distances of all gradients to the nearest of a set of centres that grows.
    ///
    /// # Errors
    /// A device that fails.
    fn nearest<'a>(
        &'a self,
        gradients: &'a Gradients<'a>,
    ) -> Result<Box<dyn Nearest + 'a>, AcquireError>;

    /// For the benches: bytes a second of the co-decision kernel on inputs that are on the card already, and of a
    /// copy; `None` where there is no way to a card and back.
    #[doc(hidden)]
    fn bandwidth(&self, _rows: usize, _classes: usize) -> Result<Option<[f64; 2]>, AcquireError> {
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
    fn rank(&mut self, rows: &[usize]) -> Result<(), AcquireError>;

    /// Takes the farthest of the ranked rows out, with its squared distance to the nearest of at least one
    /// centre; the lowest row on ties, `None` once all are taken.
    #[expect(clippy::missing_errors_doc, reason = "as `rank`")]
    fn pop(&mut self) -> Result<Option<(usize, f64)>, AcquireError>;
}

/// Squared distances of points to the nearest of a growing set of centres, which are points.
pub trait Nearest {
    /// Lowers `nearest[i]` to the squared distance from point `i` to the nearest of `centres`, and of any before.
    ///
    /// # Errors
    /// A device that fails.
    fn lower(&mut self, centres: &[usize], nearest: &mut [f64]) -> Result<(), AcquireError>;
}

/// Why a device can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No device has this name.
    #[error("no device is called `{name}`: this machine and this build offer {offered}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The devices that are there.
        offered: String,
    },
    /// The program was built without it.
    #[error(
        "device `{device}` is not built in: this machine and this build offer {offered}; \
         build with `--features {device}` for it"
    )]
    NotBuilt {
        /// The device.
        device: &'static str,
        /// The devices that are there.
        offered: String,
    },
    /// The machine lacks it.
    #[error(
        "device `{device}` is not there ({reason}): this machine and this build offer {offered}"
    )]
    Absent {
        /// The device.
        device: &'static str,
        /// What its driver says.
        reason: String,
        /// The devices that are there.
        offered: String,
    },
    /// It was there, and failed.
    #[error("device `{device}` failed: {reason}; a smaller pool, or `cpu`, may do")]
    Failed {
        /// The device.
        device: &'static str,
        /// What its driver says.
        reason: String,
    },
    /// A row is longer than the longest buffer of the device.
    #[error(
        "device `{device}` holds no row of {columns} numbers: its longest buffer is {bytes} bytes"
    )]
    RowTooWide {
        /// The device.
        device: &'static str,
        /// Numbers in a row.
        columns: usize,
        /// The longest buffer.
        bytes: usize,
    },
}

/// Opens a device, or says what its driver says.
type Open = fn() -> Result<Box<dyn Device>, String>;

/// Every device with what opens it; `None` where it is not built in.
const DEVICES: [(&str, Option<Open>); 3] = [
    ("cpu", Some(|| Ok(Box::new(Cpu)))),
    #[cfg(feature = "wgpu")]
    ("wgpu", Some(wgpu::open)),
    #[cfg(not(feature = "wgpu"))]
    ("wgpu", None),
    #[cfg(feature = "cuda")]
    ("cuda", Some(cuda::open)),
    #[cfg(not(feature = "cuda"))]
    ("cuda", None),
];

/// Opens the device called `name`: `cpu`, `wgpu` or `cuda`.
///
/// # Errors
/// [`DeviceError::Unknown`], [`DeviceError::NotBuilt`] or [`DeviceError::Absent`], all of which name the devices
/// that are there.
///
/// ```
/// use alfm_acquire::compute::open_device;
/// assert_eq!(open_device("cpu")?.name(), "cpu");
/// let error = open_device("abacus").unwrap_err().to_string();
/// assert!(error.starts_with("no device is called `abacus`: this machine and this build offer cpu"));
/// # Ok::<(), alfm_acquire::compute::DeviceError>(())
/// ```
pub fn open_device(name: &str) -> Result<Box<dyn Device>, DeviceError> {
    let known = DEVICES.iter().find(|(device, _)| *device == name);
    let Some((device, open)) = known else {
        return Err(DeviceError::Unknown { name: name.into(), offered: offered() });
    };
    let open = open.ok_or_else(|| DeviceError::NotBuilt { device, offered: offered() })?;
    open().map_err(|reason| DeviceError::Absent { device, reason, offered: offered() })
}

/// The devices that this build knows and this machine has, by name.
pub fn devices() -> Vec<&'static str> {
    let there = |(_, open): &&(&str, Option<Open>)| open.is_some_and(|open| open().is_ok());
    DEVICES.iter().filter(there).map(|(name, _)| *name).collect()
}

fn offered() -> String {
    devices().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_cannot_be_had_is_an_error_that_names_the_others() {
        let there = devices();
        for (name, open) in DEVICES {
            match open_device(name) {
                Ok(device) => assert!(device.name() == name && there.contains(&name)),
                Err(error) => {
                    assert!(!there.contains(&name));
                    let message = error.to_string();
                    assert!(message.contains(&format!("offer {}", there.join(", "))), "{message}");
                    assert_eq!(message.contains("not built in"), open.is_none(), "{message}");
                }
            }
        }
    }
}
