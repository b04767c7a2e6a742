"""PNG parameters: what we write, other tools' texts, and hostile prompts."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from pipeline.errors import MetadataError
from pipeline.metadata import Parameters, from_infotext, read_png, to_infotext, write_png

APPLE = Parameters(
    prompt="red apple, deep red",
    negative="blue",
    steps=20,
    guidance=2.5,
    seed=7,
    width=256,
    height=256,
    model="doodle",
    sampler="DPM++ 2M",
    version="easel",
)


def chunks(png: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG by their type, read by hand."""
    found, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        found[png[at + 4 : at + 8]] = png[at + 8 : at + 8 + length]
        at += length + 12
    return found


def png(parameters: Parameters) -> bytes:
    target = io.BytesIO()
    write_png(Image.new("RGB", (8, 8)), target, parameters)
    return target.getvalue()


def test_the_text_has_the_three_parts_other_tools_expect() -> None:
    assert to_infotext(APPLE) == (
        "red apple, deep red\n"
        "Negative prompt: blue\n"
        "Steps: 20, Sampler: DPM++ 2M, CFG scale: 2.5, Seed: 7, Size: 256x256, Model: doodle, Version: easel"
    )


def test_no_negative_line_without_a_negative_prompt() -> None:
    text = to_infotext(Parameters("a cat", steps=1, seed=2, guidance=0.0))
    assert text == "a cat\nSteps: 1, CFG scale: 0, Seed: 2"


def test_a_text_of_another_tool() -> None:
    text = (
        "(masterpiece:1.2), 1girl,\nsitting <lora:x:0.8>\n"
        "Negative prompt: lowres,\nbad hands\n"
        "Steps: 28, Sampler: Euler a, CFG scale: 7, Seed: 123, Size: 512x768, Model hash: abc, Model: any, "
        'Lora hashes: "x: 1, y: 2", Hashes: {"vae": "1", "model": "2"}, odd, Clip skip: 2, Version: v1.6.0'
    )
    read = from_infotext(text)
    assert read.prompt == "(masterpiece:1.2), 1girl,\nsitting <lora:x:0.8>"
    assert read.negative == "lowres,\nbad hands"
    assert (read.steps, read.guidance, read.seed, read.width, read.height) == (28, 7.0, 123, 512, 768)
    assert (read.model, read.sampler, read.version) == ("any", "Euler a", "v1.6.0")
    assert read.more == {
        "Model hash": "abc",
        "Lora hashes": "x: 1, y: 2",
        "Hashes": '{"vae": "1", "model": "2"}',
        "Clip skip": "2",
    }


@pytest.mark.parametrize("text", ["a cat", "", "light: soft, a cat", "Steps: many, Seed: 1.5, Size: huge, X: 1"])
def test_what_is_not_there_stays_empty(text: str) -> None:
    read = from_infotext(text)
    assert (read.steps, read.seed, read.width) == (None, None, None)


def test_a_last_line_with_two_pairs_is_part_of_the_prompt() -> None:
    assert from_infotext("a cat\nlight: soft, mood: calm").prompt == "a cat\nlight: soft, mood: calm"


@given(prompt=st.text(), negative=st.text(), model=st.text().filter(lambda text: text != ""))
@example(prompt="a\nNegative prompt: b", negative="", model="m")
@example(prompt="a", negative="b\nSteps: 1, Seed: 2, Size: 1x1", model="x, y: z")
@example(prompt="Steps: 1, Seed: 2, Size: 1x1, a: b", negative="Negative prompt: c", model='"')
@example(prompt="Negative prompt:", negative="Negative prompt:", model="{}")
@example(prompt=" 帮我画一只猫\r\n", negative='\t\\n\\"', model="[1")
def test_every_prompt_comes_back(prompt: str, negative: str, model: str) -> None:
    written = Parameters(prompt, negative, steps=4, guidance=3.5, seed=9, width=64, height=32, model=model)
    assert from_infotext(to_infotext(written)) == written
    assert read_png(io.BytesIO(png(written))) == written


def test_latin_prompts_are_text_chunks_and_chinese_ones_are_unicode_chunks() -> None:
    assert chunks(png(APPLE))[b"tEXt"] == b"parameters\0" + to_infotext(APPLE).encode("latin-1")
    chinese = Parameters("一只猫", steps=1, seed=2, guidance=3.0)
    assert chunks(png(chinese))[b"iTXt"] == b"parameters\0\0\0\0\0" + to_infotext(chinese).encode()


def test_too_little_to_say_is_an_error() -> None:
    with pytest.raises(MetadataError, match="at least steps, seed, size"):
        to_infotext(Parameters("a cat", steps=1, seed=2))


def test_files_without_parameters_are_clear_errors(tmp_path: Path) -> None:
    bare, broken = tmp_path / "bare.png", tmp_path / "broken.png"
    Image.new("RGB", (4, 4)).save(bare)
    broken.write_bytes(png(APPLE)[:60])
    with pytest.raises(MetadataError, match=r"bare\.png carries no painting parameters"):
        read_png(bare)
    with pytest.raises(MetadataError, match=r"broken\.png cannot be read"):
        read_png(broken)
    with pytest.raises(MetadataError, match="cannot be read"):
        read_png(tmp_path / "missing.png")
