//! Networks where they run: on the processor, or on a card.

use std::path::Path;

use alfm_kernels::device::Backend;

use crate::EmbedError;
use crate::error::read;
use crate::files::WEIGHTS;
use crate::layers::Cpu;
use crate::layers::kernels::Kernels;

/// The most items of a batch on a card.
const CARD_ITEMS: usize = 256;
/// Numbers of the largest tensor on a card: 128 MiB, which every adapter of WebGPU binds. What longer ones hold was
/// seen to be wrong on a software driver, which says nothing of it.
pub(crate) const CARD_NUMBERS: usize = (128 << 20) / size_of::<f32>();

/// Items of a batch on a card, if the largest tensor of one has `numbers`.
pub(crate) fn card_batch(numbers: usize) -> usize {
    (CARD_NUMBERS / numbers).clamp(1, CARD_ITEMS)
}

/// What a folder says of a network, the weights aside.
pub(crate) trait Recipe {
    /// The network, behind calls that know no backend.
    type Placed;

    /// Takes the network's tensors out of the bytes of its file.
    fn place<B: Kernels>(
        &self,
        file: &Path,
        bytes: &[u8],
        backend: Backend,
    ) -> Result<Self::Placed, EmbedError>;
}

/// Loads the network of a folder onto a device.
pub(crate) fn load<R: Recipe>(
    recipe: &R,
    folder: &Path,
    backend: Backend,
) -> Result<R::Placed, EmbedError> {
    backend.check()?;
    let file = folder.join(WEIGHTS);
    let bytes = read(&file)?;
    attempt(backend, || match backend {
        Backend::Cpu => recipe.place::<Cpu>(&file, &bytes, backend),
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => recipe.place::<crate::layers::card::Wgpu>(&file, &bytes, backend),
        #[cfg(feature = "cuda")]
        Backend::Cuda => recipe.place::<crate::layers::card::Cuda>(&file, &bytes, backend),
        #[cfg(not(all(feature = "wgpu", feature = "cuda")))]
        other => Err(other.not_built().into()),
    })
}

/// A card's runtime panics where the processor does not.
pub(crate) fn attempt<T>(
    backend: Backend,
    work: impl FnOnce() -> Result<T, EmbedError>,
) -> Result<T, EmbedError> {
    if backend == Backend::Cpu { work() } else { backend.attempt(work) }
}
