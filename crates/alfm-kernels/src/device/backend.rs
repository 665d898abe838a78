use std::fmt;

use super::DeviceError;

/// Where numbers are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// The processor.
    Cpu,
    /// The fastest card that WGPU finds; a software driver where there is no other.
    Wgpu,
    /// The first of NVIDIA's cards.
    Cuda,
}

impl Backend {
    /// All that any build knows.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Wgpu, Self::Cuda];

    /// What `--device` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// The device called `name`, which is there: CubeCL's default device of that runtime can be used.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`], [`DeviceError::NotBuilt`] or [`DeviceError::Absent`], all of which name the devices
    /// that are there.
    ///
    /// ```
    /// use alfm_kernels::device::Backend;
    /// assert_eq!(Backend::find("cpu")?, Backend::Cpu);
    /// let error = Backend::find("abacus").unwrap_err().to_string();
    /// assert!(error.starts_with("no device is called `abacus`: this machine and this build offer cpu"));
    /// # Ok::<(), alfm_kernels::device::DeviceError>(())
    /// ```
    pub fn find(name: &str) -> Result<Self, DeviceError> {
        let known = Self::ALL.into_iter().find(|backend| backend.name() == name);
        let Some(backend) = known else {
            return Err(DeviceError::Unknown { name: name.into(), offered: offered() });
        };
        backend.check().map(|()| backend)
    }

    /// Those that this build knows and this machine has.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|backend| matches!(backend.probe(), Some(Ok(())))).collect()
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`], [`DeviceError::Absent`].
    pub fn check(self) -> Result<(), DeviceError> {
        match self.probe() {
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => {
                Err(DeviceError::Absent { device: self.name(), reason, offered: offered() })
            }
            None => Err(self.not_built()),
        }
    }

    /// The error of a build without it.
    pub fn not_built(self) -> DeviceError {
        DeviceError::NotBuilt { device: self.name(), offered: offered() }
    }

    /// Whether it is there, or what its driver says; `None` where it is not built in.
    fn probe(self) -> Option<Result<(), String>> {
        match self {
            Self::Cpu => Some(Ok(())),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Some(super::wgpu::probe()),
            #[cfg(feature = "cuda")]
            Self::Cuda => Some(super::cuda::probe()),
            #[cfg(not(all(feature = "wgpu", feature = "cuda")))]
            _ => None,
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn offered() -> String {
    Backend::available().into_iter().map(Backend::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_cannot_be_had_is_an_error_that_names_the_others() {
        let there = Backend::available();
        assert!(there.contains(&Backend::Cpu));
        for backend in Backend::ALL {
            match Backend::find(backend.name()) {
                Ok(found) => assert!(found == backend && there.contains(&backend)),
                Err(error) => {
                    assert!(!there.contains(&backend));
                    let message = error.to_string();
                    assert!(message.contains(&format!("offer {}", offered())), "{message}");
                    let built = backend.probe().is_some();
                    assert_eq!(message.contains("not built in"), !built, "{message}");
                }
            }
        }
    }
}
