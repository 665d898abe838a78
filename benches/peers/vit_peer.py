"""A ViT-B/32 with random weights, and its images a second in PyTorch.

    python -m venv venv
    venv/bin/pip install torch transformers
    venv/bin/python vit_peer.py make FOLDER
    venv/bin/python vit_peer.py run FOLDER [threads]
    venv/bin/python vit_peer.py card FOLDER
    target/release/images FOLDER [--device cuda]

`run` times the network alone, on prepared images, in batches of 8, 16, 32 and 64, and prints the best of five runs
of each; resizing, which `images` includes, is left out. `card` does the same on an NVIDIA card in batches of 64 and 256,
in single precision and with products in TF32, with images that are on the card already and with images that are not.
"""

import sys
import time

import torch
from transformers import ViTConfig, ViTImageProcessor, ViTModel

COUNT = 128
ON_CARD = 2048


def make(folder: str) -> None:
    torch.manual_seed(0)
    ViTModel(ViTConfig(patch_size=32), add_pooling_layer=False).save_pretrained(folder)
    ViTImageProcessor().save_pretrained(folder)


def fastest(model, images, batch: int, device: str = "cpu") -> float:
    """Seconds of the best of five runs over all images, results brought back."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for start in range(0, len(images), batch):
            part = images[start : start + batch].to(device)
            model(part).last_hidden_state[:, 0].cpu()
        best = min(best, time.perf_counter() - started)
    return best


def run(folder: str, threads: int) -> None:
    torch.set_num_threads(threads)
    model = ViTModel.from_pretrained(folder, add_pooling_layer=False).eval()
    images = torch.rand(COUNT, 3, 224, 224)
    with torch.inference_mode():
        for batch in (8, 16, 32, 64):
            print(f"batch {batch}: {COUNT / fastest(model, images, batch):.1f} images/s")


def card(folder: str) -> None:
    model = ViTModel.from_pretrained(folder, add_pooling_layer=False).eval().cuda()
    images = torch.rand(ON_CARD, 3, 224, 224)
    print(torch.__version__, torch.cuda.get_device_name())
    with torch.inference_mode():
        for tf32 in (False, True):
            torch.backends.cuda.matmul.allow_tf32 = tf32
            torch.backends.cudnn.allow_tf32 = tf32
            for batch in (64, 256):
                for there, pixels in (("on the card", images.cuda()), ("uploaded", images)):
                    rate = ON_CARD / fastest(model, pixels, batch, "cuda")
                    print(f"TF32 {tf32}, batch {batch}, images {there}: {rate:.0f} images/s")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2])
    elif sys.argv[1] == "card":
        card(sys.argv[2])
    else:
        run(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 2)
