"""The art the embedded model learns from: fetched from the npm registry, rendered to 256 px with alpha.

Openly licensed packages draw the same things in different styles. `fetch` downloads the pinned versions and
checks their published SHA-512; `render` turns every (subject, style) into one RGBA picture. Knows nothing of
captions or of training.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.doodle.autoencoder import PATCH
from pipeline.doodle.backdrops import GRID
from pipeline.doodle.vocabulary import Vocabulary
from pipeline.errors import DoodleError

SIZE = GRID * PATCH
REGISTRY = "https://registry.npmjs.org"


@dataclass(frozen=True)
class Package:
    """One pinned package of pictures, all drawn in one manner."""

    name: str
    version: str
    integrity: str
    licence: str
    author: str

    @property
    def file(self) -> str:
        return f"{self.name.split('/')[-1]}-{self.version}.tgz"

    @property
    def url(self) -> str:
        return f"{REGISTRY}/{self.name}/-/{self.file}"


PACKAGES = (
    Package(
        "@lobehub/fluent-emoji-3d",
        "1.1.0",
        "sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
        "MIT",
        "Microsoft, packaged by LobeHub",
    ),
    Package(
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "sha512-RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==",
        "MIT",
        "Microsoft, packaged by Iconify",
    ),
    Package(
        "@iconify-json/fluent-emoji-high-contrast",
        "1.2.6",
        "sha512-esqhZPpkrF7sNX3NsLoh8KW64okEr/bzko7WNnFP+qTJGAqDPDYjp0925yxuivXy3HtVQB8xhIKu3+Nq1byX5w==",
        "MIT",
        "Microsoft, packaged by Iconify",
    ),
)


def packages_of(vocabulary: Vocabulary) -> tuple[Package, ...]:
    """The packages that draw the vocabulary's styles, in their order."""
    known = {package.name: package for package in PACKAGES}
    try:
        return tuple(known[vocabulary.art[style]] for style in vocabulary.styles)
    except KeyError as error:
        raise DoodleError(f"No art package {error} is pinned; name one of {', '.join(known)}.") from error


def fetch(
    folder: Path, packages: tuple[Package, ...], progress: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Download what is not there yet; a file that does not have the published checksum is refused."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, package in enumerate(packages):
        progress(number, len(packages))
        target = folder / package.file
        if target.exists() and _matches(target.read_bytes(), package.integrity):
            continue
        try:
            with urllib.request.urlopen(package.url, timeout=180) as response:
                content = response.read()
        except OSError as error:
            raise DoodleError(
                f"Cannot fetch {package.url}: {error}. Check the network and run the command again."
            ) from error
        if not _matches(content, package.integrity):
            raise DoodleError(f"{package.url} does not have the pinned checksum; it was not used. Try again later.")
        partial = target.with_suffix(".part")
        partial.write_bytes(content)
        partial.replace(target)


def _matches(content: bytes, integrity: str) -> bool:
    algorithm, _, digest = integrity.partition("-")
    return base64.b64encode(hashlib.new(algorithm, content).digest()).decode() == digest


def render(
    archives: Path,
    folder: Path,
    vocabulary: Vocabulary,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.uint8]:
    """Every subject in every style as ``uint8[subjects, styles, 256, 256, 4]``, straight (not premultiplied) alpha.

    Nearly all that is drawn from the side faces left. The few that face right are turned, so that there is one rule.
    Rendering takes some minutes, so the result is kept in ``folder/art.npy`` with the vocabulary's fingerprint.
    """
    packages = packages_of(vocabulary)
    shape = (len(vocabulary.subjects), len(packages), SIZE, SIZE, 4)
    stamp = folder / "art.json"
    cache = folder / "art.npy"
    turned = [subject.faces == "right" for subject in vocabulary.subjects]
    fingerprint = [[s.emoji for s in vocabulary.subjects], [p.integrity for p in packages], turned]
    if cache.exists() and stamp.exists() and json.loads(stamp.read_text("utf-8")) == fingerprint:
        cached: NDArray[np.uint8] = np.load(cache, mmap_mode="r")
        return cached
    art = np.lib.format.open_memmap(cache, mode="w+", dtype=np.uint8, shape=shape)
    for column, package in enumerate(packages):
        for row, picture in enumerate(_pictures(archives / package.file, [s.emoji for s in vocabulary.subjects])):
            art[row, column] = picture[:, ::-1] if turned[row] else picture
            progress(column * shape[0] + row + 1, shape[0] * shape[1])
    art.flush()
    stamp.write_text(json.dumps(fingerprint), "utf-8")
    return art


def _pictures(archive: Path, emoji: list[str]) -> Iterator[NDArray[np.uint8]]:
    """RGBA pictures of the emoji, in order, from a package of WebP files or of Iconify JSON."""
    with tarfile.open(archive) as package:
        files = {member.name: member for member in package.getmembers()}

        def read(name: str) -> bytes:
            content = package.extractfile(files[name])
            assert content is not None
            return content.read()

        if "package/icons.json" in files:
            icons, chars = json.loads(read("package/icons.json")), json.loads(read("package/chars.json"))
            for code in emoji:
                yield _rasterise(icons, chars[_spelling(code, chars)])
            return
        names = {Path(name).stem: name for name in files if name.endswith(".webp")}
        for code in emoji:
            yield _fit(Image.open(io.BytesIO(read(names[_spelling(code, names)]))))


def _spelling(code: str, known: dict[str, str]) -> str:
    """Packages disagree on whether the variation selector FE0F belongs to a name."""
    for spelling in (code, f"{code}-fe0f", code.replace("-", "-fe0f-", 1)):
        if spelling in known:
            return spelling
    raise DoodleError(f"No picture of emoji {code}: the vocabulary and the art packages do not fit each other.")


def _rasterise(icons: dict[str, dict[str, dict[str, str]]], name: str) -> NDArray[np.uint8]:
    import resvg_py  # an extra: only training needs it

    alias = icons.get("aliases", {}).get(name)
    icon = icons["icons"][alias["parent"] if alias else name]
    width, height = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    svg = f'<svg {spaces} viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
    png = resvg_py.svg_to_bytes(svg_string=svg, width=SIZE * 2, height=SIZE * 2)
    return _fit(Image.open(io.BytesIO(bytes(png))))


def _fit(picture: Image.Image) -> NDArray[np.uint8]:
    """Crop to what is visible and centre it with the same margin, so that all styles share one scale."""
    picture = picture.convert("RGBA")
    box = picture.getchannel("A").point(lambda a: 255 * (a > 8)).getbbox() or (0, 0, *picture.size)
    picture = picture.crop(box)
    scale = (SIZE - 24) / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Resizing premultiplied colours keeps the colour of invisible pixels out of the edges.
    picture = picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    canvas = Image.new("RGBA", (SIZE, SIZE))
    canvas.paste(picture, ((SIZE - size[0]) // 2, (SIZE - size[1]) // 2))
    return np.asarray(canvas)
