//! Cards, through Burn's backend on CubeCL.

use burn::prelude::Backend;
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Tensor, TensorPrimitive};
use burn_cubecl::kernel::matmul::init_matmul_output;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime};
use cubek_matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek_matmul::launch::launch_tiling::launch_ref;
use cubek_matmul::routines::simple_unit::{SimpleUnitAlgorithm, SimpleUnitSelectionArgs};
use cubek_matmul::routines::{BlueprintStrategy, TileSizeSelection};
use cubek_std::InputBinding;

use super::kernels::{Kernels, Sight};

/// Through WGPU.
///
/// Only a backend without fusion has [`Kernels`]: a build in which anybody turns `burn-wgpu/fusion` on is refused by
/// the compiler, here and below, and never computes otherwise.
#[cfg(feature = "wgpu")]
pub(crate) type Wgpu = burn_wgpu::Wgpu<f32, i32, u32>;

/// NVIDIA's.
#[cfg(feature = "cuda")]
pub(crate) type Cuda = burn_cuda::Cuda<f32, i32>;

/// The kernels are chosen here, so that they are the same in every run, and so that products are of single
/// precision: Burn's own choice on an NVIDIA card is its matrix units, which keep ten bits of each factor.
impl<R: CubeRuntime, T: BoolElement> Kernels for CubeBackend<R, f32, i32, T>
where
    Self: Backend<FloatTensorPrimitive = burn_cubecl::tensor::CubeTensor<R>>,
{
    const LONGEST: usize = crate::placed::CARD_NUMBERS;

    fn map(
        input: Tensor<Self, 2>,
        weight: Tensor<Self, 2>,
        bias: Option<Tensor<Self, 1>>,
    ) -> Tensor<Self, 2> {
        let product = multiply(input, weight);
        match bias {
            Some(bias) => product + bias.unsqueeze(),
            None => product,
        }
    }

    fn look(
        query: Tensor<Self, 4>,
        key: Tensor<Self, 4>,
        value: Tensor<Self, 4>,
        sight: &Sight<'_, Self>,
    ) -> Tensor<Self, 4> {
        let [_, _, length, width] = query.dims();
        let scale = (width as f64).sqrt().recip();
        let scores = multiply(query * scale, key.swap_dims(2, 3));
        let scores = match sight {
            Sight::All => scores,
            Sight::Before => {
                let device = scores.device();
                let behind = Tensor::<Self, 2, Bool>::tril_mask([length, length], 0, &device);
                scores.mask_fill(behind.unsqueeze(), f32::NEG_INFINITY)
            }
            Sight::Biased(bias) => scores + bias(length),
        };
        multiply(softmax(scores, 3), value)
    }

    /// All at once: batches have one size here, so that kernels do not change with it.
    fn row_by_row(
        input: &Tensor<Self, 2>,
        map: impl Fn(Tensor<Self, 2>) -> Tensor<Self, 2>,
    ) -> Tensor<Self, 2> {
        map(input.clone())
    }
}

/// Matrix products over the last two axes.
fn multiply<R: CubeRuntime, T: BoolElement, const D: usize>(
    left: Tensor<CubeBackend<R, f32, i32, T>, D>,
    right: Tensor<CubeBackend<R, f32, i32, T>, D>,
) -> Tensor<CubeBackend<R, f32, i32, T>, D> {
    let (left, right) = (left.into_primitive().tensor(), right.into_primitive().tensor());
    let product = init_matmul_output(&left, &right, left.dtype);
    let (client, element) = (product.client.clone(), left.dtype.into());
    let elements = MatmulGlobalElems { lhs: element, rhs: element, out: element };
    let mut elements = MatmulElems::from_globals(&elements);
    let inputs = [left.binding(), right.binding()].map(|input| InputBinding::new(input, element));
    let [left, right] = inputs;
    let output = product.clone().binding();
    let how = BlueprintStrategy::<(), SimpleUnitAlgorithm>::Inferred(SimpleUnitSelectionArgs {
        tile_size: TileSizeSelection::MaxTileSize,
    });
    launch_ref(&client, left, right, output, &how, &mut elements)
        .unwrap_or_else(|error| panic!("no kernel for this product: {error:?}"));
    Tensor::from_primitive(TensorPrimitive::Float(product))
}
