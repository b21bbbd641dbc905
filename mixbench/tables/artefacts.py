"""Files next to the tables of a results folder: the names of checkpoints, and maps as arrays on disk.

checkpoints/HASH.pt                   the best weights of a training run
attention_maps/HASH-EXAMPLE.npz       what a trained model mixes in one example of the test set
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixbench.errors import StorageError
from mixbench.parsing.canonical import digest
from mixbench.tables.storage import storage_errors, write_atomically


def checkpoint_name(identity: Sequence[Any]) -> str:
    """The file of a run's weights, relative to the results folder."""
    return f"checkpoints/{_hash(identity)}.pt"


def map_name(identity: Sequence[Any], example: int) -> str:
    """The file of a run's map of one example, relative to the results folder."""
    return f"attention_maps/{_hash(identity)}-{example}.npz"


def _hash(identity: Sequence[Any]) -> str:
    return digest(json.dumps(identity), 16)


@dataclass(frozen=True)
class StoredMap:
    """How an example's outputs depend on its inputs.

    `norms` (tokens, tokens) float32 are the sensitivities of output i to input j; `right` (tokens, tokens) bool says whether i
    needs j. `inputs` and `targets` (tokens) are the example.
    """

    norms: NDArray[np.float32]
    right: NDArray[np.bool_]
    inputs: NDArray[Any]
    targets: NDArray[Any]

    def write(self, file: Path) -> None:
        """Write the map whole or not at all. Raises StorageError."""
        packed = io.BytesIO()
        np.savez_compressed(packed, **vars(self))
        with storage_errors(f"cannot write the map {file}"):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, packed.getvalue())


def read_map(file: Path) -> StoredMap:
    """The map in a file. Raises StorageError if it is missing or damaged."""
    again = "Delete it; `mixbench attention-map` writes it again."
    try:
        with storage_errors(f"cannot read the map {file}", again), np.load(file, allow_pickle=False) as arrays:
            return StoredMap(**{name: arrays[name] for name in arrays.files})
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise StorageError(f"{file} is damaged: {error}", again) from error
