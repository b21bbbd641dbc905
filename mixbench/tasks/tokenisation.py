"""Turn texts into token numbers, with the user's tokenizer or with WordPiece trained on the training texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mixbench.errors import RequestError
from mixbench.tasks.dataset import PADDING
from mixbench.tasks.reading.rows import Rows

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_PADDING_NAMES = ("[PAD]", "<pad>", "<|pad|>", "<|padding|>")
_OTHER_TOKENIZER = "Give a tokenizer that was made for texts like these."
_AT_ONCE = 10_000  # texts; then their detailed encodings are freed
_LONGEST_WORD = 100  # characters; WordPiece calls longer ones unknown, and learning from them takes their length squared


@dataclass(frozen=True)
class Tokenisation:
    """How texts become token numbers. Raises RequestError.

    Sequences are cut to `tokens`. `tokenizer` is a tokenizer.json as Hugging Face writes it; without one, a WordPiece tokenizer
    of about `vocabulary` entries is trained on the training texts.
    """

    tokens: int
    tokenizer: Path | None = None
    vocabulary: int = 8000

    def __post_init__(self) -> None:
        for name in ("tokens", "vocabulary"):
            if not 1 <= getattr(self, name) < 2**31:
                raise RequestError(f"--{name} is {getattr(self, name)}; it must be at least 1 and below 2**31")

    def recipe(self) -> dict[str, Any]:
        """Everything besides the texts that determines the token numbers. Raises RequestError."""
        if self.tokenizer:
            return {"tokens": self.tokens, "tokenizer_sha256": hashlib.sha256(_read(self.tokenizer)).hexdigest()}
        return {"tokens": self.tokens, "vocabulary": self.vocabulary, "tokenizers": version("tokenizers")}


@dataclass(frozen=True)
class Encoder:
    """A tokenizer, and what it puts before, between and after texts, in its own numbers.

    `numbers` maps the tokenizer's numbers to those of the data set, where 0 is padding and all are below `vocabulary`.
    """

    tokenizer: Tokenizer
    before: tuple[int, ...]
    between: tuple[int, ...]
    behind: tuple[int, ...]
    numbers: NDArray[np.int32]
    vocabulary: int
    remark: str

    @property
    def added(self) -> int:
        """Tokens in an example other than those of its texts."""
        return len(self.before) + len(self.between) + len(self.behind)


def make_encoder(how: Tokenisation, train: Rows) -> Encoder:
    """The encoder of a data set with the training set `train`. Raises RequestError for an unsuitable tokenizer."""
    tokenizer = _load(how.tokenizer) if how.tokenizer else _train([*train.texts, *train.pairs], how.vocabulary)
    padding = [tokenizer.padding["pad_token"]] if tokenizer.padding else []
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True  # "[SEP]" within a text is text
    if not tokenizer.num_special_tokens_to_add(bool(train.pairs)):
        _add_template(tokenizer)
    before, between, behind = _frame(tokenizer, train)
    numbers, remap = _renumber(tokenizer.get_vocab(), [*padding, *_PADDING_NAMES])
    origin = f"tokenizer {how.tokenizer}" if how.tokenizer else "WordPiece trained on the training texts"
    remark = f"{origin}, {tokenizer.get_vocab_size():,} entries{remap}"
    encoder = Encoder(tokenizer, before, between, behind, numbers, int(numbers.max()) + 1, remark)
    if how.tokens <= encoder.added + bool(train.pairs):
        raise RequestError(
            f"--tokens {how.tokens} leaves no room for the texts", f"The tokenizer adds {encoder.added} tokens to each example."
        )
    return encoder


def encode(encoder: Encoder, rows: Rows, tokens: int) -> tuple[list[NDArray[np.int32]], int]:
    """The token numbers of each row, at most `tokens`, and how many rows were cut."""
    encoded: list[NDArray[np.int32]] = []
    cut = 0
    for start in range(0, len(rows), _AT_ONCE):
        firsts = _encode(encoder.tokenizer, rows.texts[start : start + _AT_ONCE])
        seconds = _encode(encoder.tokenizer, rows.pairs[start : start + _AT_ONCE]) if rows.pairs else repeat([])
        for first, second in zip(firsts, seconds, strict=False):
            kept_first, kept_second = kept_lengths(len(first), len(second), tokens - encoder.added)
            cut += kept_first + kept_second < len(first) + len(second)
            whole = [*encoder.before, *first[:kept_first], *encoder.between, *second[:kept_second], *encoder.behind]
            encoded.append(encoder.numbers[whole])
    return encoded, cut


def kept_lengths(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens of two sequences are kept if there is room for `room`: the longer one is cut first."""
    kept = min(first, max(room - second, room - room // 2))
    return kept, min(second, room - kept)


def pad(sequences: Sequence[NDArray[np.int32]], tokens: int) -> NDArray[np.int32]:
    """Sequences as one array (sequences, tokens), padded at the end."""
    padded = np.full((len(sequences), tokens), PADDING, np.int32)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    return padded


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RequestError(
            f"--tokenizer: cannot read {path}: {error.strerror}", "Give the path of a tokenizer.json."
        ) from error


def _load(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    content = _read(path)
    try:
        return Tokenizer.from_buffer(content)
    except Exception as error:  # tokenizers raises no narrower type
        hint = "Give a tokenizer.json as tokenizers or transformers write it."
        raise RequestError(f"--tokenizer: {path} is not a tokenizer: {error}", hint) from error


def _train(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """WordPiece on lower-cased words, as in BERT (arXiv 1810.04805); equal texts give equal vocabularies."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    texts = [" ".join(word for word in text.split() if len(word) <= _LONGEST_WORD) for text in texts]
    normalise, split = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    # The trainer numbers the characters inside words in the order of a hash map, and breaks ties between pairs by these
    # numbers, so every run would give another vocabulary. Listed in advance, they have the same numbers in every run.
    distinct = sorted({word for text in texts for word in normalise.normalize_str(text).split()})
    inside = sorted({letter for word, _ in split.pre_tokenize_str(" ".join(distinct)) for letter in word[1:]})
    special = [*_SPECIAL, *(f"##{letter}" for letter in inside)]
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer, learner.pre_tokenizer = normalise, split
    trainer = trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=special, show_progress=False)
    learner.train_from_iterator(texts, trainer)

    tokenizer = Tokenizer(models.WordPiece(vocab=learner.get_vocab(), unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalise, split
    tokenizer.add_special_tokens(list(_SPECIAL))
    return tokenizer


def _add_template(tokenizer: Tokenizer) -> None:
    """Let a tokenizer that adds no tokens itself produce [CLS] a [SEP] and [CLS] a [SEP] b [SEP]."""
    from tokenizers.processors import TemplateProcessing

    tokenizer.add_special_tokens(["[CLS]", "[SEP]"])
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )


def _frame(tokenizer: Tokenizer, train: Rows) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """The tokens that the tokenizer puts before, between and after texts, from the first example that has any tokens."""
    for first, second in zip(train.texts, train.pairs or repeat(None), strict=False):
        with _encoding_errors():
            whole = tokenizer.encode(first, second)
        texts = (0,) if second is None else (0, 1)
        places = [[place for place, part in enumerate(whole.sequence_ids) if part == text] for text in texts]
        if all(places):
            ids = tuple(whole.ids)
            return ids[: places[0][0]], ids[places[0][-1] + 1 : places[-1][0]], ids[places[-1][-1] + 1 :]
    raise RequestError(f"the tokenizer makes no tokens from the texts in {train.source}", _OTHER_TOKENIZER)


def _renumber(entries: Mapping[str, int], padding_names: Iterable[str]) -> tuple[NDArray[np.int32], str]:
    """The data set's token numbers by those of the tokenizer, and a remark on the difference: 0 must be padding."""
    numbers = np.arange(max(entries.values()) + 1, dtype=np.int32)
    padding = next((entries[name] for name in padding_names if name in entries), None)
    if padding is None:
        return numbers + 1, "; it has no padding token, so all its numbers are raised by 1"
    numbers[[padding, PADDING]] = PADDING, padding
    return numbers, f"; its padding, number {padding}, and number 0 are exchanged" if padding != PADDING else ""


def _encode(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[list[int]]:
    with _encoding_errors():
        encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return (encoding.ids for encoding in encodings)


@contextmanager
def _encoding_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # tokenizers raises no narrower type
        raise RequestError(f"the tokenizer cannot encode the texts: {error}", _OTHER_TOKENIZER) from error
