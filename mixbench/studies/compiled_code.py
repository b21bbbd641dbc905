"""The code that torch.compile generates is kept in a results folder: a cell is compiled once, not in every launch."""

from __future__ import annotations

import shutil
from pathlib import Path

from mixbench.tables.storage import storage_errors

FOLDER = ".compiled"


def keep_compiled_code(results: Path, *, fresh: bool) -> dict[str, str]:
    """Make the folder for compiled code, emptied if `fresh`, and return the environment variables that make torch use it.

    Raises StorageError.
    """
    folder = results.resolve() / FOLDER
    with storage_errors(f"cannot write {folder}"):
        if fresh and folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
    return {
        "TORCHINDUCTOR_CACHE_DIR": str(folder),
        "TORCHINDUCTOR_FX_GRAPH_CACHE": "1",
        "TORCHINDUCTOR_AUTOGRAD_CACHE": "1",
        "TRITON_CACHE_DIR": str(folder / "triton"),
    }
