"""Model profiles: what `models.toml` says of each model, checked and frozen.

Our own file (`BUILT_IN`) comes first; files after it may change single values of a model, or add models of their
own, most easily with `like = "sdxl"`, which takes over everything not said. Knows nothing of how a model is
loaded: see `pipeline.backends`.
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ProfileError

#: The profiles that ship with easel.
BUILT_IN = Path(__file__).parents[1] / "data" / "models.toml"

DIALECTS = ("tags", "booru", "sentence", "chinese", "doodle")
TOKENIZERS = ("clip", "words")
DTYPES = ("float16", "bfloat16", "float32")

#: What a model made with `like` does not take over: these belong to one set of weights.
_OWN = ("name", "source", "variant", "licence", "url")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Profile:
    """One model, and how its authors want it to be used.

    Args:
        id: the name people type, such as ``sdxl``.
        name: the name people read.
        source: the weights: a Hugging Face repository, a diffusers folder, or one ``.safetensors`` file.
        family: models that share prompts, such as ``sdxl``.
        dialect: one of `DIALECTS`.
        width, height: the native size in pixels.
        steps, guidance: what the authors recommend.
        backend: what runs it.
        variant: the flavour of the weight files, such as ``fp16``.
        config: repository or folder whose configuration fits a single-file checkpoint.
        tokenizer, tokens: how the positive prompt is counted, and its budget.
        sequence: tokens the text encoder is run over, for models that let one choose; 0 leaves it to them.
        multiple: sides must be multiples of this.
        max_pixels: largest area that still comes out well; 0 means twice the native area.
        fixed_size: whether only the native size works.
        scheduler: class name of a diffusers scheduler; empty means the one saved with the model.
        negative: whether the model takes a negative prompt.
        quality, negative_default: words the authors recommend.
        quality_at: ``front`` or ``end`` of the prompt; empty leaves it to the dialect.
        vocabulary: path of a closed vocabulary, else empty.
        threads: CPU threads that paint; 0 takes all. A small network is done sooner than several threads agree.
        min_vram_gb: graphics memory that holds the whole model; with less it runs in parts, slower.
        dtype: precision on a GPU. Without one everything runs in float32.
    """

    id: str
    name: str
    source: str
    family: str
    dialect: str
    width: int
    height: int
    steps: int
    guidance: float
    backend: str = "diffusers"
    variant: str = ""
    config: str = ""
    tokenizer: str = "clip"
    tokens: int = 75
    sequence: int = 0
    multiple: int = 8
    max_pixels: int = 0
    fixed_size: bool = False
    scheduler: str = ""
    negative: bool = True
    quality: tuple[str, ...] = ()
    quality_at: str = ""
    negative_default: tuple[str, ...] = ()
    vocabulary: str = ""
    threads: int = 0
    min_vram_gb: float = 0.0
    licence: str = ""
    url: str = ""
    dtype: str = "float16"

    @property
    def pixels(self) -> int:
        """The largest area this model paints."""
        if self.fixed_size:
            return self.width * self.height
        return self.max_pixels or 2 * self.width * self.height

    def size_problem(self, width: int, height: int) -> str:
        """What is wrong with this size, as a clause; empty when nothing is."""
        if self.fixed_size and (width, height) != (self.width, self.height):
            return f"it paints {self.width}x{self.height} only"
        if min(width, height) < self.multiple or width % self.multiple or height % self.multiple:
            return f"its sides must be multiples of {self.multiple}"
        if width * height > self.pixels:
            return f"it paints at most {self.pixels / 1e6:.1f} megapixels"
        return ""

    def fit_size(self, width: int, height: int) -> tuple[int, int]:
        """The size closest to this one, in shape first, that the model can paint."""
        if self.fixed_size:
            return self.width, self.height
        shrink = min(1.0, math.sqrt(self.pixels / (width * height)))
        sides = [max(self.multiple, round(side * shrink / self.multiple) * self.multiple) for side in (width, height)]
        while sides[0] * sides[1] > self.pixels:
            sides[sides.index(max(sides))] -= self.multiple
        return sides[0], sides[1]


_FIELDS = {field.name: field for field in dataclasses.fields(Profile) if field.name != "id"}
_NEEDED = [name for name, field in _FIELDS.items() if field.default is dataclasses.MISSING and name != "name"]
#: What a value in the file must be, by the field's annotation. TOML writes 7 for 7.0.
_KINDS: dict[str, tuple[type, str]] = {
    "str": (str, "text in quotes"),
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": (bool, "true or false"),
    "tuple[str, ...]": (tuple, "a list of texts"),
}
_CHOICES = {"dialect": DIALECTS, "tokenizer": TOKENIZERS, "dtype": DTYPES, "quality_at": ("", "front", "end")}
_POSITIVE = ("width", "height", "steps", "multiple", "tokens")


def load_profiles(*paths: Path) -> dict[str, Profile]:
    """Every model of these files by id, later files over earlier ones.

    The first file must exist; the others are the user's own, and may not be there.
    """
    tables: dict[str, dict[str, Any]] = {}
    for number, path in enumerate(paths):
        if number and not path.exists():
            continue
        for model, entry in _read(path).items():
            where = f"{path}, model {model!r}"
            if not isinstance(entry, dict):
                raise ProfileError(f"{where}: write it as a table, [{model}] and its lines below.")
            changes = _checked(where, path, entry)
            tables[model] = _base(where, model, entry, tables) | changes
            missing = [key for key in _NEEDED if key not in tables[model]]
            if missing:
                raise ProfileError(f'{where}: {missing[0]!r} is missing; add it, or take it over with like = "…".')
            _check_whole(where, tables[model])
    return {model: Profile(**{"id": model, "name": model} | table) for model, table in tables.items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path} cannot be read ({error}); check the file.") from error
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path} is not valid TOML: {error}; correct that line.") from error


def _base(where: str, model: str, entry: dict[str, Any], tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What an entry builds on: the same model in an earlier file, or the one it is `like`."""
    if "like" not in entry:
        return tables.get(model, {})
    like = entry["like"]
    if like not in tables:
        raise ProfileError(f"{where}: like = {like!r} names no model above it; choose one of {', '.join(tables)}.")
    inherited = {key: value for key, value in tables[like].items() if key not in _OWN}
    return {"config": tables[like]["source"]} | inherited


