"""Recording a network's call: real little networks, and the tiny pipelines of every family."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_models
import torch

from pipeline.backends import make_backend, recording
from pipeline.backends.base import PaintRequest
from pipeline.backends.recording import Recorder
from pipeline.profiles import BUILT_IN, Profile, load_profiles

pytestmark = [
    # diffusers' Euler scheduler hands a torch tensor to numpy in a way that numpy 2 will drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PLAIN_CALLS", 2)


def counted(forward: Callable[..., tuple[torch.Tensor, ...]]) -> tuple[Recorder, list[int]]:
    """A recorder, and how often the network itself was called."""
    calls: list[int] = []

    def network(x: torch.Tensor, *, scale: float = 1.0) -> tuple[torch.Tensor, ...]:
        calls.append(1)
        return forward(x, scale)

    return Recorder(network), calls


def test_after_some_calls_the_network_is_not_called_again_and_the_result_is_the_same() -> None:
    recorder, calls = counted(lambda x, scale: (x.sin() * scale,))
    for number in range(9):
        x = torch.arange(4.0) + number
        assert torch.equal(recorder(x, scale=3.0)[0], x.sin() * 3.0)
    # Two plain calls, the recording, and two that check it.
    assert len(calls) == 5
    assert "scale" in inspect.signature(recorder).parameters


def test_other_shapes_and_other_values_are_other_calls() -> None:
    recorder, _ = counted(lambda x, scale: (x * scale,))
    for scale in (1.0, 2.0):
        for size in (2, 3):
            for _ in range(6):
                assert torch.equal(recorder(torch.ones(size), scale=scale)[0], torch.full((size,), scale))


def test_a_network_that_decides_by_values_is_left_alone() -> None:
    recorder, _ = counted(lambda x, scale: (x + 1 if float(x.sum()) > 5 else x - 1,))
    # The third call is recorded; the fourth, which checks it, goes the other way.
    for number in (0, 1, 2, 3, 4, 0, 9):
        x = torch.full((2,), float(number))
        assert torch.equal(recorder(x)[0], x + 1 if number > 2 else x - 1)


def test_a_network_that_cannot_be_recorded_still_works() -> None:
    recorder, calls = counted(lambda x, scale: (torch.from_numpy(x.numpy().copy()), "no tensor"))  # type: ignore[arg-type]
    for _ in range(6):
        assert recorder(torch.ones(2))[1] == "no tensor"
    assert len(calls) >= 6


def test_shapes_without_end_are_not_remembered_without_end() -> None:
    recorder, _ = counted(lambda x, scale: (x * scale,))
    for size in range(200):
        recorder(torch.ones(size + 1))
    assert len(recorder._calls) == recording.MOST_SHAPES


@pytest.mark.parametrize("family", ["sd", "sdxl", "flux", "sd3"])
def test_pictures_are_the_same_to_the_bit(tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values: dict[str, object] = {"id": "tiny", "name": "Tiny", "source": str(tiny_models.build(family, tmp_path / "m"))}
    values |= {"family": "any", "steps": 3, "dialect": "tags", "width": 32, "height": 32, "guidance": 3.0}
    profile = Profile(**(values | ({"sequence": 16} if family in ("flux", "sd3") else {})))  # type: ignore[arg-type]
    request = PaintRequest("a red apple", width=32, height=32, seeds=(5, 6, 7), steps=4, guidance=3.0)
    recorded = make_backend(profile, device="cpu", download=False)
    pictures = [np.asarray(image) for image in recorded.paint(request)]
    network = getattr(recorded._pipe, "unet", None) or recorded._pipe.transformer  # type: ignore[attr-defined]
    assert any(network.forward._recordings.values()), "it was recorded"
    monkeypatch.setattr(recording, "MOST_WEIGHTS", 0)
    plain = make_backend(dataclasses.replace(profile), device="cpu", download=False)
    assert all(map(np.array_equal, pictures, map(np.asarray, plain.paint(request))))


def test_the_embedded_model_sketches_once_a_picture_and_paints_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = load_profiles(BUILT_IN)["doodle"]
    requests = [
        PaintRequest(prompt, width=256, height=256, seeds=(5,), steps=4, guidance=profile.guidance)
        for prompt in ("red apple, 3d render, white background", "cat, flat vector, blue background") * 2
    ]

    def painted() -> tuple[list[np.ndarray], int]:
        backend, sketches = make_backend(profile, device="cpu", download=False), []
        backend.load(lambda stage: None)
        backend._pipe.unet.sketcher.register_forward_hook(lambda *_: sketches.append(1))  # type: ignore[attr-defined]
        return [np.asarray(image) for request in requests for image in backend.paint(request)], len(sketches)

    pictures, sketches = painted()
    assert sketches == len(requests)
    monkeypatch.setattr(recording, "MOST_WEIGHTS", 0)
    plain, _ = painted()
    assert all(map(np.array_equal, pictures, plain))
    assert not np.array_equal(*plain[:2])
