"""Tiny random image encoders, with what transformers and timm return for them.

    python -m venv venv
    venv/bin/pip install torch torchvision transformers timm pillow numpy
    venv/bin/python tests/reference/make_image_encoders.py tests/golden/images

Writes two images, one wide and one tall, and one folder a model, laid out as on the hub, with
`expected.safetensors` beside it: `pixels0` and `pixels1` as the image processor prepares the images, `embeddings`
of both, and, for CLIP and SigLIP, `texts` of `captions.json`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import timm
import timm.data
import timm.models
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BitImageProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    ConvNextImageProcessor,
    Dinov2Config,
    Dinov2Model,
    ResNetConfig,
    ResNetModel,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    ViTConfig,
    ViTImageProcessor,
    ViTModel,
)

SIZES = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40)
CAPTIONS = ["a photo of a cat", "", "cat dog", "a photo of a dog and of a very very very long cat"]
WORDS = "a photo of cat dog and very long".split()


def images(folder: Path) -> list[Image.Image]:
    """Smooth waves with a little noise, so that resizing and every channel matter."""
    made = []
    rng = np.random.default_rng(5)
    for name, (height, width) in [("wide", (37, 61)), ("tall", (70, 40))]:
        y, x = np.mgrid[0:height, 0:width]
        channels = [np.sin(x / a + y / b) * 100 + 128 for a, b in [(5, 9), (11, 4), (3, 17)]]
        pixels = np.stack(channels, -1) + rng.normal(0, 8, (height, width, 3))
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        image.save(folder / f"{name}.png")
        made.append(image)
    return made


def randomise(model: torch.nn.Module) -> torch.nn.Module:
    """Weights large enough that every part of the model shows in its output."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.2)
            normalises = any(part in name.lower() for part in ("norm", "bn", "downsample.1"))
            if (normalises and name.endswith("weight")) or "lambda" in name or "gamma" in name:
                parameter.add_(1.0)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0.0, 0.3)
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
    return model.eval()


def tokenizer(folder: Path, first: str | None, last: str) -> dict[str, int]:
    special = [token for token in (first, "<pad>", last) if token]
    vocabulary = {token: index for index, token in enumerate([*special, "<unk>", *WORDS])}
    built = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    built.pre_tokenizer = pre_tokenizers.Whitespace()
    built.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}" if first else f"$A {last}",
        special_tokens=[(token, vocabulary[token]) for token in special],
    )
    built.add_special_tokens(special)
    built.save(str(folder / "tokenizer.json"))
    return vocabulary


def tokens(folder: Path, longest: int) -> list[list[int]]:
    built = Tokenizer.from_file(str(folder / "tokenizer.json"))
    built.enable_truncation(longest)
    return [built.encode(text).ids for text in CAPTIONS]