def _checked(where: str, path: Path, entry: dict[str, Any]) -> dict[str, Any]:
    """The entry's values, each of the right kind, paths made absolute."""
    values = {}
    for key, value in entry.items():
        if key == "like":
            continue
        if key not in _FIELDS:
            raise ProfileError(f"{where}: there is no setting {key!r}; the settings are {', '.join(_FIELDS)}.")
        values[key] = _value(where, key, value)
        if key in ("source", "config"):
            values[key] = resolve_source(values[key], path.parent)
        if key == "vocabulary" and value:
            values[key] = str((path.parent / value).resolve())
    return values


def _value(where: str, key: str, value: Any) -> Any:
    kind, words = _KINDS[str(_FIELDS[key].type)]
    if kind is float and type(value) is int:
        value = float(value)
    if kind is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = tuple(value)
    # type() and not isinstance: true is an int to Python, never to a person.
    if type(value) is not kind:
        raise ProfileError(f"{where}: {key} must be {words}, not {value!r}.")
    if key in _CHOICES and value not in _CHOICES[key]:
        raise ProfileError(f"{where}: {key} must be one of {', '.join(_CHOICES[key])}, not {value!r}.")
    if isinstance(value, int | float):
        low = key in _POSITIVE
        if not (0 < value < math.inf or (value == 0 and not low)):
            raise ProfileError(f"{where}: {key} must be {'above' if low else 'at least'} 0, not {value!r}.")
    return value


def _check_whole(where: str, table: dict[str, Any]) -> None:
    multiple = table.get("multiple", 8)
    if table["width"] % multiple or table["height"] % multiple:
        raise ProfileError(f"{where}: width and height must be multiples of {multiple}.")
    if table["source"].endswith(".safetensors") and not table.get("config"):
        raise ProfileError(f'{where}: a single .safetensors file also needs like = "sdxl", or a config.')


def resolve_source(source: str, folder: Path) -> str:
    """Where weights are: a Hugging Face id as it stands, anything else as a path, relative to `folder`."""
    path = (folder / Path(source).expanduser()).resolve()
    if _HUB_ID.fullmatch(source) and not source.endswith(".safetensors") and not path.exists():
        return source
    return str(path)
