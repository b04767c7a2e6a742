"""The steps of `easel doodle`: fetch, train, evaluate, sheet. Each can be interrupted and then goes on."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm  # type: ignore[import-untyped]

from pipeline.doodle.vocabulary import PATH, Vocabulary, load_vocabulary
from pipeline.errors import DoodleError

#: The model that ships with easel.
SHIPPED = PATH.parent
#: The shares of a training budget that go to the autoencoder, the reader and the autoencoder's last polish; the rest
#: is the denoiser's.
AUTOENCODER, READER, POLISH = 0.25, 0.35, 0.25

Echo = Callable[[str], None]


@contextmanager
def _bar(name: str) -> Iterator[Callable[[float, str], None]]:
    """A progress bar on standard error, which is told the share that is done and a word about it."""
    look = "{desc} {percentage:5.1f}% |{bar:30}| {elapsed}, {remaining} left{postfix}"
    # Where nobody watches, a line now and then is enough.
    pause = 0.5 if sys.stderr.isatty() else 30
    with tqdm(total=1.0, desc=name, bar_format=look, mininterval=pause) as bar:

        def show(share: float, line: str = "") -> None:
            if not bar.n:
                bar.initial = bar.n = share  # what an earlier run has done says nothing of this one's speed
            bar.set_postfix_str(line, refresh=False)
            bar.update(share - bar.n)

        yield show
        bar.update(1 - bar.n)  # an earlier run may have done it all


@contextmanager
def _counter(name: str) -> Iterator[Callable[[int, int], None]]:
    """The same, told how many of how many are done."""
    with _bar(name) as show:
        yield lambda done, total: show(done / total, f"{done}/{total}")


def fetch(folder: Path, words: Path = PATH) -> tuple[Vocabulary, Any, Path]:
    """The vocabulary, its art, downloaded and rendered as far as they are not yet, and the folder of its own files."""
    from pipeline.doodle import art

    vocabulary = load_vocabulary(words)
    own = folder / vocabulary.fingerprint()
    own.mkdir(parents=True, exist_ok=True)
    with _counter("fetching") as progress:
        art.fetch(folder, art.packages_of(vocabulary), progress)
    with _counter("rendering") as progress:
        pictures = art.render(folder, own, vocabulary, progress)
    return vocabulary, pictures, own


def train(folder: Path, out: Path, minutes: float, echo: Echo) -> None:
    """Art, latents, autoencoder, reader, drawings, denoiser, polish, saved as a diffusers folder in `out`."""
    from pipeline.doodle import drawings, imagine, latents, model
    from pipeline.doodle import train as training
    from pipeline.doodle.run import device

    vocabulary, pictures, folder = fetch(folder)
    with _counter("encoding") as counter:
        encoded = latents.build(pictures, vocabulary, folder, counter)
    with _bar("autoencoder") as progress:
        vae = training.train_autoencoder(pictures, vocabulary, encoded, folder, minutes * AUTOENCODER, progress)
    net = training.Denoiser(vocabulary)
    echo("fitting the drawings")
    drawings.fit(net.unet.sketcher, encoded, vocabulary, imagine.imagined(pictures, vocabulary))
    net.to(device())
    with _bar("reader") as progress:
        training.train_reader(net, vocabulary, encoded, folder, minutes * READER, progress)
    with _bar("denoiser") as progress:
        left = minutes * (1 - AUTOENCODER - READER - POLISH)
        training.train_denoiser(net, vocabulary, encoded, folder, left, progress)
    with _bar("polish") as progress:
        vae = training.polish_autoencoder(vae, net, pictures, vocabulary, encoded, folder, minutes * POLISH, progress)
    pipeline = model.make_pipeline(net.tokenizer, net.text_encoder, net.unet, vae)
    model.save(pipeline.to("cpu"), out)
    (out / PATH.name).write_bytes(PATH.read_bytes())
    echo(f"saved {out}")


def load(folder: Path | None) -> Any:
    """A saved model as a diffusers pipeline, on this machine's device."""
    import torch
    from diffusers import DiffusionPipeline

    from pipeline.doodle.run import device

    folder = folder or SHIPPED
    if not (folder / "model_index.json").exists():
        raise DoodleError(f"There is no model in {folder}; `easel doodle train` makes one.")
    pipeline = DiffusionPipeline.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device())


