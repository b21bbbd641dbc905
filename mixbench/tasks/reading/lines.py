"""The content of files: bytes, unpacked where they are gzipped, and lines of text in whatever encoding they have."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

from mixbench.errors import RequestError, UnknownNameError
from mixbench.tasks.reading.words import shown

UTF_8 = "UTF-8"
_HEAD = 2**20  # bytes that are looked at to tell encoding and line endings
_GZIP = b"\x1f\x8b"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by byte-order mark. That of UTF-32 begins like that of UTF-16, so it comes first."""
_BINARY = {
    b"PK\x03\x04": ("an archive or a spreadsheet", "Unpack it, or save it as CSV."),
    b"\xd0\xcf\x11\xe0": ("a spreadsheet or document", "Save it as CSV."),
    b"BZh": ("compressed with bzip2", "Unpack it."),
    b"\xfd7zXZ": ("compressed with xz", "Unpack it."),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "Unpack it."),
    b"ARROW1": ("an Arrow file", "Save it as Parquet."),
}
"""What files are by their first bytes, where they hold no text, and what to do with them."""
_BYTES = "mixbench.bytes"
_COMMON = ("utf-8", "latin-1", "cp1252", "utf-16", "utf-16-le", "shift_jis", "gb18030", "big5", "euc-kr", "cp1251")


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    """Bytes that cannot be decoded become characters from U+DC00 on, which no text holds, so that the row can be told."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_BYTES, _keep_bytes)


def known_encoding(name: str) -> str:
    """The name of a text encoding as Python spells it. Raises UnknownNameError."""
    try:
        io.TextIOWrapper(io.BytesIO(b"a"), name).read()
        return codecs.lookup(name).name
    except UnicodeError:  # an encoding of more than one byte
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise UnknownNameError("encoding", name[:40], _COMMON, "of --encoding") from None


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what the system says against reading a file or folder into a RequestError."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise RequestError(
            f"cannot read {shown(str(path), 200)}: {reason}", "Check the path, and whether the file is whole."
        ) from error


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """The bytes of a file, unpacked if it is gzipped. Raises RequestError for what cannot be read."""
    with readable(path):
        if path.exists() and not path.is_file():
            raise RequestError(f"cannot read {path}: {_nature(path)}", "Give the path of a file.")
        with path.open("rb") as file:
            if file.peek(2).startswith(_GZIP):
                with gzip.open(file) as unpacked:
                    yield cast(io.BufferedReader, unpacked)
            else:
                yield file


def _nature(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    return "it is a pipe or device, and files are read more than once: save it to a file"


@dataclass(frozen=True)
class TextFile:
    """A file of text: its encoding as Python names it, and what its lines end with."""

    path: Path
    codec: str
    encoding: str
    """The name of the encoding in messages."""
    newline: str

    def lines(self) -> Iterator[str]:
        """Its lines with their endings; bytes that cannot be decoded are characters from U+DC00 on. Raises RequestError."""
        with (
            opened(self.path) as file,
            io.TextIOWrapper(file, self.codec, errors=_BYTES, newline=self.newline) as lines,
            _decoding(self.path, self.encoding),
        ):
            for number, line in enumerate(lines):
                yield line if number else line.removeprefix("\ufeff")

    def first_line(self) -> str:
        """Its first line without the ending; "" of an empty file."""
        return next(self.lines(), "").rstrip("\r\n")


def text_file(path: Path, encoding: str = "") -> TextFile:
    """A file of text in this encoding, "" for UTF-8; a byte-order mark comes before both. Raises RequestError."""
    with opened(path) as file:
        head = file.read(_HEAD)
    for start, (words, hint) in _BINARY.items():
        if head.startswith(start):
            raise RequestError(f"{path} is {words}", hint)
    codec = next((codec for mark, codec in _MARKS.items() if head.startswith(mark)), "")
    if not (codec or encoding) and head.count(0) > len(head) // 4:
        hint = f"Name its encoding: --encoding utf-16-{'le' if head[1::2].count(0) > head[::2].count(0) else 'be'}."
        raise RequestError(f"{path} is not {UTF_8}: it looks like UTF-16", hint)
    codec = codec or encoding or "utf-8"
    name = UTF_8 if codec in ("utf-8", "utf-8-sig") else codec
    with _decoding(path, name):
        text = codecs.getincrementaldecoder(codec)(_BYTES).decode(head)
    newline = "\r" if "\r" in text and "\n" not in text else "\n"  # as on old Macs
    return TextFile(path, codec, name, newline)


@contextmanager
def _decoding(path: Path, encoding: str) -> Iterator[None]:
    """Turns what cannot be told row by row, such as a byte-order mark that UTF-16 lacks, into a RequestError."""
    try:
        yield
    except UnicodeError as error:
        raise RequestError(f"{path} is not {encoding}: {error}", "Name another --encoding.") from error


def first_character(file: TextFile) -> str:
    """The first character that is not white space, "" if there is none among the first lines."""
    return "".join(islice(file.lines(), 100)).lstrip()[:1]
