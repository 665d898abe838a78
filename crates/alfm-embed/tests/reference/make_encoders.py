"""Tiny random encoders and their embeddings by transformers and sentence-transformers.

    python -m venv venv
    venv/bin/pip install torch transformers sentence-transformers
    venv/bin/python tests/reference/make_encoders.py tests/golden

Writes one folder a model, laid out as on the hub, with `expected.safetensors` beside it:
`embeddings` as sentence-transformers returns them for `texts.json`.
"""

import json
import sys
from pathlib import Path

import sentence_transformers
import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = "where is my parcel the refund of last week never came who can help me please".split()
PIECES = ["##s", "##ed", "##ing", "?", ".", ",", "!", "a", "b", "##b", "##c"]
LONGEST = 160
TEXTS = [
    "",
    "Where is my parcel?",
    "the refund of last week never came.",
    "parcels, refunds, weeks!",
    "who can help me please",
    "zebra",
    "abc abbc [MASK] <mask> [PAD] <pad> help",
    # Long enough for the far buckets of a relative bias, and beyond the limit of 160 tokens.
    " ".join(WORDS * 9),
    " ".join(WORDS * 12),
]
SIZES = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40)


def tokenizer(special: list[str], path: Path) -> int:
    """WordPiece with the family's special tokens, in the order of their ids."""
    by_role = {token.strip("[]<>").lower(): token for token in special}
    padding, unknown, mask = by_role["pad"], by_role["unk"], by_role["mask"]
    first, last = by_role.get("cls", "<s>"), by_role.get("sep", "</s>")
    vocabulary = {word: index for index, word in enumerate([*special, *WORDS, *PIECES])}
    built = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    built.normalizer = normalizers.BertNormalizer(lowercase=True)
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(token, vocabulary[token]) for token in (first, last)],
    )
    built.add_special_tokens(special)
    # As published tokenizers do, it carries a truncation and a padding that must not be obeyed.
    built.enable_truncation(8)
    built.enable_padding(length=8, pad_id=vocabulary[padding], pad_token=padding)
    built.save(str(path / "tokenizer.json"))
    names = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    fields = dict(zip(names, [padding, unknown, first, last, mask])) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    (path / "tokenizer_config.json").write_text(json.dumps(fields))
    return len(vocabulary)


def randomise(model: torch.nn.Module) -> None:
    """Weights large enough that every part of the model shows in its output."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.3)
            if "norm" in name.lower() and name.endswith("weight"):
                parameter.add_(1.0)


def write(folder: Path, config, model_class, special: list[str], pooling: str, normalize: bool):
    folder.mkdir(parents=True, exist_ok=True)
    config.vocab_size = tokenizer(special, folder)
    torch.manual_seed(7)
    model = model_class(config)
    randomise(model)
    model.eval().save_pretrained(folder)
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")] + [("2_Normalize", "Normalize")] * normalize
    (folder / "modules.json").write_text(
        json.dumps(
            [
                {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{name}"}
                for i, (path, name) in enumerate(modules)
            ]
        )
    )
    (folder / "1_Pooling").mkdir(exist_ok=True)
    fields = {"word_embedding_dimension": 24} | {
        f"pooling_mode_{mode}": mode == pooling for mode in ("cls_token", "mean_tokens", "max_tokens")
    }
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(fields))
    limit = {"max_seq_length": LONGEST, "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(limit))
    if normalize:
        (folder / "2_Normalize").mkdir(exist_ok=True)
    encoder = SentenceTransformer(str(folder), device="cpu")
    # One text a batch: what padding does to the last bits is not the model's business.
    embeddings = encoder.encode(TEXTS, batch_size=1, convert_to_tensor=True)
    save_file({"embeddings": embeddings.contiguous()}, folder / "expected.safetensors")
    # Python's own class names are of no use to the reader.
    (folder / "tokenizer_config.json").unlink()


def main() -> None:
    target = Path(sys.argv[1])
    bert = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    # MPNet and RoBERTa have padding at 1, which their positions depend on.
    roberta = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    write(
        target / "bert",
        transformers.BertConfig(**SIZES, max_position_embeddings=LONGEST),
        transformers.BertModel,
        bert,
        "cls_token",
        True,
    )
    write(
        target / "distilbert",
        transformers.DistilBertConfig(
            dim=24, n_layers=2, n_heads=3, hidden_dim=40, max_position_embeddings=LONGEST
        ),
        transformers.DistilBertModel,
        bert,
        "mean_tokens",
        False,
    )
    positions = LONGEST + 2
    write(
        target / "mpnet",
        transformers.MPNetConfig(**SIZES, max_position_embeddings=positions, pad_token_id=1),
        transformers.MPNetModel,
        roberta,
        "mean_tokens",
        True,
    )
    write(
        target / "roberta",
        transformers.RobertaConfig(
            **SIZES, max_position_embeddings=positions, type_vocab_size=1, pad_token_id=1
        ),
        transformers.RobertaModel,
        roberta,
        "mean_tokens",
        False,
    )
    (target / "texts.json").write_text(json.dumps(TEXTS, indent=0))
    versions = {
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "sentence-transformers": sentence_transformers.__version__,
    }
    (target / "versions.json").write_text(json.dumps(versions, indent=2))


if __name__ == "__main__":
    main()