def evaluate(
    folder: Path,
    model: Path | None,
    limit: int | None,
    batches: int,
    pairs: Sequence[tuple[int, str, str, int]] = (),
) -> dict[str, dict[str, float]]:
    """Measure a model; with a limit, every so many-th case.

    Args:
        batches: how long the judge trains, in batches of 64, when it is not there yet.
        pairs: requests as subject, raw text, rewritten prompt and seed: both are painted, and the shares that show
            the subject come back as ``requests``.
    """
    from pipeline.doodle import evaluate as measuring
    from pipeline.doodle import judge

    vocabulary, pictures, folder = fetch(folder, (model or SHIPPED) / PATH.name)
    with _bar("judge") as progress:
        classifier, ceiling = judge.train(pictures, vocabulary, folder, batches, progress)
    with _counter("colours") as counter:
        natural = _natural(pictures, vocabulary, folder, counter)
    chosen, pipeline, kept = measuring.cases(vocabulary, natural), load(model), _painted(folder, model)
    chosen += (
        measuring.arranged_cases(vocabulary) + measuring.facing_cases(vocabulary) + measuring.scene_cases(vocabulary)
    )
    if limit:
        chosen = chosen[:: max(1, len(chosen) // limit)][:limit]
    with _counter("painting") as counter:
        painted = measuring.paint(pipeline, chosen, kept)
        scores = measuring.evaluate(painted, classifier, vocabulary, chosen, pictures, counter)
    art = measuring.evaluate(measuring.real(pictures, vocabulary, chosen), classifier, vocabulary, chosen, pictures)
    result = {"painted": scores, "art": art, "ceiling": ceiling}
    for column, name in enumerate(("raw", "rewritten")) if pairs else ():
        asked = [measuring.Case(subject, 0, "", "", texts[column], seed) for subject, *texts, seed in pairs]
        with _counter(f"{name} requests") as counter:
            share = measuring.share_shown(pipeline, classifier, asked, kept, counter)
        result.setdefault("requests", {"number": len(pairs)})[name] = share
    return result


def _natural(
    pictures: Any, vocabulary: Vocabulary, folder: Path, progress: Callable[[int, int], None]
) -> Callable[[int, int], str]:
    """The colour word of each picture as drawn. Looking takes minutes, so it is kept in ``folder/natural.json``."""
    from pipeline.doodle.recolor import main_region, nearest_color

    file = folder / "natural.json"
    if not file.exists():
        rows: list[list[str]] = []
        for row in pictures:
            rows.append([nearest_color(main_region(picture)[1], vocabulary.colors) for picture in row])
            progress(len(rows), len(pictures))
        file.with_suffix(".part").write_text(json.dumps(rows), "utf-8")
        file.with_suffix(".part").replace(file)
    words = json.loads(file.read_text("utf-8"))
    return lambda subject, style: str(words[subject][style])


def _painted(folder: Path, model: Path | None) -> Path:
    """Where the paintings of a model are kept, so that what was interrupted goes on: named by its weights."""
    digest = hashlib.sha256()
    for file in sorted((model or SHIPPED).glob("*/*.safetensors")):
        digest.update(file.read_bytes())
    kept = folder / f"painted-{digest.hexdigest()[:12]}"
    kept.mkdir(parents=True, exist_ok=True)
    return kept


def sheet(folder: Path, file: Path, model: Path | None, style: str | None, echo: Echo) -> None:
    """Paint every subject once on white, in one style or in all by turns, all into one picture."""
    from pipeline.doodle import evaluate as measuring

    vocabulary = load_vocabulary((model or SHIPPED) / PATH.name)
    styles = [style] if style else list(vocabulary.styles)
    if style and style not in vocabulary.styles:
        raise DoodleError(f"There is no style {style!r}; choose one of {', '.join(vocabulary.styles)}.")
    try:
        # Painting takes minutes; a place that cannot be written is better known before.
        file.touch()
    except OSError as error:
        raise DoodleError(f"{file} cannot be written ({error.strerror}); choose another place.") from error
    chosen = [
        measuring.Case(
            i, i % len(styles), "", "white", f"{subject.name}, {styles[i % len(styles)]}, white background", seed=7
        )
        for i, subject in enumerate(vocabulary.subjects)
    ]
    pictures = []
    with _counter("painting") as counter:
        for picture in measuring.paint(load(model), chosen, _painted(folder, model)):
            pictures.append(picture)
            counter(len(pictures), len(chosen))
    labels = [vocabulary.subjects[case.subject].name for case in chosen]
    measuring.contact_sheet(pictures, labels, columns=20, side=72).save(file)
    echo(f"saved {file}")
