"""Embedding throughput of two peers on the TREC questions, tokenizing included.

The same work as the `embed` bench: all 5,452 training questions, texts in, unit-length vectors out.
Both peers sort by length and pad to the longest text of a batch; `--batch` may name several sizes,
and the best is what counts.

    python -m venv venv
    venv/bin/pip install torch sentence-transformers onnx onnxruntime onnxscript pyarrow
    venv/bin/python benches/peers/embed_peer.py --hub $ALFM_HUB_DIR --threads 2

Prints one JSON line a peer and batch size: seconds of the best of `--repeats` runs, texts/s, and the
largest difference of the vectors from those of the first peer.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "true"

import numpy as np
import onnxruntime
import pyarrow.parquet
import torch
from onnxruntime.transformers.optimizer import optimize_model
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers import AutoModel

MODEL = "models--sentence-transformers--all-MiniLM-L6-v2"
TREC = "datasets--CogComp--trec"


def snapshot(hub: Path, name: str) -> Path:
    revision = (hub / name / "refs" / "main").read_text().strip()
    return hub / name / "snapshots" / revision


class Hidden(torch.nn.Module):
    """The transformer with plain positional inputs, as the tracing exporter wants them."""

    def __init__(self, folder: Path):
        super().__init__()
        self.model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


def export(folder: Path, target: Path) -> None:
    """The transformer as ONNX, both axes free, attention and the rest fused by onnxruntime's tool."""
    tokens = torch.ones(2, 7, dtype=torch.long)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    free = {name: {0: "batch", 1: "length"} for name in names}
    torch.onnx.export(
        Hidden(folder),
        (tokens, tokens, torch.zeros_like(tokens)),
        target,
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_axes=free,
        opset_version=17,
        dynamo=False,
    )
    fused = optimize_model(str(target), model_type="bert", num_heads=12, hidden_size=384)
    fused.save_model_to_file(str(target))
    print(json.dumps({"fused": fused.get_fused_operator_statistics()}))


class OnnxRuntime:
    def __init__(self, folder: Path, threads: int):
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) / "model.onnx"
            export(folder, target)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
            options.graph_optimization_level = level
            self.session = onnxruntime.InferenceSession(
                str(target), options, providers=["CPUExecutionProvider"]
            )
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(256)
        self.tokenizer.no_padding()

    def encode(self, texts: list[str], batch: int) -> np.ndarray:
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts)]
        order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
        out = np.empty((len(ids), 384), dtype=np.float32)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            length = len(ids[rows[0]])
            tokens = np.zeros((len(rows), length), dtype=np.int64)
            mask = np.zeros((len(rows), length), dtype=np.int64)
            for at, row in enumerate(rows):
                tokens[at, : len(ids[row])] = ids[row]
                mask[at, : len(ids[row])] = 1
            feed = {
                "input_ids": tokens,
                "attention_mask": mask,
                "token_type_ids": np.zeros_like(tokens),
            }
            (hidden,) = self.session.run(None, feed)
            weights = mask[:, :, None].astype(np.float32)
            pooled = (hidden * weights).sum(1) / weights.sum(1)
            out[rows] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return out


class SentenceTransformers:
    def __init__(self, folder: Path, threads: int):
        torch.set_num_threads(threads)
        self.model = SentenceTransformer(str(folder), device="cpu")

    def encode(self, texts: list[str], batch: int) -> np.ndarray:
        return self.model.encode(texts, batch_size=batch, show_progress_bar=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hub", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 32, 64, 128])
    options = parser.parse_args()

    table = snapshot(options.hub, TREC) / "default" / "train" / "0000.parquet"
    texts = pyarrow.parquet.read_table(table)["text"].to_pylist()
    folder = snapshot(options.hub, MODEL)
    peers = {
        f"onnxruntime {onnxruntime.__version__}": OnnxRuntime(folder, options.threads),
        f"torch {torch.__version__}": SentenceTransformers(folder, options.threads),
    }
    first = None
    for name, peer in peers.items():
        peer.encode(texts[:64], 32)
        for batch in options.batch:
            seconds = []
            for _ in range(options.repeats):
                start = time.perf_counter()
                vectors = peer.encode(texts, batch)
                seconds.append(time.perf_counter() - start)
            first = vectors if first is None else first
            best = min(seconds)
            row = {
                "peer": name,
                "threads": options.threads,
                "batch": batch,
                "seconds": round(best, 3),
                "texts_per_second": round(len(texts) / best, 1),
                "difference": float(np.abs(vectors - first).max()),
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
