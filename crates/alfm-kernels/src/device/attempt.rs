//! A runtime that is out of memory does not say so, it panics; and what WGPU reports, it reports late.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Backend, DeviceError};

impl Backend {
    /// What `work` returns; a panic of the runtime, and what the driver has said meanwhile, become errors.
    ///
    /// # Errors
    /// What `work` returns; [`DeviceError::Failed`].
    pub fn attempt<T, E: From<DeviceError>>(
        self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let said = |panic: Box<dyn Any + Send>| -> E {
            let reason = match panic.downcast::<String>() {
                Ok(message) => *message,
                Err(panic) => match panic.downcast::<&str>() {
                    Ok(message) => (*message).to_owned(),
                    Err(_) => "its runtime gave up".to_owned(),
                },
            };
            self.failed(&reason).into()
        };
        let done = catch_unwind(AssertUnwindSafe(work)).map_err(said).flatten();
        match self.fault() {
            Some(fault) => Err(self.failed(&fault).into()),
            None => done,
        }
    }

    /// The error of a device that was there, in its runtime's words without their stack.
    pub fn failed(self, reason: &str) -> DeviceError {
        let reason = reason.lines().take_while(|line| !line.starts_with("Backtrace"));
        let reason = reason.map(str::trim).collect::<Vec<_>>().join(" ");
        DeviceError::Failed { device: self.name(), reason }
    }

    /// The first fault that nobody waited for, such as that memory is out.
    fn fault(self) -> Option<String> {
        match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => super::wgpu::fault(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_in_one_line() {
        let give_up = || -> Result<(), DeviceError> { panic!("no\n  memory\nBacktrace: 0") };
        let error = Backend::Cuda.attempt(give_up).unwrap_err().to_string();
        let expected = "device `cuda` failed: no memory; less at a time, or `cpu`, may do";
        assert_eq!(error, expected);
        assert_eq!(Backend::Cpu.attempt(|| Ok::<_, DeviceError>(3)), Ok(3));
    }
}
