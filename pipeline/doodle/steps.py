"""The steps of `easel doodle`: fetch, train, evaluate, sheet. Each can be interrupted and then goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.doodle.vocabulary import PATH, TRAINING, Vocabulary, load_vocabulary
from pipeline.errors import DoodleError

#: The model that ships with easel.
SHIPPED = PATH.parent
#: The shares of a training budget that go to the autoencoder, and to its last polish; the rest is the denoiser's.
AUTOENCODER, POLISH = 0.25, 0.08

Echo = Callable[[str], None]


def _every(seconds: float, echo: Echo) -> Callable[[str], None]:
    """Says a line at most so often."""
    last = 0.0

    def tell(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            echo(line)

    return tell


def fetch(folder: Path, echo: Echo, words: Path = TRAINING) -> tuple[Vocabulary, Any, Path]:
    """The vocabulary, its art, downloaded and rendered as far as they are not yet, and the folder of its own files."""
    from pipeline.doodle import art

    vocabulary, tell = load_vocabulary(words), _every(2, echo)
    own = folder / vocabulary.fingerprint()
    own.mkdir(parents=True, exist_ok=True)
    art.fetch(folder, art.packages_of(vocabulary))
    pictures = art.render(folder, own, vocabulary, lambda done, total: tell(f"rendering {done}/{total}"))
    return vocabulary, pictures, own


def train(folder: Path, out: Path, minutes: float, echo: Echo) -> None:
    """Art, latents, autoencoder, denoiser, polish, saved as a diffusers folder in `out`."""
    from pipeline.doodle import latents, model
    from pipeline.doodle import train as training

    vocabulary, pictures, folder = fetch(folder, echo)
    tell = _every(2, echo)
    encoded = latents.build(pictures, vocabulary, folder, lambda done, total: tell(f"encoding {done}/{total}"))
    vae = training.train_autoencoder(
        pictures, vocabulary, encoded, folder, minutes * AUTOENCODER, _report("autoencoder", echo)
    )
    left = minutes * (1 - AUTOENCODER - POLISH)
    net = training.train_denoiser(vocabulary, encoded, folder, left, _report("denoiser", echo))
    vae = training.polish_autoencoder(
        vae, net, pictures, vocabulary, encoded, folder, minutes * POLISH, _report("polish", echo)
    )
    pipeline = model.make_pipeline(net.tokenizer, net.text_encoder, net.unet, vae)
    model.save(pipeline.to("cpu"), out)
    (out / TRAINING.name).write_bytes(TRAINING.read_bytes())
    echo(f"saved {out}")


def _report(name: str, echo: Echo) -> Callable[[float, str], None]:
    tell = _every(10, echo)
    return lambda share, line: tell(f"{name} {share:6.1%}  {line}")


def load(folder: Path | None) -> Any:
    """A saved model as a diffusers pipeline, on this machine's device."""
    import torch
    from diffusers import DiffusionPipeline

    from pipeline.doodle.train import device

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
    echo: Echo,
    pairs: Sequence[tuple[int, str, str, int]] = (),
) -> dict[str, dict[str, float]]:
    """Measure a model; with a limit, every so many-th case.

    Args:
        batches: how long the judge trains, in batches of 128, when it is not there yet.
        pairs: requests as subject, raw text, rewritten prompt and seed: both are painted, and the shares that show
            the subject come back as ``requests``.
    """
    from pipeline.doodle import evaluate as measuring
    from pipeline.doodle import judge
    from pipeline.doodle.recolor import main_region, nearest_color

    vocabulary, pictures, folder = fetch(folder, echo, (model or SHIPPED) / PATH.name)
    classifier, ceiling = judge.train(pictures, vocabulary, folder, batches, _report("judge", echo))

    def natural(subject: int, style: int) -> str:
        return nearest_color(main_region(pictures[subject, style])[1], vocabulary.colors)

    chosen, tell, pipeline = measuring.cases(vocabulary, natural), _every(5, echo), load(model)
    if limit:
        chosen = chosen[:: max(1, len(chosen) // limit)][:limit]
    result = {
        "painted": measuring.evaluate(
            pipeline, classifier, vocabulary, chosen, lambda done, total: tell(f"painted {done}/{total}")
        ),
        "ceiling": ceiling,
    }
    for column, name in enumerate(("raw", "rewritten")) if pairs else ():
        asked = [measuring.Case(subject, 0, "", "", texts[column], seed) for subject, *texts, seed in pairs]
        result.setdefault("requests", {"number": len(pairs)})[name] = measuring.share_shown(pipeline, classifier, asked)
    return result


def sheet(file: Path, model: Path | None, style: str | None, echo: Echo) -> None:
    """Paint every subject once per style on white, all into one picture."""
    from pipeline.doodle import evaluate as judge

    vocabulary, tell = load_vocabulary((model or SHIPPED) / PATH.name), _every(5, echo)
    styles = [style] if style else list(vocabulary.styles)
    if style and style not in vocabulary.styles:
        raise DoodleError(f"There is no style {style!r}; choose one of {', '.join(vocabulary.styles)}.")
    try:
        # Painting takes minutes; a place that cannot be written is better known before.
        file.touch()
    except OSError as error:
        raise DoodleError(f"{file} cannot be written ({error.strerror}); choose another place.") from error
    chosen = [
        judge.Case(i, j, "", "white", f"{subject.name}, {name}, white background", seed=7)
        for i, subject in enumerate(vocabulary.subjects)
        for j, name in enumerate(styles)
    ]
    pictures = []
    for number, picture in enumerate(judge.paint(load(model), chosen), 1):
        pictures.append(picture)
        tell(f"painted {number}/{len(chosen)}")
    labels = [vocabulary.subjects[case.subject].name for case in chosen]
    judge.contact_sheet(pictures, labels, columns=16).save(file)
    echo(f"saved {file}")
