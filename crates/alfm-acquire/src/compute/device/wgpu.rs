//! Cards through WGPU. The adapter is asked for here, as CubeCL panics where there is none.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cubecl::wgpu::{RuntimeOptions, WgpuDevice, WgpuRuntime, WgpuSetup, init_device};
use wgpu::{
    Backends, DeviceDescriptor, Instance, InstanceDescriptor, MemoryHints, PowerPreference,
    RequestAdapterOptions,
};

use super::Device;
use super::gpu::Gpu;

/// The first error of the adapter that nobody waited for, such as that its memory is out.
static FAULT: Mutex<Option<String>> = Mutex::new(None);

fn fault() -> Option<String> {
    FAULT.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The fastest adapter; a software driver where there is no other.
pub(super) fn open() -> Result<Box<dyn Device>, String> {
    gpu().map(|gpu| Box::new(gpu) as Box<dyn Device>)
}

/// CubeCL knows an adapter for as long as the program runs, so it is asked for once.
pub(super) fn gpu() -> Result<Gpu<WgpuRuntime>, String> {
    static DEVICE: OnceLock<Result<WgpuDevice, String>> = OnceLock::new();
    let device = DEVICE.get_or_init(|| cubecl::future::block_on(request())).as_ref();
    device.map(|device| Gpu::new("wgpu", device, fault)).map_err(Clone::clone)
}

async fn request() -> Result<WgpuDevice, String> {
    let instance = Instance::new(InstanceDescriptor {
        backends: Backends::PRIMARY,
        ..InstanceDescriptor::new_without_display_handle()
    });
    let options = RequestAdapterOptions {
        power_preference: PowerPreference::HighPerformance,
        ..RequestAdapterOptions::default()
    };
    let adapter = instance.request_adapter(&options).await.map_err(|error| error.to_string())?;
    let descriptor = DeviceDescriptor {
        required_limits: adapter.limits(),
        // CubeCL allocates in blocks of its own.
        memory_hints: MemoryHints::MemoryUsage,
        ..DeviceDescriptor::default()
    };
    let device = adapter.request_device(&descriptor).await;
    let (device, queue) = device.map_err(|error| error.to_string())?;
    // By default the thread that does the work panics, and nobody else hears of it.
    device.on_uncaptured_error(Arc::new(|error: wgpu::Error| {
        let mut fault = FAULT.lock().unwrap_or_else(PoisonError::into_inner);
        fault.get_or_insert_with(|| error.to_string());
    }));
    let backend = adapter.get_info().backend;
    let setup = WgpuSetup { instance, adapter, device, queue, backend };
    Ok(init_device(setup, RuntimeOptions::default()))
}
