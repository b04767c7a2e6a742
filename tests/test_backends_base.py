"""The base class: what it refuses, how it cuts batches, counts steps and stops."""

from __future__ import annotations

import dataclasses

import pytest
from colour_backend import ColourBackend, profile

from pipeline.backends import make_backend
from pipeline.backends.base import MAX_SEED, PaintRequest
from pipeline.errors import Cancelled, InvalidRequest, OutOfMemory, ProfileError

REQUEST = PaintRequest("red", width=16, height=16, seeds=(1, 2, 3), steps=3, guidance=2.0)


def reds(backend: ColourBackend, request: PaintRequest = REQUEST) -> list[int]:
    return [image.getpixel((0, 0))[0] for image in backend.paint(request)]  # type: ignore[index]


def test_pictures_come_in_the_order_of_their_seeds() -> None:
    assert reds(ColourBackend(profile())) == [1, 2, 3]


@pytest.mark.parametrize(("max_batch", "batches"), [(1, [(1,), (2,), (3,)]), (2, [(1, 2), (3,)]), (9, [(1, 2, 3)])])
def test_batches_are_no_larger_than_allowed(max_batch: int, batches: list[tuple[int, ...]]) -> None:
    backend = ColourBackend(profile(), max_batch=max_batch)
    reds(backend)
    assert backend.batches == batches


def test_progress_counts_the_steps_of_all_batches() -> None:
    told: list[tuple[int, int]] = []
    list(ColourBackend(profile(), max_batch=2).paint(REQUEST, lambda step, total: told.append((step, total))))
    assert told == [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]


def test_the_model_is_loaded_once() -> None:
    stages: list[str] = []
    backend = ColourBackend(profile())
    for _ in range(2):
        list(backend.paint(REQUEST, stage=stages.append))
    assert stages == ["loading"]


def test_a_batch_too_large_for_memory_is_halved() -> None:
    backend = ColourBackend(profile(), max_batch=8, memory=1)
    assert reds(backend) == [1, 2, 3]
    assert backend.max_batch == 1


def test_a_single_picture_too_large_for_memory_is_an_error() -> None:
    with pytest.raises(OutOfMemory):
        reds(ColourBackend(profile(), memory=0))


def test_stopping_keeps_the_pictures_painted_before() -> None:
    backend = ColourBackend(profile())
    images = backend.paint(REQUEST, stopped=lambda: len(backend.batches) == 2)
    assert [next(images).size, next(images).size] == [(16, 16), (16, 16)]
    with pytest.raises(Cancelled):
        next(images)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 20}, "multiples of 8"),
        ({"width": 0}, "multiples of 8"),
        ({"width": 1024, "height": 1024}, "at most 0.0 megapixels"),
        ({"prompt": " \n"}, "prompt is empty"),
        ({"steps": 0}, "at least 1"),
        ({"guidance": -1.0}, "0 or more"),
        ({"guidance": float("nan")}, "0 or more"),
        ({"seeds": ()}, "No picture"),
        ({"seeds": (-1,)}, "out of range"),
        ({"seeds": (MAX_SEED, MAX_SEED + 1)}, "out of range"),
    ],
)
def test_what_cannot_be_painted_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        reds(ColourBackend(profile()), dataclasses.replace(REQUEST, **change))  # type: ignore[arg-type]


def test_a_model_of_fixed_size_says_so() -> None:
    with pytest.raises(InvalidRequest, match="Colour cannot paint 24x16: it paints 16x16 only"):
        reds(ColourBackend(profile(fixed_size=True)), dataclasses.replace(REQUEST, width=24))


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(ProfileError, match="'abacus'"):
        make_backend(profile(backend="abacus"))
