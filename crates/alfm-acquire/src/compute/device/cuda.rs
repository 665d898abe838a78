//! NVIDIA's cards. The driver is looked for here, as CubeCL panics where there is none.

#![allow(unsafe_code, reason = "loading a library runs its code")]

use cubecl::cuda::{CudaDevice, CudaRuntime, install};
use cudarc::{driver, nvrtc};

use super::Device;
use super::gpu::Gpu;

/// The first card.
pub(super) fn open() -> Result<Box<dyn Device>, String> {
    // SAFETY: both are NVIDIA's own libraries, by their own names; to be loaded is what they are made for.
    let [driver, compiler] =
        unsafe { [driver::sys::is_culib_present(), nvrtc::sys::is_culib_present()] };
    if !driver {
        return Err("there is no NVIDIA driver".into());
    }
    if !compiler {
        return Err("NVRTC of the CUDA toolkit is missing".into());
    }
    if install::cuda_path().is_none() {
        return Err("the CUDA toolkit's headers are missing: CUDA_PATH names where it is".into());
    }
    driver::result::init().map_err(|error| error.to_string())?;
    match driver::result::device::get_count().map_err(|error| error.to_string())? {
        ..1 => Err("the NVIDIA driver finds no card".into()),
        _ => Ok(Box::new(Gpu::<CudaRuntime>::new("cuda", &CudaDevice::new(0), || None))),
    }
}
