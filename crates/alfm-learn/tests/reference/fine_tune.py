"""Writes fine_tune.json: losses of PyTorch before each of five steps of AdamW, with which src/fine_tune/tests.rs
compares.

    python -m venv venv
    venv/bin/pip install torch torchvision transformers timm
    venv/bin/python tests/reference/fine_tune.py ../alfm-embed/tests/golden

The encoders are the tiny random ones of alfm-embed, in double precision, without dropout, batch normalisation with
its published statistics. All examples are one batch. The loss weighs classes as `n / (K n_k)`; the last two texts
have distributions in place of classes. Matrices decay, vectors do not.
"""

import json
import math
import sys
from pathlib import Path

import timm
import torch
import transformers
from tokenizers import Tokenizer

STEPS, RISING = 5, 1
RATE, HEAD_RATE, DECAY, CLIP = 1e-3, 1e-2, 0.1, 0.5
# Class weights of each example, before the classes are balanced.
TEXT_TARGETS = [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0.5, 0, 0], [0.3, 0, 0.7], [0.1, 0.2, 0.2]]
IMAGE_TARGETS = [[1, 0], [0, 0.5]]


def share(step: int) -> float:
    if step < RISING:
        return (step + 1) / RISING
    return 0.5 * (1 + math.cos(math.pi * (step - RISING) / (STEPS - RISING)))


def train(features, parameters, targets) -> list[float]:
    targets = torch.tensor(targets, dtype=torch.float64)
    targets = targets / (targets.shape[1] * targets.sum(0))
    width, classes = features().shape[1], targets.shape[1]
    places = torch.arange(width * classes, dtype=torch.float64).reshape(width, classes)
    weights = (0.3 * torch.sin(1 + places)).requires_grad_()
    intercepts = (0.1 * torch.arange(classes, dtype=torch.float64)).requires_grad_()
    parameters = list(parameters)
    groups = [
        dict(params=[p for p in parameters if p.dim() > 1], top=RATE, weight_decay=DECAY),
        dict(params=[p for p in parameters if p.dim() == 1], top=RATE, weight_decay=0.0),
        dict(params=[weights], top=HEAD_RATE, weight_decay=DECAY),
        dict(params=[intercepts], top=HEAD_RATE, weight_decay=0.0),
    ]
    optimiser = torch.optim.AdamW(groups)
    losses = []
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = group["top"] * share(step)
        optimiser.zero_grad()
        logits = features() @ weights + intercepts
        loss = -(targets * torch.log_softmax(logits, 1)).sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*parameters, weights, intercepts], CLIP)
        optimiser.step()
        losses.append(loss.item())
    return losses


def of_texts(folder: Path) -> list[float]:
    # Without the text of padding tokens, to which PyTorch gives no gradient.
    texts = json.loads((folder.parent / "texts.json").read_text())[:6]
    if json.loads((folder / "sentence_bert_config.json").read_text()).get("do_lower_case"):
        texts = [text.lower() for text in texts]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    # As published, the file cuts and pads for some other purpose.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = [torch.tensor([tokenizer.encode(text).ids]) for text in texts]
    model = transformers.AutoModel.from_pretrained(folder).double().eval()
    pooling = json.loads((folder / "1_Pooling/config.json").read_text())
    modules = json.loads((folder / "modules.json").read_text())
    normalised = any(module["type"].endswith("Normalize") for module in modules)

    def features():
        hidden = [model(row).last_hidden_state[0] for row in ids]
        rows = [h[0] if pooling["pooling_mode_cls_token"] else h.mean(0) for h in hidden]
        rows = torch.stack(rows)
        return torch.nn.functional.normalize(rows) if normalised else rows

    return train(features, model.parameters(), TEXT_TARGETS)


# Edge of the images, such that they are not resized, where the crop begins on the left and above, and its edge.
EDGES = {"vit": (32, 0, 32), "dinov2": (48, 3, 42), "clip": (32, 0, 32), "siglip": (32, 0, 32)}
EDGES |= {"resnet-basic": (54, 3, 48), "resnet-bottleneck": (54, 3, 48), "dinov2-gated": (32, 2, 28)}
EDGES |= {"timm-vit": (35, 2, 32), "timm-clip": (33, 0, 32), "timm-dinov2": (28, 0, 28), "timm-registers": (28, 0, 28)}
EDGES |= {"timm-resnet-basic": (44, 1, 42), "timm-resnet-bottleneck": (44, 1, 42)}


def picture(edge: int, image: int) -> torch.Tensor:
    channel, y, x = torch.meshgrid(torch.arange(3), torch.arange(edge), torch.arange(edge), indexing="ij")
    return ((7 * x + 13 * y + 50 * channel + 31 * image * (1 + x * y % 5)) % 256).double()


def of_transformers(folder: Path):
    """Mean, deviation and size of the pixels, the parameters, and the features as a function of pixels."""
    processor = json.loads((folder / "preprocessor_config.json").read_text())
    model = transformers.AutoModel.from_pretrained(folder).double().eval()
    kind = model.config.model_type

    def features(pixels):
        if kind in ("clip", "siglip"):
            output = model.get_image_features(pixels)
            return getattr(output, "pooler_output", output)
        output = model(pixels)
        return output.last_hidden_state[:, 0] if kind in ("vit", "dinov2") else output.pooler_output[:, :, 0, 0]

    return processor["image_mean"], processor["image_std"], model, features


def of_timm(folder: Path):
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).double().eval()
    features = lambda pixels: model.forward_head(model.forward_features(pixels), pre_logits=True)
    return model.pretrained_cfg["mean"], model.pretrained_cfg["std"], model, features


def of_images(folder: Path) -> list[float]:
    edge, start, size = EDGES[folder.name]
    *affine, model, features = (of_timm if folder.name.startswith("timm") else of_transformers)(folder)
    mean, std = (torch.tensor(part).double()[:, None, None] for part in affine)
    cropped = slice(start, start + size)
    pixels = torch.stack([picture(edge, image) for image in range(2)])[:, :, cropped, cropped]
    pixels = (pixels / 255 - mean) / std
    return train(lambda: features(pixels), model.parameters(), IMAGE_TARGETS)


if __name__ == "__main__":
    root = Path(sys.argv[1])
    losses = {name: of_texts(root / name) for name in ["bert", "distilbert", "mpnet", "roberta"]}
    for name in EDGES:
        losses[f"images/{name}"] = of_images(root / "images" / name)
    versions = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__, "timm": timm.__version__}
    target = Path(__file__).with_name("fine_tune.json")
    target.write_text(json.dumps({"versions": versions, "losses": losses}, indent=1) + "\n")
