"""Looks whether a model's weights are on this computer and can be read, without loading them.

Only safetensors headers and file sizes are read. A model on Hugging Face is looked for in the local cache; nothing is
fetched. What is found sound here can still be too large for the memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.profiles import Profile

#: Files of which a tokenizer needs one.
TOKENIZERS = ("tokenizer.json", "vocab.json", "spiece.model", "tokenizer.model")
#: Components of a diffusers folder that have no weights.
WEIGHTLESS = ("tokenizer", "scheduler", "feature_extractor", "image_processor")


def missing_download(profile: Profile) -> bool:
    """Whether a model of Hugging Face has not been fetched yet."""
    if Path(profile.source).is_absolute():
        return False
    from huggingface_hub import try_to_load_from_cache  # heavy: its HTTP client

    return not isinstance(try_to_load_from_cache(profile.source, "model_index.json"), str)


def problems(profile: Profile) -> list[str]:
    """What is wrong with the weights of a model that is kept as a folder or a file here; sentences."""
    path = Path(profile.source)
    if not path.is_absolute():
        return []
    if not path.exists():
        return [f"{path} is not there"]
    return list(_folder_problems(path) if path.is_dir() else _file_problems(path))


def _folder_problems(folder: Path) -> Iterator[str]:
    try:
        index = json.loads((folder / "model_index.json").read_text("utf-8"))
        components = {name: value for name, value in index.items() if isinstance(value, list) and value[0]}
    except (OSError, ValueError, AttributeError) as error:
        yield f"model_index.json cannot be read ({_short(error)})"
        return
    for name in components:
        part = folder / name
        if not part.is_dir():
            yield f"the folder {name} is missing"
        elif name.startswith("tokenizer") and not any((part / file).is_file() for file in TOKENIZERS):
            yield f"{name} holds no tokenizer"
        elif not name.startswith(WEIGHTLESS):
            weights = sorted(part.glob("*.safetensors"))
            if not weights:
                yield f"{name} holds no safetensors"
            for file in weights:
                yield from _file_problems(file)


def _file_problems(path: Path) -> Iterator[str]:
    from safetensors import SafetensorError, safe_open

    try:
        # Reads the header and holds it against the size of the file.
        with safe_open(path, framework="np") as file:
            if not list(file.keys()):
                yield f"{path.parent.name}/{path.name} holds no weights"
    except (SafetensorError, OSError) as error:
        yield f"{path.parent.name}/{path.name} cannot be read ({_short(error)})"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
