use std::fmt;

use alfm_core::{Error, ErrorKind};

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
    /// For an unknown one, one that is not built in, and one that is not there; all name the devices that are.
    ///
    /// ```
    /// use alfm_kernels::device::Backend;
    /// assert_eq!(Backend::find("cpu")?, Backend::Cpu);
    /// let error = Backend::find("abacus").unwrap_err().to_string();
    /// assert!(error.starts_with("no device is called `abacus`: this machine and this build offer cpu"));
    /// # Ok::<(), alfm_core::Error>(())
    /// ```
    pub fn find(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|backend| backend.name() == name);
        let Some(backend) = known else {
            let message = format!("no device is called `{name}`: {}", offered());
            return Err(Error::new(ErrorKind::NotFound, message));
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
    /// For one that is not built in, and one that is not there.
    pub fn check(self) -> Result<(), Error> {
        match self.probe() {
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => {
                let message = format!("device `{self}` is not there ({reason}): {}", offered());
                Err(Error::new(ErrorKind::NotFound, message))
            }
            None => Err(self.not_built()),
        }
    }

    /// The error of a build without it.
    pub fn not_built(self) -> Error {
        let remedy = format!("build with `--features {self}` for it");
        let message = format!("device `{self}` is not built in: {}; {remedy}", offered());
        Error::new(ErrorKind::NotFound, message)
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
    let there: Vec<&str> = Backend::available().into_iter().map(Backend::name).collect();
    format!("this machine and this build offer {}", there.join(", "))
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
                    assert!(message.contains(&offered()), "{message}");
                    let built = backend.probe().is_some();
                    assert_eq!(message.contains("not built in"), !built, "{message}");
                }
            }
        }
    }
}
