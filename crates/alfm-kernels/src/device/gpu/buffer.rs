//! The one place that needs `unsafe`: numbers on the card, as a kernel takes them.

#![allow(unsafe_code, reason = "CubeCL takes the length of a buffer on trust")]

use std::marker::PhantomData;

use bytemuck::Pod;
use cubecl::Runtime;
use cubecl::bytes::Bytes;
use cubecl::client::ComputeClient;
use cubecl::prelude::ArrayArg;
use cubecl::server::Handle;

use super::Gpu;
use crate::device::DeviceError;

/// So many numbers of one type, of four bytes each.
#[derive(Debug)]
pub(super) struct Buffer<T> {
    handle: Handle,
    length: usize,
    of: PhantomData<T>,
}

impl<T: Pod> Buffer<T> {
    pub(super) fn new<R: Runtime>(client: &ComputeClient<R>, values: &[T]) -> Self {
        let handle = client.create_from_slice(bytemuck::cast_slice(values));
        Self { handle, length: values.len(), of: PhantomData }
    }

    /// The numbers themselves, without a copy on this side.
    pub(super) fn of<R: Runtime>(client: &ComputeClient<R>, values: Vec<T>) -> Self
    where
        T: Send + Sync,
    {
        let length = values.len();
        Self { handle: client.create(Bytes::from_elems(values)), length, of: PhantomData }
    }

    /// For a kernel to fill.
    pub(super) fn empty<R: Runtime>(client: &ComputeClient<R>, length: usize) -> Self {
        let handle = client.empty(length * size_of::<T>());
        Self { handle, length, of: PhantomData }
    }

    /// The argument of a kernel.
    pub(super) fn arg<R: Runtime>(&self) -> ArrayArg<R> {
        // SAFETY: `handle` was made with room for `length` numbers of type `T`, and is never resized.
        unsafe { ArrayArg::from_raw_parts(self.handle.clone(), self.length) }
    }

    /// What it holds, once the kernels before have run.
    pub(super) fn read<R: Runtime>(&self, gpu: &Gpu<R>) -> Result<Vec<T>, DeviceError> {
        // A kernel that can't be run is reported by the flush alone; its buffers read as zeros.
        let done = gpu.client.flush().and_then(|()| gpu.client.read_one(self.handle.clone()));
        let bytes = done.map_err(|error| gpu.failed(&error.to_string()))?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }
}
