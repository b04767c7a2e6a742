"""How a picture was made, written into the PNG itself, in the form AUTOMATIC1111's web UI made common.

Three parts: the prompt; a line that begins ``Negative prompt: ``, where there is one; a last line of
``Key: value`` pairs. Stored under the PNG text key ``parameters``: as tEXt where latin-1 can say it, else as iTXt
(UTF-8), as A1111 and the tools around it do. Writing and reading agree for every prompt: a prompt that itself looks
like one of the other parts is written as JSON in two extra pairs, which other tools show as they are.
Does not read ComfyUI's workflows.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from pipeline.errors import MetadataError

Kind = TypeVar("Kind", int, float)

_KEY = "parameters"
_NEGATIVE = "Negative prompt:"
#: A last line with fewer pairs is taken for part of the prompt, as A1111 does.
_MIN_PAIRS = 3
#: How a value begins that is read as JSON: a quoted text, or the hashes some tools write.
_JSON = ('"', "{", "[")
_SIZE = re.compile(r"(\d+)x(\d+)")


@dataclass(frozen=True)
class Parameters:
    """What made one picture. `more` holds further pairs, such as a sampler, as they are written."""

    prompt: str
    negative: str = ""
    steps: int | None = None
    guidance: float | None = None
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    model: str = ""
    sampler: str = ""
    version: str = ""
    more: dict[str, str] = field(default_factory=dict)


def to_infotext(parameters: Parameters) -> str:
    """The text other tools read. Raises `MetadataError` for fewer than three values beside the prompts."""
    pairs = _pairs(parameters)
    if len(pairs) < _MIN_PAIRS:
        raise MetadataError("Fewer than three parameters are known; a picture's text needs at least steps, seed, size.")
    text = _join(parameters.prompt, parameters.negative, pairs)
    if _split(text)[:2] != (parameters.prompt, parameters.negative):
        pairs |= {"Easel prompt": parameters.prompt, "Easel negative prompt": parameters.negative}
        text = _join(parameters.prompt, parameters.negative, pairs)
    return text


def from_infotext(text: str) -> Parameters:
    """Read a text of ours or of any tool that writes this form. What is not there stays None or empty."""
    prompt, negative, pairs = _split(text)
    width = height = None
    if size := _SIZE.fullmatch(pairs.pop("Size", "")):
        width, height = int(size[1]), int(size[2])
    return Parameters(
        prompt=pairs.pop("Easel prompt", prompt),
        negative=pairs.pop("Easel negative prompt", negative),
        steps=_number(pairs, "Steps", int),
        guidance=_number(pairs, "CFG scale", float),
        seed=_number(pairs, "Seed", int),
        width=width,
        height=height,
        model=pairs.pop("Model", ""),
        sampler=pairs.pop("Sampler", ""),
        version=pairs.pop("Version", ""),
        more=pairs,
    )


def write_png(image: Image.Image, target: Path | IO[bytes], parameters: Parameters) -> None:
    """Save a picture with its parameters."""
    info = PngImagePlugin.PngInfo()
    # Pillow falls back to iTXt by itself where latin-1 does not suffice.
    info.add_text(_KEY, to_infotext(parameters))
    # Level 6, the default, takes three times as long for a file a tenth smaller.
    image.save(target, format="PNG", pnginfo=info, compress_level=3)


def read_png(source: Path | IO[bytes]) -> Parameters:
    """The parameters a picture carries. Raises `MetadataError` when it is no picture or carries none."""
    name = source.name if isinstance(source, Path) else "The picture"
    try:
        with Image.open(source) as image:
            image.load()  # A text chunk may stand behind the pixels.
            text = image.info.get(_KEY)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MetadataError(f"{name} cannot be read as a picture; send a PNG file.") from error
    if not isinstance(text, str):
        raise MetadataError(f"{name} carries no painting parameters; send the original PNG, not a copy or screenshot.")
    return from_infotext(text)


def _pairs(parameters: Parameters) -> dict[str, str]:
    size = f"{parameters.width}x{parameters.height}" if parameters.width and parameters.height else None
    guidance = None if parameters.guidance is None else f"{parameters.guidance:g}"
    known = {
        "Steps": parameters.steps,
        "Sampler": parameters.sampler,
        "CFG scale": guidance,
        "Seed": parameters.seed,
        "Size": size,
        "Model": parameters.model,
        **parameters.more,
        "Version": parameters.version,
    }
    return {key: str(value) for key, value in known.items() if value not in (None, "")}


def _join(prompt: str, negative: str, pairs: dict[str, str]) -> str:
    last = ", ".join(f"{key}: {_quoted(value)}" for key, value in pairs.items())
    return "\n".join([prompt, *([f"{_NEGATIVE} {negative}"] if negative else []), last])


def _quoted(value: str) -> str:
    """JSON where a plain value could not be told from its surroundings."""
    plain = value and value == value.strip() and not any(mark in value for mark in ',:\n\r"{[')
    return value if plain else json.dumps(value, ensure_ascii=False)


def _split(text: str) -> tuple[str, str, dict[str, str]]:
    """Prompt, negative prompt and pairs of a text, by A1111's rules."""
    *lines, last = text.split("\n")
    pairs = _read_pairs(last)
    if len(pairs) < _MIN_PAIRS:
        lines, pairs = [*lines, last], {}
    start = next((n for n, line in enumerate(lines) if line.startswith(_NEGATIVE)), len(lines))
    negative = "\n".join(lines[start:]).removeprefix(_NEGATIVE).removeprefix(" ")
    return "\n".join(lines[:start]), negative, pairs


def _read_pairs(line: str) -> dict[str, str]:
    """``Key: value`` pairs between commas. A value that is JSON goes on to the JSON's end; other text is skipped."""
    pairs = {}
    while ":" in line:
        key, _, line = line.partition(":")
        line = line.lstrip()
        try:
            value, end = json.JSONDecoder().raw_decode(line) if line[:1] in _JSON else ("", 0)
        except json.JSONDecodeError:
            end = 0
        if not end:
            end = len(line.partition(",")[0])
            value = line[:end].strip()
        elif not isinstance(value, str):
            value = line[:end]
        pairs[key.rpartition(",")[2].strip()] = value
        line = line[end:].partition(",")[2]
    return pairs


def _number(pairs: dict[str, str], key: str, kind: type[Kind]) -> Kind | None:
    """A number by its key; left among the pairs when it is none."""
    try:
        number = kind(pairs[key])
    except (KeyError, ValueError):
        return None
    del pairs[key]
    return number
