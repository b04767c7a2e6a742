"""The vector index on disk: versioned folders, each an index with its manifest, and a pointer to the current one.

    index/current                   the name of the current folder, replaced atomically
    index/v00000042-1f3a.../        index.faiss and manifest.json, complete before anything points at them

A folder is never changed once it is there, and the one before the current is kept, so another process may read
while this one writes. What is read is verified first: a damaged or foreign index is an `IndexDamaged`, never wrong
rows. Knows nothing of the library's tables.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from promptlib.errors import IndexDamaged, IndexNotSaved

FORMAT = 1
#: Folders younger than this may belong to a process that is about to point at them.
SETTLED_SECONDS = 60


@dataclass(frozen=True)
class Manifest:
    """What an index was made from, as far as it must fit: `revision` and `last_id` are the library point it is at."""

    embedder: str
    dimension: int
    library: str
    revision: int
    last_id: int
    rows: int
    checksum: str
    format: int = FORMAT


def save(folder: Path, index: Any, manifest: Manifest) -> None:
    """Write a new version and point at it; `manifest.rows` and `.checksum` are filled in here."""
    import faiss

    data = faiss.serialize_index(index).tobytes()
    fields = asdict(manifest) | {"rows": index.ntotal, "checksum": hashlib.sha256(data).hexdigest()}
    name = f"v{manifest.revision:08d}-{secrets.token_hex(4)}"
    try:
        building = folder / f"building-{name}"
        building.mkdir(parents=True)
        _write(building / "index.faiss", data)
        _write(building / "manifest.json", json.dumps(fields, indent=1).encode())
        building.rename(folder / name)
        pointer = folder / f"pointing-{name}"
        _write(pointer, name.encode())
        previous = _pointed(folder)
        pointer.replace(folder / "current")
        _sync(folder)
        _prune(folder, {name, previous, "current"})
    except OSError as error:
        raise IndexNotSaved(
            f"The index cannot be written to {folder} ({error.strerror or error}); free some space or make the "
            "folder writable. Nothing is lost: it is rebuilt from the library."
        ) from error


def load(folder: Path) -> tuple[Any, Manifest] | None:
    """The current index and its manifest, or None if there never was one; raises `IndexDamaged`."""
    import faiss

    try:
        name = _pointed(folder)
    except OSError as error:
        raise IndexDamaged(f"The index in {folder} cannot be read ({error.strerror}).") from error
    if not name:
        return None
    try:
        manifest = Manifest(**json.loads((folder / name / "manifest.json").read_bytes()))
        data = (folder / name / "index.faiss").read_bytes()
    except (OSError, ValueError, TypeError) as error:
        raise IndexDamaged(f"The index in {folder / name} cannot be read ({error}).") from error
    if manifest.format != FORMAT:
        raise IndexDamaged(f"The index in {folder / name} has format {manifest.format}, not {FORMAT}.")
    if hashlib.sha256(data).hexdigest() != manifest.checksum:
        raise IndexDamaged(f"The index in {folder / name} does not have the checksum of its manifest.")
    index = faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
    if (index.ntotal, index.d) != (manifest.rows, manifest.dimension):
        raise IndexDamaged(f"The index in {folder / name} does not have the size its manifest tells.")
    return index, manifest


def _pointed(folder: Path) -> str:
    """The name the pointer holds; empty if there is none. Only a plain name is followed."""
    try:
        return Path((folder / "current").read_text(encoding="utf-8", errors="replace").strip() or "empty").name
    except FileNotFoundError:
        return ""


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make renames and new names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def keep_only_current(folder: Path) -> None:
    """Delete all versions but the current one. A process that is reading one of them builds its index anew."""
    current = _pointed(folder)
    for path in folder.glob("v*"):
        if path.name != current:
            shutil.rmtree(path, ignore_errors=True)


def _prune(folder: Path, keep: set[str]) -> None:
    for path in folder.iterdir():
        if path.name in keep or time.time() - path.stat().st_mtime < SETTLED_SECONDS:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
