"""Tiny random encoders and masked language models, with what they return by transformers.

    python -m venv venv
    venv/bin/pip install torch transformers sentence-transformers
    venv/bin/python tests/reference/make_encoders.py tests/golden

Writes one folder a model, laid out as on the hub, with `expected.safetensors` beside it:
`embeddings` as sentence-transformers returns them for `texts.json`. The masked language models are in
`masked`, with their `surprisal` at every token of the same texts. A second argument, `encoders` or
`masked`, writes these only.
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
from transformers import AutoTokenizer

WORDS = "where is my parcel the refund of last week never came who can help me please".split()
PIECES = ["##s", "##ed", "##ing", "?", ".", ",", "!", "a", "b", "##b", "##c"]
LONGEST = 160
# Columns of the surprisal.
WINDOW = 128
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
DISTILBERT_SIZES = dict(dim=24, n_layers=2, n_heads=3, hidden_dim=40)
BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
# MPNet and RoBERTa have padding at 1, which their positions depend on.
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
ROBERTA_SIZES = SIZES | dict(max_position_embeddings=LONGEST + 2, pad_token_id=1)


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


def write_model(folder: Path, config, model_class, special: list[str]) -> torch.nn.Module:
    folder.mkdir(parents=True, exist_ok=True)
    config.vocab_size = tokenizer(special, folder)
    torch.manual_seed(7)
    model = model_class(config)
    randomise(model)
    model.eval().save_pretrained(folder)
    return model


def surprisal(model: torch.nn.Module, folder: Path) -> torch.Tensor:
    """Cross-entropy in nats of every token of the unmasked texts, 0 at special tokens."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = torch.zeros(len(TEXTS), WINDOW)
    for row, text in zip(rows, TEXTS):
        tokens = tokenizer(text, truncation=True, max_length=WINDOW, padding=False)["input_ids"]
        special = tokenizer.get_special_tokens_mask(tokens, already_has_special_tokens=True)
        tokens = torch.tensor(tokens)
        with torch.no_grad():
            logits = model(tokens[None], attention_mask=torch.ones_like(tokens)[None]).logits[0]
        loss = torch.nn.functional.cross_entropy(logits, tokens, reduction="none")
        row[: len(tokens)] = torch.where(torch.tensor(special) == 1, 0.0, loss)
    return rows


def write_masked(folder: Path, config, model_class, special: list[str]) -> None:
    model = write_model(folder, config, model_class, special)
    save_file({"surprisal": surprisal(model.double(), folder)}, folder / "expected.safetensors")
    (folder / "tokenizer_config.json").unlink()


def write(folder: Path, config, model_class, special: list[str], pooling: str, normalize: bool):
    write_model(folder, config, model_class, special)
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


def encoders(target: Path) -> None:
    write(
        target / "bert",
        transformers.BertConfig(**SIZES, max_position_embeddings=LONGEST),
        transformers.BertModel,
        BERT_SPECIAL,
        "cls_token",
        True,
    )
    write(
        target / "distilbert",
        transformers.DistilBertConfig(**DISTILBERT_SIZES, max_position_embeddings=LONGEST),
        transformers.DistilBertModel,
        BERT_SPECIAL,
        "mean_tokens",
        False,
    )
    write(
        target / "mpnet",
        transformers.MPNetConfig(**ROBERTA_SIZES),
        transformers.MPNetModel,
        ROBERTA_SPECIAL,
        "mean_tokens",
        True,
    )
    write(
        target / "roberta",
        transformers.RobertaConfig(**ROBERTA_SIZES, type_vocab_size=1),
        transformers.RobertaModel,
        ROBERTA_SPECIAL,
        "mean_tokens",
        False,
    )
    (target / "texts.json").write_text(json.dumps(TEXTS, indent=0))
    write_versions(target)


def masked(target: Path) -> None:
    write_masked(
        target / "bert",
        transformers.BertConfig(**SIZES, max_position_embeddings=LONGEST),
        transformers.BertForMaskedLM,
        BERT_SPECIAL,
    )
    write_masked(
        target / "distilbert",
        transformers.DistilBertConfig(**DISTILBERT_SIZES, max_position_embeddings=LONGEST),
        transformers.DistilBertForMaskedLM,
        BERT_SPECIAL,
    )
    write_masked(
        target / "mpnet",
        transformers.MPNetConfig(**ROBERTA_SIZES),
        transformers.MPNetForMaskedLM,
        ROBERTA_SPECIAL,
    )
    # The one whose decoder has weights of its own.
    write_masked(
        target / "roberta",
        transformers.RobertaConfig(**ROBERTA_SIZES, type_vocab_size=1, tie_word_embeddings=False),
        transformers.RobertaForMaskedLM,
        ROBERTA_SPECIAL,
    )
    write_versions(target)


def write_versions(target: Path) -> None:
    versions = {
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "sentence-transformers": sentence_transformers.__version__,
    }
    (target / "versions.json").write_text(json.dumps(versions, indent=2))


def main() -> None:
    target = Path(sys.argv[1])
    parts = sys.argv[2:] or ["encoders", "masked"]
    if "encoders" in parts:
        encoders(target)
    if "masked" in parts:
        masked(target / "masked")


if __name__ == "__main__":
    main()
