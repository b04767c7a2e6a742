"""The diffusers backend on tiny real pipelines of four families, all by the same path."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from PIL import Image

from pipeline.backends import make_backend
from pipeline.backends.base import Backend, PaintRequest
from pipeline.backends.diffusers import offload
from pipeline.errors import Cancelled, ModelMissing, ModelUnusable, OutOfMemory, ProfileError
from pipeline.profiles import BUILT_IN, Profile, load_profiles

pytestmark = [
    # diffusers' Euler scheduler hands a torch tensor to numpy in a way that numpy 2 will drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

FAMILIES = ("sd", "sdxl", "flux", "sd3")
REQUEST = PaintRequest("a red apple", width=32, height=32, seeds=(5, 6, 7, 8), steps=3, guidance=3.0)
Folder = Callable[[str], Path]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a family's tiny pipeline, built once."""
    root = tmp_path_factory.mktemp("tiny")

    def find(family: str) -> Path:
        path = root / family
        return path if path.exists() else tiny_models.build(family, path)

    return find


def profile(source: object, **more: object) -> Profile:
    values: dict[str, object] = {"id": "tiny", "name": "Tiny", "source": str(source), "family": "any", "steps": 3}
    values |= {"dialect": "tags", "width": 32, "height": 32, "guidance": 3.0}
    return Profile(**(values | more))  # type: ignore[arg-type]


def backend(source: object, *, max_batch: int = 1, download: bool = False, **more: object) -> Backend:
    return make_backend(profile(source, **more), max_batch=max_batch, device="cpu", download=download)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def paint(painter: Backend, **change: object) -> list[np.ndarray]:
    request = dataclasses.replace(REQUEST, **change)  # type: ignore[arg-type]
    return [pixels(image) for image in painter.paint(request)]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_paints(folder: Folder, family: str, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[int, int]] = []
    stages: list[str] = []
    sequence = 16 if family in ("flux", "sd3") else 0
    painter = backend(folder(family), sequence=sequence)
    assert not painter.loaded
    capfd.readouterr()
    one = dataclasses.replace(REQUEST, seeds=(5, 7), width=48)
    images = list(painter.paint(one, lambda *now: told.append(now), stage=stages.append))
    assert [image.size for image in images] == [(48, 32), (48, 32)]
    assert told[-1][0] == told[-1][1] == len(told) >= 6
    assert stages == ["loading"]
    assert painter.sampler in ("PNDM", "EulerDiscrete", "FlowMatchEulerDiscrete")
    assert capfd.readouterr() == ("", ""), "nothing may reach the terminal"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_follows_from_its_seed_alone(folder: Folder, family: str) -> None:
    """Painted one by one, to the bit. Side by side, sums are added in another order: within one of 255 levels."""
    painter = backend(folder(family))
    four = paint(painter)
    (third,) = paint(painter, seeds=(7,))
    assert np.array_equal(four[2], third)
    assert not np.array_equal(four[0], third)
    painter.max_batch = 4
    assert max(abs(one - other).max() for one, other in zip(paint(painter), four, strict=True)) <= 1


def test_prompt_steps_guidance_and_negative_matter(folder: Folder) -> None:
    painter = backend(folder("sd"))
    (plain,) = paint(painter, seeds=(5,))
    for change in ({"prompt": "a blue cat"}, {"steps": 4}, {"guidance": 7.0}, {"negative": "blue"}):
        assert not np.array_equal(paint(painter, seeds=(5,), **change)[0], plain), change


def test_a_negative_prompt_is_kept_from_a_model_that_takes_none(folder: Folder) -> None:
    painter = backend(folder("sd"), negative=False)
    assert np.array_equal(paint(painter, negative="blue")[0], paint(painter)[0])


def test_the_profile_chooses_the_scheduler(folder: Folder) -> None:
    painter = backend(folder("sd"), scheduler="DPMSolverMultistepScheduler")
    images = paint(painter, seeds=(5,))
    assert painter.sampler == "DPMSolverMultistep"
    assert not np.array_equal(images[0], paint(backend(folder("sd")), seeds=(5,))[0])


def test_an_sdxl_model_with_the_anime_models_scheduler_paints_what_follows_from_the_seed(folder: Folder) -> None:
    painter = backend(folder("sdxl"), scheduler="EulerAncestralDiscreteScheduler")
    four = paint(painter)
    assert painter.sampler == "EulerAncestralDiscrete"
    assert np.array_equal(paint(painter, seeds=(7,))[0], four[2])
    assert not np.array_equal(four[2], paint(backend(folder("sdxl")), seeds=(7,))[0])


@pytest.mark.parametrize("name", ["NoSuchScheduler", "UNet2DModel", "logging"])
def test_a_scheduler_that_is_none_is_an_error(folder: Folder, name: str) -> None:
    with pytest.raises(ProfileError, match=f"no scheduler '{name}'"):
        paint(backend(folder("sd"), scheduler=name))


def test_cancelling_stops_at_the_next_step_and_leaves_the_model_usable(folder: Folder) -> None:
    painter = backend(folder("sdxl"))
    told: list[int] = []
    images = painter.paint(REQUEST, lambda step, _: told.append(step), stopped=lambda: len(told) == 5)
    first = pixels(next(images))
    with pytest.raises(Cancelled):
        next(images)
    assert told == [1, 2, 3, 4, 5]
    assert np.array_equal(paint(painter, seeds=(5,))[0], first)


def test_unloading_gives_the_model_back(folder: Folder) -> None:
    painter = backend(folder("sd"))
    (before,) = paint(painter, seeds=(5,))
    painter.unload()
    assert not painter.loaded
    assert np.array_equal(paint(painter, seeds=(5,))[0], before)


