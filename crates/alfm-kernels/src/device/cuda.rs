//! NVIDIA's cards.

#![allow(unsafe_code, reason = "loading a library runs its code")]

use cubecl::cuda::install;
use cudarc::{driver, nvrtc};

/// Whether the first card is there, or what is missing.
pub(crate) fn probe() -> Result<(), String> {
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
        _ => Ok(()),
    }
}
