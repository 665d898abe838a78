//! Cards through WGPU.

use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cubecl::wgpu::{AutoGraphicsApi, GraphicsApi, RuntimeOptions, WgpuDevice, init_setup};
use wgpu::{DeviceDescriptor, Instance, InstanceDescriptor, PowerPreference};
use wgpu::{MemoryHints, RequestAdapterOptions};

/// The first error of the adapter that nobody waited for.
static FAULT: Mutex<Option<String>> = Mutex::new(None);

pub(crate) fn fault() -> Option<String> {
    FAULT.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Whether there is an adapter, or what WGPU says. CubeCL knows it for as long as the program runs, so it is asked
/// for once.
pub(crate) fn probe() -> Result<(), String> {
    static PROBED: OnceLock<Result<(), String>> = OnceLock::new();
    let probe = || {
        cubecl::future::block_on(request())?;
        start()
    };
    PROBED.get_or_init(probe).clone()
}

/// What CubeCL will ask for, and would panic without.
async fn request() -> Result<(), String> {
    let instance = Instance::new(InstanceDescriptor {
        backends: AutoGraphicsApi::backend().into(),
        ..InstanceDescriptor::new_without_display_handle()
    });
    let options = RequestAdapterOptions {
        power_preference: PowerPreference::HighPerformance,
        ..RequestAdapterOptions::default()
    };
    let adapter = instance.request_adapter(&options).await.map_err(|error| error.to_string())?;
    let descriptor = DeviceDescriptor {
        required_limits: adapter.limits(),
        memory_hints: MemoryHints::MemoryUsage,
        ..DeviceDescriptor::default()
    };
    adapter.request_device(&descriptor).await.map(drop).map_err(|error| error.to_string())
}

/// Makes it CubeCL's default device.
fn start() -> Result<(), String> {
    let start = || init_setup::<AutoGraphicsApi>(&WgpuDevice::default(), RuntimeOptions::default());
    let setup = catch_unwind(start).map_err(|_| "its runtime does not start".to_owned())?;
    // By default the thread that does the work panics, and nobody else hears of it.
    setup.device.on_uncaptured_error(Arc::new(|error: wgpu::Error| {
        let mut fault = FAULT.lock().unwrap_or_else(PoisonError::into_inner);
        fault.get_or_insert_with(|| error.to_string());
    }));
    Ok(())
}
