from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from mixbench.errors import RequestError
from mixbench.tasks import dataset
from mixbench.tasks.reading.rows import Rows
from mixbench.tasks.tokenisation import Encoder, Tokenisation, encode, kept_lengths, make_encoder, pad


def rows(texts: list[str], pairs: list[str] | None = None) -> Rows:
    return Rows("train.tsv", "line", range(2, len(texts) + 2), texts, pairs or [], ["a"] * len(texts))


def tokens_of(encoder: Encoder, numbers: np.ndarray) -> list[str]:
    """Token numbers back to words, by the inverse of the renumbering."""
    back = {number: place for place, number in enumerate(encoder.numbers.tolist())}
    return [encoder.tokenizer.id_to_token(back[number]) for number in numbers.tolist()]


def saved(tokenizer: Tokenizer, folder: Path) -> Path:
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def word_tokenizer(*words: str) -> Tokenizer:
    """A tokenizer of whole words, numbered as they are given."""
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


SINGLE, PAIR = rows(["The cat sat.", "the DOG"]), rows(["the cat", "the dog"], ["sat", "ran"])


def test_a_text_stands_between_cls_and_sep_in_lower_case():
    encoder = make_encoder(Tokenisation(16), SINGLE)
    encoded, cut = encode(encoder, SINGLE, 16)
    assert [tokens_of(encoder, numbers) for numbers in encoded] == [
        ["[CLS]", "the", "cat", "sat", ".", "[SEP]"],
        ["[CLS]", "the", "dog", "[SEP]"],
    ]
    assert cut == 0
    assert encoder.tokenizer.token_to_id("[PAD]") == 0
    assert encoder.numbers.tolist() == list(range(encoder.vocabulary))


def test_a_pair_has_a_sep_behind_each_text():
    encoder = make_encoder(Tokenisation(16), PAIR)
    encoded, _ = encode(encoder, PAIR, 16)
    assert tokens_of(encoder, encoded[1]) == ["[CLS]", "the", "dog", "[SEP]", "ran", "[SEP]"]


def test_an_unknown_character_is_unk_and_a_special_token_in_a_text_is_text():
    encoder = make_encoder(Tokenisation(16), rows(["a [SEP] b [PAD]"]))
    encoded, _ = encode(encoder, rows(["a [SEP] € [PAD]"]), 16)
    tokens = tokens_of(encoder, encoded[0])
    assert tokens.count("[SEP]") == 1
    assert tokens[-1] == "[SEP]"
    assert "[UNK]" in tokens
    assert 0 not in encoded[0]


def test_the_same_texts_give_the_same_vocabulary():
    letters = random.Random(0)
    texts = [" ".join("".join(letters.choices("abcdefghij", k=6)) for _ in range(8)) for _ in range(100)]
    vocabularies = [make_encoder(Tokenisation(16, vocabulary=300), rows(texts)).tokenizer.get_vocab() for _ in range(4)]
    assert len(vocabularies[0]) == 300
    assert all(vocabulary == vocabularies[0] for vocabulary in vocabularies)


def slow_kept_lengths(first: int, second: int, room: int) -> tuple[int, int]:
    while first + second > room:
        first, second = (first - 1, second) if first > second else (first, second - 1)
    return first, second


@given(st.integers(0, 30), st.integers(0, 30), st.integers(2, 40))
def test_the_longer_part_is_cut_first(first: int, second: int, room: int) -> None:
    assert kept_lengths(first, second, room) == slow_kept_lengths(first, second, room)


def test_long_texts_are_cut_and_counted():
    encoder = make_encoder(Tokenisation(8), PAIR)
    encoded, cut = encode(encoder, rows(["the cat the cat the cat", "the"], ["sat ran", "ran"]), 8)
    assert tokens_of(encoder, encoded[0]) == ["[CLS]", "the", "cat", "the", "[SEP]", "sat", "ran", "[SEP]"]
    assert cut == 1


def test_a_given_tokenizer_keeps_its_own_frame_and_drops_its_own_limits(tmp_path):
    given_one = word_tokenizer("<pad>", "<unk>", "<s>", "</s>", "the", "cat")
    given_one.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    given_one.enable_truncation(3)
    given_one.enable_padding(length=30, pad_token="<pad>")
    how = Tokenisation(16, saved(given_one, tmp_path))
    pairs = rows(["the cat the cat"], ["cat dog"])
    encoded, _ = encode(make_encoder(how, pairs), pairs, 16)
    assert encoded[0].tolist() == [2, 4, 5, 4, 5, 3, 3, 5, 1, 3]
    assert encode(make_encoder(how, SINGLE), rows(["the cat"]), 16)[0][0].tolist() == [2, 4, 5]