def write(folder: Path, made, processor, model, embed, texts=None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    prepared = [processor(image, return_tensors="pt")["pixel_values"] for image in made]
    expect(folder, model, prepared, embed, texts)


def expect(folder: Path, model, prepared, embed, texts=None) -> None:
    model = model.double()
    with torch.no_grad():
        rows = torch.cat([embed(model, pixels.double()) for pixels in prepared])
        out = {"embeddings": rows.float(), **{f"pixels{i}": p[0].reshape(3, -1).contiguous() for i, p in enumerate(prepared)}}
        if texts:
            out["texts"] = texts(model).float()
    save_file({name: value.contiguous() for name, value in out.items()}, folder / "expected.safetensors")


def write_timm(folder: Path, made, architecture: str, preparation: dict, **sizes) -> None:
    """As timm publishes a model on the hub, its classifier included, which embeddings leave out."""
    folder.mkdir(parents=True, exist_ok=True)
    model = timm.create_model(architecture, num_classes=5, pretrained_cfg_overlay=preparation, **sizes)
    randomise(model)
    timm.models.save_for_hf(model, folder, safe_serialization=True)
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    prepared = [prepare(image)[None] for image in made]
    expect(folder, model, prepared, lambda m, x: m.forward_head(m.forward_features(x), pre_logits=True))


def text_features(output):
    return getattr(output, "pooler_output", output)


def main(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    made = images(root)
    (root / "captions.json").write_text(json.dumps(CAPTIONS))
    size = dict(height=32, width=32)

    torch.manual_seed(1)
    model = randomise(ViTModel(ViTConfig(**SIZES, image_size=32, patch_size=8)))
    write(root / "vit", made, ViTImageProcessor(size=size, resample=2), model,
          lambda m, x: m(x).last_hidden_state[:, 0])

    # The table of positions is for 28 pixels, the images have 42.
    model = randomise(Dinov2Model(Dinov2Config(**SIZES, mlp_ratio=2, image_size=28, patch_size=7)))
    processor = BitImageProcessor(size=dict(shortest_edge=48), crop_size=dict(height=42, width=42), resample=3,
                                  image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
    write(root / "dinov2", made, processor, model, lambda m, x: m(x).pooler_output)

    folder = root / "clip"
    folder.mkdir(exist_ok=True)
    vocabulary = tokenizer(folder, "<start>", "<end>")
    text = SIZES | dict(vocab_size=len(vocabulary), max_position_embeddings=9, eos_token_id=vocabulary["<end>"],
                        bos_token_id=vocabulary["<start>"], pad_token_id=vocabulary["<pad>"])
    config = CLIPConfig(text_config=text, vision_config=SIZES | dict(image_size=32, patch_size=8), projection_dim=16)
    model = randomise(CLIPModel(config))
    processor = CLIPImageProcessor(size=dict(shortest_edge=32), crop_size=dict(height=32, width=32))
    write(folder, made, processor, model, lambda m, x: text_features(m.get_image_features(x)),
          lambda m: torch.cat([text_features(m.get_text_features(torch.tensor([ids]))) for ids in tokens(folder, 9)]))

    folder = root / "siglip"
    folder.mkdir(exist_ok=True)
    vocabulary = tokenizer(folder, None, "<end>")
    text = SIZES | dict(vocab_size=len(vocabulary), max_position_embeddings=9, projection_size=24,
                        pad_token_id=vocabulary["<pad>"], eos_token_id=vocabulary["<end>"])
    config = SiglipConfig(text_config=text, vision_config=SIZES | dict(image_size=32, patch_size=8))
    model = randomise(SiglipModel(config))
    padded = lambda: [ids + [vocabulary["<pad>"]] * (9 - len(ids)) for ids in tokens(folder, 9)]
    write(folder, made, SiglipImageProcessor(size=size), model,
          lambda m, x: text_features(m.get_image_features(x)),
          lambda m: text_features(m.get_text_features(torch.tensor(padded()))))

    for name, layer, sizes in [("resnet-basic", "basic", [8, 12]), ("resnet-bottleneck", "bottleneck", [16, 32])]:
        config = ResNetConfig(embedding_size=8, hidden_sizes=sizes, depths=[2, 1], layer_type=layer)
        processor = ConvNextImageProcessor(size=dict(shortest_edge=48), crop_pct=0.875, resample=3)
        write(root / name, made, processor, randomise(ResNetModel(config)),
              lambda m, x: m(x).pooler_output[:, :, 0, 0])

    # A width at which the rounding of the gated part's width shows: 21 * 2 * 2 / 3 = 28 becomes 32.
    config = Dinov2Config(**SIZES | dict(hidden_size=21), mlp_ratio=2, use_swiglu_ffn=True, image_size=28, patch_size=7)
    processor = BitImageProcessor(size=dict(shortest_edge=32), crop_size=dict(height=28, width=28), resample=3,
                                  image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
    write(root / "dinov2-gated", made, processor, randomise(Dinov2Model(config)), lambda m, x: m(x).pooler_output)

    # 32 / 0.9 is 35.6: pictures are resized to 35, and a half of the 3 left over is rounded to even.
    vit = dict(embed_dim=24, depth=2, num_heads=3)
    square = lambda edge, **more: dict(input_size=(3, edge, edge), **more)
    write_timm(root / "timm-vit", made, "vit_tiny_patch16_224", square(32), **vit, img_size=32, patch_size=8)
    write_timm(root / "timm-clip", made, "vit_base_patch32_clip_quickgelu_224", square(32, crop_mode="squash", crop_pct=0.95),
               **vit, img_size=32, patch_size=8)
    for name, architecture in [("timm-dinov2", "vit_small_patch14_dinov2"),
                               ("timm-registers", "vit_small_patch14_reg4_dinov2")]:
        write_timm(root / name, made, architecture, square(28), **vit, img_size=28, patch_size=7)
    for name, architecture in [("timm-resnet-basic", "resnet18"), ("timm-resnet-bottleneck", "resnet50")]:
        write_timm(root / name, made, architecture, square(42), layers=[2, 1, 1, 1], channels=[4, 6, 8, 8])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "timm": timm.__version__}
    (Path(sys.argv[1]) / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")
