"""How fast the training sweep is: `python results/tool/measure_training.py` (about five minutes on two cores).

The same runs by `mixbench data-efficiency` and by the plainest loop: one process, one run after the other, every run reads and
tokenises its files and pads every batch to the longest text. Texts are drawn with the lengths of short questions (TREC-like:
5,452 to train on, 500 to test on, 3 to 37 words, 10 on average); a class is a word that occurs. Prints Markdown.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean, stdev

import numpy as np

MIXERS = ("attention", "hypermixer", "none")
CLASSES = 6
LENGTHS = (0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1), (3, 5, 6, 7, 10, 12, 15, 17, 22, 31, 38)
"""Quantiles of the number of words in TREC's training questions."""
STEPS, BATCH, WIDTH, LAYERS, RATE = 800, 32, 64, 2, 2e-3


def write_texts(folder: Path) -> None:
    """Files of text and label, one tab apart."""
    random = np.random.default_rng(0)
    words = np.array([f"w{number}" for number in range(3000)])
    for part, count in (("train", 4952), ("dev", 500), ("test", 500)):
        lines = ["text\tlabel"]
        for _ in range(count):
            length = int(np.interp(random.random(), *LENGTHS))
            label = int(random.integers(CLASSES))
            text = random.choice(words[100:], length)
            text[random.integers(length)] = words[label * 10 + random.integers(10)]
            lines.append(f"{' '.join(text)}\tclass{label}")
        (folder / f"{part}.tsv").write_text("\n".join(lines) + "\n")


def plainly(folder: Path, mixer: str, seed: int) -> float:
    """One run as a plain script trains it; returns the test accuracy."""
    import pandas as pd
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from torch import nn

    from mixbench.mixers.choice import choose_mixer
    from mixbench.model import classifier
    from mixbench.worker.measure.subject import load_class

    torch.manual_seed(seed)
    tables = {part: pd.read_csv(folder / f"{part}.tsv", sep="\t") for part in ("train", "dev", "test")}
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=8000, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    tokenizer.train_from_iterator(tables["train"]["text"], trainer)
    encoded = {
        part: [[2, *encoding.ids, 3] for encoding in tokenizer.encode_batch(list(t["text"]))] for part, t in tables.items()
    }
    longest = max(len(numbers) for part in encoded.values() for numbers in part)
    data = {part: torch.tensor([numbers + [0] * (longest - len(numbers)) for numbers in encoded[part]]) for part in encoded}
    labels = {part: torch.tensor([int(name.removeprefix("class")) for name in t["label"]]) for part, t in tables.items()}
    chosen = choose_mixer(mixer)
    arguments = chosen.arguments(longest, WIDTH)
    model = classifier(
        lambda: load_class(chosen.target)(**arguments),
        width=WIDTH,
        tokens=longest,
        layers=LAYERS,
        feature_hidden=4 * WIDTH,
        vocabulary=tokenizer.get_vocab_size(),
        classes=CLASSES,
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: min((s + 1) / (STEPS / 10), (STEPS - s) / (0.9 * STEPS)))

    def accuracy(part: str) -> float:
        model.eval()
        with torch.no_grad():
            outputs = [model(x, x > 0) for x in data[part].split(256)]
        return float((torch.cat(outputs).argmax(-1) == labels[part]).double().mean())

    best, tested, left = -1.0, 0.0, torch.empty(0, dtype=torch.long)
    for step in range(STEPS):
        model.train()
        if len(left) < BATCH:
            left = torch.randperm(len(data["train"]))
        examples, left = left[:BATCH], left[BATCH:]
        x = data["train"][examples]
        loss = nn.functional.cross_entropy(model(x, x > 0), labels["train"][examples])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if (step + 1) % (STEPS // 4) == 0 and (score := accuracy("dev")) > best:
            best, tested = score, accuracy("test")
    return tested


def by_mixbench(folder: Path, seeds: int) -> dict[str, list[float]]:
    """The same runs by the command; test accuracies by mixer."""
    from mixbench.tables.results import ResultsFolder
    from mixbench.tables.training_rows import TrainingRow

    files = [word for part in ("train", "dev", "test") for word in (f"--{part}", str(folder / f"{part}.tsv"))]
    options = {"steps": STEPS, "batch": BATCH, "width": WIDTH, "layers": LAYERS, "learning-rate": RATE, "seeds": seeds}
    command = [sys.executable, "-m", "mixbench", "data-efficiency", "--task", "text", "--text", "text", "--label", "label"]
    command += [*files, "--sizes", "1.0", "--results", str(folder / "results")]
    command += [word for mixer in MIXERS for word in ("--mixer", mixer)]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rows = ResultsFolder(folder / "results").read(TrainingRow)
    return {mixer: [row.test_score for row in rows if row.mixer == mixer and row.test_score is not None] for mixer in MIXERS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    seeds = parser.parse_args().seeds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_texts(folder)
        start = time.monotonic()
        plain = {mixer: [plainly(folder, mixer, seed) for seed in range(seeds)] for mixer in MIXERS}
        theirs = time.monotonic() - start
        start = time.monotonic()
        ours = by_mixbench(folder, seeds)
        spent = time.monotonic() - start
    runs = len(MIXERS) * seeds
    print("| | seconds per run | runs per minute |\n| --- | --- | --- |")
    print(f"| plain loop | {theirs / runs:.1f} | {60 * runs / theirs:.1f} |")
    print(f"| `mixbench data-efficiency`, start and tokenisation included | {spent / runs:.1f} | {60 * runs / spent:.1f} |")
    print(f"\n{theirs / spent:.2f} times as many runs per minute.\n")
    print("| mixer | test accuracy, plain loop | mixbench |\n| --- | --- | --- |")
    for mixer in MIXERS:
        shown = [f"{fmean(scores):.3f} ± {stdev(scores):.3f}" for scores in (plain[mixer], ours[mixer])]
        print(f"| {mixer} | {shown[0]} | {shown[1]} |")


if __name__ == "__main__":
    main()
