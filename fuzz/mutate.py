"""Mutated files for every reader of the program: none may make it panic, abort, hang, or take memory without measure.

    python3 fuzz/mutate.py target/release/alfm --count 100000

The seeds are made here: small files of every format, each with the commands that read it. A mutation flips, sets,
removes, repeats or inserts bytes, or cuts the file off, or puts an extreme number in place of another. A run must end
with code 0, 1 or 2 within five seconds, without the word `panicked`, and with at most 500 MB beside what the seed
itself takes. What does not is kept in a folder, and named. Only the standard library is needed.
"""

import argparse
import io
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
import zlib

ROWS, CLASSES = 12, 3


def npy(kind, shape, payload):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + payload


def floats(rows, columns):
    values = [0.2 + 0.1 * ((row + column) % 3) for row in range(rows) for column in range(columns)]
    out = []
    for row in range(rows):
        part = values[row * columns : (row + 1) * columns]
        out += [value / sum(part) for value in part]
    return struct.pack(f"<{len(out)}f", *out)


def labels(rows):
    return struct.pack(f"<{rows}q", *[row % CLASSES if row < 6 else -1 for row in range(rows)])


def npz(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content)
    return buffer.getvalue()


def safetensors(**tensors):
    header, data = {}, b""
    for name, (kind, shape, payload) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(payload)]}
        data += payload
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def png(width=8, height=8):
    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + bytes((x * 31 + y * 17) % 256 for x in range(3 * width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


CSV = "id,text,label\n" + "".join(f'{row},"a text, number {row}",{"abc"[row % 3]}\n' for row in range(ROWS))
JSONL = "".join(json.dumps({"id": str(row), "text": f"text {row}", "label": "abc"[row % 3]}) + "\n" for row in range(ROWS))
CONFIG = """seeds = [0]
initial = 4
batch = 4
rounds = 1
strategies = ["random", { name = "prioral", rho = 0.3 }]
[[dataset]]
name = "rows.csv"
pool = { split = "all", limit = 6 }
test = { split = "all", rest = true }
[[prior]]
kind = "uniform"
"""

SELECT = "select --budget 3 --out picks.jsonl"
GUARDED = f"{SELECT} --strategy prioral-guarded --clean-out free.csv"

# File, content, commands that read it. Other files of the list stand beside it as they are.
SEEDS = [
    ("p.npy", npy("<f4", f"({ROWS}, {CLASSES})", floats(ROWS, CLASSES)), [f"{SELECT} --model-probs p.npy --prior p.npy", f"{SELECT} --strategy coreset --embeddings p.npy", f"{SELECT} --strategy margin --logits --model-probs p.npy"]),
    ("y.npy", npy("<i8", f"({ROWS},)", labels(ROWS)), [f"{SELECT} --strategy entropy --model-probs p.npy --labels y.npy", "prior --weak-labels y.npy --classes classes.json --out prior.safetensors", f"{SELECT} --strategy random --labels y.npy"]),
    ("votes.npy", npy("<i8", f"({ROWS}, 1)", labels(ROWS)), ["prior --weak-labels votes.npy --generative --classes classes.json --out prior.safetensors"]),
    ("held.npy", npy("<f4", f"(6, {CLASSES})", floats(6, CLASSES)), [f"{GUARDED} --model-probs p.npy --prior p.npy --labels y.npy --out-of-fold held.npy --random-ids random.txt"]),
    ("a.npz", npz(p=npy("<f4", f"({ROWS}, {CLASSES})", floats(ROWS, CLASSES))), [f"{SELECT} --strategy margin --model-probs a.npz:p"]),
    ("a.safetensors", safetensors(p=("F32", [ROWS, CLASSES], floats(ROWS, CLASSES)), y=("I64", [ROWS], labels(ROWS))), [f"{SELECT} --strategy margin --model-probs a.safetensors:p --labels a.safetensors:y"]),
    ("ids.txt", "".join(f"item-{row}\n" for row in range(ROWS)).encode(), [f"{SELECT} --strategy margin --model-probs p.npy --ids ids.txt"]),
    ("random.txt", b"0\n1\n2\n", [f"{GUARDED} --model-probs p.npy --prior p.npy --labels y.npy --out-of-fold held.npy --random-ids random.txt"]),
    ("answers.jsonl", b'{"id": "0", "label": "a", "confidence": 0.9}\n{"id": 1, "label": 2, "confidence": 0.5}\n{"id": "2", "probabilities": {"a": 0.5, "b": 0.5}}\n', ["prior --answers answers.jsonl --ids random.txt --classes classes.json --out prior.safetensors"]),
    ("classes.json", json.dumps([{"name": name, "description": f"class {name}"} for name in "abc"]).encode(), ["prior --weak-labels votes.npy --classes classes.json --out prior.safetensors", f"{SELECT} --strategy margin --model-probs p.npy --classes classes.json"]),
    ("rows.csv", CSV.encode(), ["data show rows.csv"]),
    ("rows.jsonl", JSONL.encode(), ["data show rows.jsonl"]),
    ("images/a/0.png", png(), ["data show images"]),
    ("config.toml", CONFIG.encode(), ["run config.toml --out out"]),
]

EXTREMES = [b"99999999999999999999", b"-1", b"0", b"18446744073709551615", b"1e308", b"NaN", b"\xff\xff\xff\xff\xff\xff\xff\x7f"]


def mutated(content, rng):
    content = bytearray(content)
    for _ in range(1 + int(rng.expovariate(0.7))):
        at = rng.randrange(len(content) + 1)
        what = rng.randrange(8)
        if what == 0 and content:
            content[at % len(content)] ^= 1 << rng.randrange(8)
        elif what == 1 and content:
            content[at % len(content)] = rng.choice([0, 255, 127, 128, 10, 13, 34, 44, rng.randrange(256)])
        elif what == 2:
            del content[at : at + 1 + int(rng.expovariate(0.2))]
        elif what == 3:
            part = content[at : at + 1 + int(rng.expovariate(0.1))]
            content[at:at] = part * rng.choice([1, 2, 50])
        elif what == 4:
            content[at:at] = rng.randbytes(1 + int(rng.expovariate(0.5)))
        elif what == 5 and rng.random() < 0.4:
            del content[at:]
        elif what == 6:
            digits = [place for place in range(len(content)) if 48 <= content[place] <= 57]
            if digits:
                start = rng.choice(digits)
                content[start : start + 1] = rng.choice(EXTREMES)
        elif content:
            start = at % len(content)
            content[start : start + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, b"\0\0\0\0\0\0\0\x80", rng.choice(EXTREMES)])
    return bytes(content)


def folder_with_seeds():
    folder = tempfile.mkdtemp(prefix="mutate")
    for name, content, _ in SEEDS:
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    os.makedirs(os.path.join(folder, "images/b"), exist_ok=True)
    with open(os.path.join(folder, "images/b/1.png"), "wb") as file:
        file.write(png(9, 5))
    return folder


def run(program, folder, command, seconds):
    """Exit code or None for a hang, seconds, peak memory in bytes, standard error."""
    environment = {**os.environ, "ALFM_OFFLINE": "1", "ALFM_HUB_DIR": os.path.join(folder, "hub"), "RUST_BACKTRACE": "0"}
    with tempfile.TemporaryFile() as errors:
        started = time.monotonic()
        child = subprocess.Popen([program, *command.split()], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30)))
        killer = threading.Timer(seconds, child.send_signal, [signal.SIGKILL])
        killer.start()
        _, status, usage = os.wait4(child.pid, 0)
        killer.cancel()
        child.returncode = status
        took = time.monotonic() - started
        errors.seek(0)
        text = errors.read(100_000).decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    return (None if code == -signal.SIGKILL else code), took, usage.ru_maxrss * 1024, text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", default="mutate-findings")
    args = parser.parse_args()
    program = os.path.abspath(args.program)
    folder = folder_with_seeds()
    cases = [(name, content, command) for name, content, commands in SEEDS for command in commands]
    base = {}
    for name, _, command in cases:
        code, took, memory, text = run(program, folder, command, 60)
        base[command] = memory
        if code is None or "panicked" in text:
            sys.exit(f"the seed itself fails: {command}: {text}")
    codes, findings = {}, 0
    slowest, largest = (0.0, ""), (0, "")
    for number in range(args.count):
        name, content, command = cases[number % len(cases)]
        rng = random.Random(f"{args.seed} {number}")
        damaged = mutated(content, rng)
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(damaged)
        code, took, memory, text = run(program, folder, command, 5)
        beyond = memory - base[command]
        codes[code] = codes.get(code, 0) + 1
        slowest, largest = max(slowest, (took, command)), max(largest, (beyond, command))
        if code not in (0, 1, 2) or "panicked" in text or beyond > 500 << 20:
            findings += 1
            os.makedirs(args.keep, exist_ok=True)
            kept = os.path.join(args.keep, f"{args.seed}-{number}-{os.path.basename(name)}")
            with open(kept, "wb") as file:
                file.write(damaged)
            print(f"{kept}: {command}: code {code}, {took:.1f} s, {beyond >> 20} MB: {text.strip()[:300]}", flush=True)
        with open(path, "wb") as file:
            file.write(content)
    shutil.rmtree(folder)
    print(f"{args.count} inputs, {len(cases)} commands, codes {codes}, {findings} findings")
    print(f"slowest {slowest[0]:.2f} s ({slowest[1]}), most memory beyond the seed's {largest[0] >> 20} MB ({largest[1]})")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