@pytest.mark.parametrize(
    ("words", "numbers", "told"),
    [
        (("<pad>", "<unk>", "a", "b"), [2, 3], "4 entries"),
        (("a", "<unk>", "b", "[PAD]"), [3, 2], "4 entries; its padding, number 3, and number 0 are exchanged"),
        (("a", "<unk>", "b"), [1, 3], "3 entries; it has no padding token, so all its numbers are raised by 1"),
    ],
)
def test_padding_has_number_0_whatever_the_tokenizer(words, numbers, told, tmp_path):
    tokenizer = word_tokenizer(*words)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <unk>", special_tokens=[("<unk>", 1)])
    encoder = make_encoder(Tokenisation(16, saved(tokenizer, tmp_path)), rows(["a b"]))
    encoded, _ = encode(encoder, rows(["a b"]), 16)
    assert encoded[0].tolist()[:-1] == numbers
    assert encoder.remark == f"tokenizer {tmp_path / 'tokenizer.json'}, {told}"
    assert encoder.vocabulary == len(words) + ("raised" in told)


def test_the_padding_token_that_the_tokenizer_names_comes_first(tmp_path):
    tokenizer = word_tokenizer("<unk>", "a", "[PAD]", "filler")
    tokenizer.enable_padding(pad_id=3, pad_token="filler")
    encoder = make_encoder(Tokenisation(16, saved(tokenizer, tmp_path)), rows(["a"]))
    assert "number 3" in encoder.remark


def test_a_tokenizer_that_adds_nothing_gets_cls_and_sep(tmp_path):
    encoder = make_encoder(Tokenisation(16, saved(word_tokenizer("<unk>", "the", "cat"), tmp_path)), PAIR)
    encoded, _ = encode(encoder, rows(["the"], ["cat"]), 16)
    assert tokens_of(encoder, encoded[0]) == ["[CLS]", "the", "[SEP]", "cat", "[SEP]"]
    assert encoder.vocabulary == 6


def test_texts_of_which_nothing_is_left_still_have_a_frame():
    encoder = make_encoder(Tokenisation(16), rows(["\u200b", "the cat"]))
    assert tokens_of(encoder, encode(encoder, rows(["\u200b"]), 16)[0][0]) == ["[CLS]", "[SEP]"]


def test_what_does_not_fit_is_a_wrong_request(tmp_path):
    without_unknown = Tokenizer(models.WordLevel({"a": 0}))
    path = saved(without_unknown, tmp_path)
    with pytest.raises(RequestError, match=r"the tokenizer cannot encode the texts: .*UNK"):
        make_encoder(Tokenisation(16, path), SINGLE)
    with pytest.raises(RequestError, match=r"the tokenizer makes no tokens from the texts in train\.tsv"):
        make_encoder(Tokenisation(16, saved(Tokenizer(models.BPE()), tmp_path)), SINGLE)
    with pytest.raises(RequestError, match=r"cannot read .*: No such file"):
        make_encoder(Tokenisation(16, tmp_path / "absent.json"), SINGLE)
    path.write_text("{}")
    with pytest.raises(RequestError, match="is not a tokenizer: "):
        make_encoder(Tokenisation(16, path), SINGLE)
    with pytest.raises(RequestError, match="--tokens 2 leaves no room for the texts"):
        make_encoder(Tokenisation(2), SINGLE)
    with pytest.raises(RequestError, match="--tokens 4 leaves no room for the texts"):
        make_encoder(Tokenisation(4), PAIR)
    assert len(encode(make_encoder(Tokenisation(5), PAIR), PAIR, 5)[0][0]) == 5


@pytest.mark.parametrize("wrong", [{"tokens": 0}, {"tokens": 2**31}, {"tokens": 8, "vocabulary": 0}])
def test_sizes_that_cannot_be_are_wrong_requests(wrong):
    with pytest.raises(RequestError, match="it must be at least 1"):
        Tokenisation(**wrong)


def test_the_recipe_has_the_content_of_the_tokenizer_not_its_place(tmp_path):
    recipes = []
    for folder, word in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / folder).mkdir()
        recipes.append(Tokenisation(16, saved(word_tokenizer("<unk>", word), tmp_path / folder)).recipe())
    assert recipes[0] == recipes[1] != recipes[2]
    assert Tokenisation(16).recipe() != Tokenisation(16, vocabulary=100).recipe() != Tokenisation(8, vocabulary=100).recipe()


def test_sequences_are_padded_with_0_to_a_multiple_of_8():
    assert [dataset.padded(longest) for longest in (1, 8, 9, 16)] == [8, 8, 16, 16]
    padded = pad([np.array([3, 4], np.int32), np.array([5], np.int32)], 3)
    assert padded.tolist() == [[3, 4, 0], [5, 0, 0]]
    assert padded.dtype == np.int32
