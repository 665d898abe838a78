"""A ViT-B/32 with random weights, and its images a second in PyTorch.

    python -m venv venv
    venv/bin/pip install torch transformers
    venv/bin/python vit_peer.py make FOLDER
    venv/bin/python vit_peer.py run FOLDER [threads]
    target/release/images FOLDER

`run` times the network alone, on prepared images, in batches of 8, 16, 32 and 64, and prints the best of five runs
of each; resizing, which `images` includes, is left out.
"""

import sys
import time

import torch
from transformers import ViTConfig, ViTImageProcessor, ViTModel

COUNT = 128


def make(folder: str) -> None:
    torch.manual_seed(0)
    ViTModel(ViTConfig(patch_size=32), add_pooling_layer=False).save_pretrained(folder)
    ViTImageProcessor().save_pretrained(folder)


def run(folder: str, threads: int) -> None:
    torch.set_num_threads(threads)
    model = ViTModel.from_pretrained(folder, add_pooling_layer=False).eval()
    images = torch.rand(COUNT, 3, 224, 224)
    with torch.inference_mode():
        for batch in (8, 16, 32, 64):
            fastest = float("inf")
            for _ in range(5):
                started = time.perf_counter()
                for start in range(0, COUNT, batch):
                    model(images[start : start + batch]).last_hidden_state[:, 0]
                fastest = min(fastest, time.perf_counter() - started)
            print(f"batch {batch}: {COUNT / fastest:.1f} images/s")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2])
    else:
        run(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 2)