def test_a_picture_too_large_for_memory_is_a_clear_error(folder: Folder) -> None:
    side = 2**21  # its latents alone are 16 TB
    with pytest.raises(OutOfMemory, match="Tiny ran out of memory; ask for a smaller"):
        paint(backend(folder("sd"), max_pixels=side * side), width=side, height=side)


def test_nothing_at_the_path(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="there is nothing at"):
        paint(backend(tmp_path / "absent"))


def no_index(path: Path) -> None:
    (path / "model_index.json").unlink()


def broken_index(path: Path) -> None:
    (path / "model_index.json").write_text("{")


def unknown_pipeline(path: Path) -> None:
    index = json.loads((path / "model_index.json").read_text())
    (path / "model_index.json").write_text(json.dumps(index | {"_class_name": "NoSuchPipeline"}))


def foreign_code(path: Path) -> None:
    index = json.loads((path / "model_index.json").read_text())
    (path / "mine.py").write_text("raise SystemExit('ran')")
    (path / "model_index.json").write_text(json.dumps(index | {"_class_name": ["mine", "Mine"]}))


def cut_weights(path: Path) -> None:
    weights = path / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])


def no_weights(path: Path) -> None:
    (path / "vae" / "diffusion_pytorch_model.safetensors").unlink()


def wrong_shapes(path: Path) -> None:
    config = json.loads((path / "unet" / "config.json").read_text())
    (path / "unet" / "config.json").write_text(json.dumps(config | {"cross_attention_dim": 16}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (no_index, "has no model_index.json"),
        (broken_index, "cannot be loaded"),
        (unknown_pipeline, "cannot be loaded .*NoSuchPipeline"),
        (foreign_code, "cannot be loaded"),
        (cut_weights, "cannot be loaded"),
        (no_weights, "lacks safetensors weights"),
        (wrong_shapes, "cannot be loaded"),
    ],
)
def test_damaged_weights_are_a_clear_error(
    folder: Folder, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    path = Path(shutil.copytree(folder("sd"), tmp_path / "copy"))
    damage(path)
    with pytest.raises(ModelUnusable, match=message) as raised:
        paint(backend(path))
    assert "\n" not in str(raised.value)


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    path = tiny_models.build("sd", tmp_path / "pickled", safe_serialization=False)
    with pytest.raises(ModelUnusable, match="does not load pickled ones"):
        paint(backend(path))


def test_weights_of_another_variant(folder: Folder) -> None:
    with pytest.raises(ModelUnusable, match="no fp16 weights; drop variant"):
        paint(backend(folder("sd"), variant="fp16"))


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_bytes(b"pickle")
    with pytest.raises(ModelUnusable, match=r"model\.ckpt is no \.safetensors file"):
        paint(backend(tmp_path / "model.ckpt"))


@pytest.mark.parametrize(
    ("room", "need", "largest", "expected"),
    [
        (24.0, 8.0, 5.0, "none"),
        (7.6, 8.0, 5.0, "none"),  # sold as 8 GB
        (6.0, 8.0, 4.8, "parts"),
        (23.6, 36.0, 22.2, "parts"),  # FLUX on 24 GB
        (11.7, 36.0, 22.2, "layers"),
        (0.5, 0.0, 0.1, "none"),
    ],
)
def test_what_waits_in_main_memory(room: float, need: float, largest: float, expected: str) -> None:
    assert offload(room, need, largest) == expected


@pytest.fixture(scope="session")
def one_file(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.single_file(folder("sd"), tmp_path_factory.mktemp("single") / "finetune.safetensors")


def test_a_single_file_paints_as_its_folder_does(folder: Folder, one_file: Path) -> None:
    from_file = paint(backend(one_file, config=str(folder("sd"))), seeds=(5,))
    assert np.array_equal(from_file[0], paint(backend(folder("sd")), seeds=(5,))[0])


@pytest.mark.usefixtures("hub")
def test_a_damaged_single_file_is_a_clear_error(folder: Folder, one_file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(one_file.read_bytes()[:3000])
    with pytest.raises(ModelUnusable, match=r"cut\.safetensors cannot be loaded"):
        paint(backend(cut, config=str(folder("sd"))))


@pytest.mark.usefixtures("hub")
def test_a_single_file_whose_configuration_is_not_here(one_file: Path) -> None:
    with pytest.raises(ModelMissing, match="not complete on this computer"):
        paint(backend(one_file, config="someone/base"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, offline."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("download", [True, False])
def test_a_model_not_downloaded_yet(download: bool) -> None:
    stages: list[str] = []
    with pytest.raises(ModelMissing, match=r"Tiny is not complete on this computer .* \(offline\)"):
        list(backend("someone/tiny", download=download).paint(REQUEST, stage=stages.append))
    assert stages == ["loading"]


def test_a_model_downloaded_before_needs_no_network(folder: Folder, hub: Path) -> None:
    commit = "0" * 40
    repository = hub / "models--someone--tiny"
    shutil.copytree(folder("sd"), repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    assert np.array_equal(paint(backend("someone/tiny"))[0], paint(backend(folder("sd")))[0])


def test_the_model_that_ships_paints_by_the_same_path() -> None:
    ours = load_profiles(BUILT_IN)["doodle"]
    if not (Path(ours.source) / "model_index.json").exists():
        pytest.skip("the embedded model's weights are not in data/doodle")
    request = PaintRequest("red apple, white background", ours.width, ours.height, (1, 2), steps=2, guidance=2.5)
    painter = make_backend(ours, device="cpu", download=False)
    assert [image.size for image in painter.paint(request)] == [(256, 256)] * 2
