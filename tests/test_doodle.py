"""The embedded model's making: vocabulary, colours, latents, captions, training, saving.

The art here is three drawn shapes; everything else is the real thing.
"""

import base64
import dataclasses
import functools
import hashlib
import json
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from doodle_shapes import SMALL, drawn
from safetensors.torch import load_file
from torch.nn.functional import one_hot

from pipeline.doodle import (
    art,
    backdrops,
    drawings,
    evaluate,
    imagine,
    judge,
    latents,
    model,
    recolor,
    run,
    steps,
    train,
    unet,
)
from pipeline.doodle.autoencoder import PATCH, DoodleAutoencoder
from pipeline.doodle.scenes import Scene, Scenes, Thing
from pipeline.doodle.sketch import (
    COLORS,
    EIGHT_BITS,
    FINE,
    FINER,
    GROUNDS,
    SCORES,
    STYLES,
    SUBJECTS,
    Sketcher,
    codes_of,
)
from pipeline.doodle.vocabulary import PATH, Vocabulary, load_vocabulary
from pipeline.errors import DoodleError

pytestmark = pytest.mark.usefixtures("one_thread")
BALL = Scene((Thing(0, 0),), 0, "red", "ball, flat vector, red background")


@pytest.fixture(scope="module")
def encoded(pictures, tmp_path_factory) -> latents.LatentSet:
    return latents.build(pictures, SMALL, tmp_path_factory.mktemp("latents"))


def test_the_vocabulary_is_complete():
    vocabulary, data = load_vocabulary(), json.loads(PATH.read_text("utf-8"))
    assert len(vocabulary.subjects) >= 500
    assert len(vocabulary.styles) >= 3
    assert len({subject.emoji for subject in vocabulary.subjects}) == len(vocabulary.subjects)
    assert all(entry["zh"] for entry in data["subjects"].values())
    assert {"red", "green", "blue", "black", "white"} <= set(vocabulary.colors) & set(vocabulary.backgrounds)
    assert len(art.packages_of(vocabulary)) == len(vocabulary.styles)


def test_no_name_stands_for_two_things():
    data = json.loads(PATH.read_text("utf-8"))
    for language in ("en", "zh"):
        names = [n for key, entry in data["subjects"].items() for n in {key, *entry[language]}]
        assert sorted(n for n in set(names) if names.count(n) > 1) == []
        for kinds in (("backgrounds", "scenes"), ("arrangements", "facings")):
            names = [n for kind in kinds for key, entry in data[kind].items() for n in {key, *entry[language]}]
            assert sorted(n for n in set(names) if names.count(n) > 1) == []


def test_an_unknown_art_package_and_a_missing_vocabulary_are_one_sentence(tmp_path):
    with pytest.raises(DoodleError, match="fluent-emoji"):
        art.packages_of(dataclasses.replace(SMALL, art={"flat vector": "nothing", "3d render": "nothing"}))
    with pytest.raises(DoodleError, match="cannot be read"):
        load_vocabulary(tmp_path / "vocabulary.json")


def test_recolor_changes_the_main_colour_and_nothing_else():
    picture = drawn("rectangle", (200, 30, 30)).copy()
    picture[100:120, 100:120] = (20, 200, 40, 255)
    blue = recolor.recolor(picture, SMALL.colors["blue"])
    assert recolor.nearest_color(recolor.main_region(blue)[1], SMALL.colors) == "blue"
    assert (blue[105, 105] == picture[105, 105]).all()
    assert (blue[..., 3] == picture[..., 3]).all()


@pytest.mark.parametrize("name", ["red", "blue", "white"])
def test_black_lines_take_a_colour(name):
    lines = drawn("rectangle", (0, 0, 0)).copy()
    lines[60:200, 60:200, 3] = 0
    painted = recolor.recolor(lines, SMALL.colors[name])
    assert recolor.nearest_color(recolor.main_region(painted)[1], SMALL.colors) == name


def test_recolor_keeps_light_and_shade():
    picture = drawn("rectangle", (200, 30, 30)).copy()
    picture[40:100, 40:216, :3] = (100, 15, 15)
    blue = recolor.recolor(picture, SMALL.colors["blue"]).astype(int)
    assert blue[60, 100, :3].sum() < blue[180, 100, :3].sum()


@pytest.mark.parametrize("name", list(load_vocabulary().colors))
def test_every_colour_is_its_own_nearest(name):
    palette = load_vocabulary().colors
    assert recolor.nearest_color(np.array(palette[name], np.float32) / 255, palette) == name


def in_latents(encoded: latents.LatentSet, rgba: np.ndarray, background: str) -> torch.Tensor:
    """The slow way: composite the pixels, then encode."""
    ground = latents.behind(rgba, background, SMALL)[None]
    slow = encoded.basis.project(latents.patches_of(latents.on_background(rgba[None], ground))) + encoded.basis.offset
    return torch.from_numpy(slow).reshape(1, 8, 8, 64).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    "scene",
    [
        BALL,
        Scene((Thing(1, 2),), 1, "white", ""),
        Scene((Thing(0, 0, (2, 2)),), 0, "red", ""),
        Scene((Thing(2, 1, (2, 0)), Thing(1, 0, (2, 4))), 1, "black", ""),
        Scene(tuple(Thing(2, 3, at) for at in ((0, 2), (4, 0), (4, 4))), 0, "red", ""),
        Scene((Thing(2, 0),), 0, "meadow", ""),
        Scene((Thing(2, 0, (2, 0)), Thing(1, 2, (2, 4))), 1, "meadow", ""),
    ],
)
def test_composed_latents_are_those_of_the_composited_picture(pictures, encoded, scene):
    fast = encoded.compose([scene], SMALL)
    slow = in_latents(encoded, latents.picture(scene, pictures, SMALL), scene.background)
    # Half precision keeps three figures, and whitening makes large numbers of small details.
    assert float((fast - slow).abs().mean()) < 0.01
    assert float((fast - slow).abs().max()) < 0.2


def test_a_mirrored_thing_has_the_latents_of_the_mirrored_picture(pictures, tmp_path):
    """Given art that has its like in both directions, as much art together has."""
    encoded = latents.build(np.concatenate([pictures, pictures[..., ::-1, :]]), SMALL, tmp_path)
    spread = torch.from_numpy(encoded.basis.spread())[:, None, None]
    for at in (None, (2, 4)):
        things = Thing(2, 0, at, True), Thing(5, 0, at), Thing(2, 0, at)
        turned, wanted, plain = (encoded.compose([Scene((thing,), 0, "red", "")], SMALL) for thing in things)
        off, apart = (float(((latent - wanted) * spread).square().sum()) for latent in (turned, plain))
        assert off < 0.05 * apart


def test_marks_stand_within_patches_and_windows_in_buildings():
    scene = SMALL.backdrops["meadow"]
    marks = np.abs(backdrops.marked(scene) - backdrops.plain(scene)).max(-1)
    assert np.array_equal(backdrops.marked(scene), backdrops.marked(scene))
    cut = marks.reshape(8, PATCH, 8, PATCH).max((1, 3)) > 0.05
    buildings = {(4, 2), (4, 7), (3, 7), (2, 7)}
    assert {(row, column) for row, column in np.argwhere(cut).tolist() if row > 2} == {(4, 2), (4, 7), (3, 7)}
    assert cut[2, 7] and 4 < cut[:3].sum() < 22
    colors = backdrops.patch_colors(scene)
    assert all(np.allclose(colors[:, row, column] * 255, (90, 100, 120), atol=0.5) for row, column in buildings)
    assert np.allclose(colors[:, 0, 0] * 255, (120, 190, 240), atol=0.5) and np.allclose(
        colors[:, 7, 0] * 255, (90, 170, 70), atol=0.5
    )


def test_what_a_thing_covers_a_part_of_has_no_marks():
    scene, picture = SMALL.backdrops["meadow"], np.zeros((256, 256, 4), np.uint8)
    clear = latents.behind(picture, "meadow", SMALL)
    assert np.array_equal(clear, backdrops.marked(scene))
    picture[:32, :256:32, 3] = 255
    covered = latents.behind(picture, "meadow", SMALL)
    assert np.array_equal(covered[:32], backdrops.plain(scene)[:32])
    assert np.array_equal(covered[32:], clear[32:])


def test_the_shipped_scenes_fill_the_picture_and_things_face_a_side():
    vocabulary = load_vocabulary()
    assert len(vocabulary.backdrops) >= 12
    for name, scene in vocabulary.backdrops.items():
        assert sum(rows for rows, _, _ in scene.bands) == 8, name
        assert backdrops.marked(scene).shape == (256, 256, 3)
    assert not set(vocabulary.backdrops) & set(vocabulary.backgrounds)
    assert {subject.faces for subject in vocabulary.subjects} == {"", "left", "right"}
    assert vocabulary.facings == ("facing left", "facing right")
    clear = np.zeros((256, 256, 4), np.uint8)
    for name in vocabulary.grounds():
        ground = np.broadcast_to(latents.behind(clear, name, vocabulary), (256, 256, 3))
        assert evaluate.ground_around(np.rint(ground * 255).astype(np.uint8), vocabulary) == name


def test_the_encoder_convolution_is_the_projection(pictures, encoded):
    vae = DoodleAutoencoder()
    vae.encoder.load_state_dict({"weight": encoded.basis.conv_weight(), "bias": torch.from_numpy(encoded.basis.offset)})
    red = np.array([SMALL.backgrounds["red"]], np.float32) / 255
    composited = latents.on_background(pictures[0, 0][None], red)
    with torch.no_grad():
        z = vae.encode(torch.from_numpy(composited).permute(0, 3, 1, 2)).latents
    assert float((z - encoded.compose([BALL], SMALL)).abs().mean()) < 0.01


def test_built_latents_are_read_again_but_not_for_another_vocabulary(pictures, tmp_path):
    seen: list[int] = []
    latents.build(pictures, SMALL, tmp_path, lambda done, total: seen.append(done))
    assert seen[-1] == 6
    latents.build(pictures, SMALL, tmp_path, lambda done, total: seen.append(-1))
    assert -1 not in seen
    other = dataclasses.replace(SMALL, colors={"red": (214, 38, 42)})
    assert set(latents.build(pictures, other, tmp_path).natural.flatten().tolist()) == {0}


def scenes(encoded, seed: int, number: int, **options) -> list[Scene]:
    drawing = Scenes(SMALL, encoded.natural.tolist(), random.Random(seed), **options)
    return [drawing.draw() for _ in range(number)]


def test_captions_name_what_is_shown(encoded):
    for scene in scenes(encoded, 1, 300):
        if not scene.caption:
            continue
        for thing in scene.things:
            subject = SMALL.subjects[thing.subject]
            assert any(name in scene.caption for name in (subject.name, *subject.synonyms))
            if thing.version:
                assert subject.group != "people-body"
                assert list(SMALL.colors)[thing.version - 1] in scene.caption
        if "two" in scene.caption:
            assert [thing.at for thing in scene.things] == [(2, 0), (2, 4)]
        if " and " in scene.caption:
            assert len({thing.subject for thing in scene.things}) == 2


def test_captions_say_which_way_a_thing_faces_and_only_where_it_has_a_side(encoded):
    facing = [scene for scene in scenes(encoded, 5, 2000) if "facing" in scene.caption]
    assert len(facing) > 50
    for scene in facing:
        assert {thing.subject for thing in scene.things} == {2}
        assert {thing.mirrored for thing in scene.things} == {"facing right" in scene.caption}
    assert {len(scene.things) for scene in facing} == {1, 2}
    silent = [scene for scene in scenes(encoded, 5, 2000) if "facing" not in scene.caption and scene.caption]
    assert not any(thing.mirrored for scene in silent for thing in scene.things)


def test_some_things_are_in_a_scene(encoded):
    around = [scene.background for scene in scenes(encoded, 7, 1000)]
    assert 240 < around.count("meadow") < 360


def test_half_size_scenes_have_their_share(encoded):
    arranged = [scene for scene in scenes(encoded, 3, 1000) if scene.things[0].at]
    assert 270 < len(arranged) < 430
    assert not [scene for scene in scenes(encoded, 3, 200, arranged=0) if scene.things[0].at]


def test_a_thing_of_its_own_colour_is_as_drawn(encoded):
    """So that a caption says one thing only, and what needs no dye keeps its shades."""
    drawing = Scenes(SMALL, encoded.natural.tolist(), random.Random(6))
    for scene in (drawing.draw() for _ in range(300)):
        for thing in scene.things:
            assert thing.version != 1 + encoded.natural[thing.subject, scene.style]


def test_no_thing_stands_on_a_background_of_its_own_colour(encoded):
    for scene in scenes(encoded, 4, 300):
        for thing in scene.things:
            assert not thing.version or list(SMALL.colors)[thing.version - 1] != scene.background


def test_withheld_combinations_are_never_shown_and_are_few():
    vocabulary = load_vocabulary()
    subjects, styles = len(vocabulary.subjects), len(vocabulary.styles)
    kept = {(i, j) for i in range(subjects) for j in range(styles) if vocabulary.withholds(i, j)}
    assert 0.03 < len(kept) / (subjects * styles) < 0.05
    assert {style for _, style in kept} == set(range(styles))
    drawing = Scenes(vocabulary, [[0] * styles] * subjects, random.Random(0))
    shown = {
        (thing.subject, scene.style) for scene in (drawing.draw() for _ in range(20_000)) for thing in scene.things
    }
    assert not shown & kept
    assert len(shown) > 0.99 * (subjects * styles - len(kept))


def test_some_captions_are_empty_for_guidance(encoded):
    assert 50 < [scene.caption for scene in scenes(encoded, 2, 1000)].count("") < 200


def test_every_word_of_the_vocabulary_is_one_token():
    vocabulary = load_vocabulary()
    tokenizer = model.make_tokenizer(vocabulary)
    plain = [word for word in vocabulary.words() if word.isalpha()]
    assert plain
    assert [word for word in plain if len(tokenizer.tokenize(word)) != 1] == []
    names = sorted((name for s in vocabulary.subjects for name in (s.name, *s.synonyms)), key=lambda n: -len(n.split()))
    longest = f"purple {names[0]} and orange {names[1]}, side by side, 3d render, light blue background"
    assert len(tokenizer(longest).input_ids) <= model.MAX_TOKENS


@pytest.fixture(scope="module")
def trained(pictures, encoded, tmp_path_factory):
    """A model trained for a few steps, saved as a diffusers folder."""
    folder = tmp_path_factory.mktemp("work")
    lines: list[str] = []
    vae = train.train_autoencoder(pictures, SMALL, encoded, folder, 0.03, lambda share, line: lines.append(line), 2)
    net = train.Denoiser(SMALL)
    train.train_reader(net, SMALL, encoded, folder, 0.03, lambda share, line: lines.append(line), 4)
    drawings.fit(net.unet.sketcher, encoded, SMALL)
    train.train_denoiser(net, SMALL, encoded, folder, 0.05, lambda share, line: lines.append(line), 4)
    vae = train.polish_autoencoder(
        vae, net, pictures, SMALL, encoded, folder, 0.03, lambda share, line: lines.append("polish " + line), 2
    )
    model.save(model.make_pipeline(net.tokenizer, net.text_encoder, net.unet, vae), folder / "model")
    return folder, lines


def test_a_vocabulary_that_is_too_large_is_one_sentence():
    with pytest.raises(DoodleError, match="may have 8 styles; this one has more"):
        train.Denoiser(dataclasses.replace(SMALL, styles=tuple(f"style {number}" for number in range(9))))
    with pytest.raises(DoodleError, match="may have 16 colors; this one has more"):
        train.Denoiser(dataclasses.replace(SMALL, colors={f"color {number}": (0, 0, 0) for number in range(17)}))


def test_training_goes_on_from_its_checkpoint(trained, encoded):
    folder, lines = trained
    assert any(line.startswith("polish") for line in lines)
    before = torch.load(folder / "denoiser.pt", weights_only=True)["steps"]
    assert before > 0
    train.train_denoiser(train.Denoiser(SMALL), SMALL, encoded, folder, 0.1, lambda share, line: None, 4)
    assert torch.load(folder / "denoiser.pt", weights_only=True)["steps"] > before


def test_captions_are_read_alike_whole_and_for_their_codes_alone_and_by_the_pipeline(trained):
    pipeline = steps.load(trained[0] / "model")
    net = train.Denoiser(SMALL)
    net.text_encoder.load_state_dict(pipeline.text_encoder.state_dict())
    captions = ["", "red ball, flat vector, white background", "ball"]
    with torch.no_grad():
        whole = net.eval().read(captions)
        assert torch.allclose(net.read_codes(captions), codes_of(whole), atol=1e-5)
        assert torch.allclose(pipeline.encode_prompt(captions, "cpu", 1, False)[0], whole, atol=1e-5)


def off(encoded: latents.LatentSet, sketch: torch.Tensor, clean: torch.Tensor) -> float:
    """Squared error in pixels, as a share of what it is when the mean picture is taken for each."""
    spread = torch.from_numpy(encoded.basis.spread())[:, None, None]
    apart, mean = ((guess - clean) * spread for guess in (sketch, clean.mean(0, keepdim=True)))
    return float(apart.square().sum() / mean.square().sum())


def sketcher_of(encoded: latents.LatentSet, vocabulary: Vocabulary) -> Sketcher:
    sketcher = Sketcher(model.TEXT_WIDTH, 64, 8)
    drawings.fit(sketcher, encoded, vocabulary)
    return sketcher


# Of three shapes, how one is halved is told less well: what a white dye is on a rim, half as thin, stands out.
@pytest.mark.parametrize(("arranged", "most"), [(0, 0.02), (1, 0.1)], ids=["whole", "half-size"])
def test_a_sketch_is_put_together_as_the_picture_is(encoded, arranged, most):
    """Whoever reads a caption right has a sketch that is right, in every colour and place."""
    lessons, sketcher = train.Lessons(SMALL, encoded, 0), sketcher_of(encoded, SMALL)
    lessons.scenes = Scenes(SMALL, encoded.natural.tolist(), random.Random(1), arranged=arranged)
    shown = lessons.draw(64)
    told = lessons.told(shown)
    numbers = (told.subjects, told.styles, told.dyes, told.backgrounds, told.mirrored)
    sizes = (SUBJECTS, STYLES, 1 + COLORS, GROUNDS, 2)
    words = [40 * one_hot(part.flatten().clamp_min(0), size).float() for part, size in zip(numbers, sizes, strict=True)]
    sketcher.reader.forward = lambda codes: (*words, 40 * told.places.flatten(0, 1) - 20)
    with torch.no_grad():
        sketch = sketcher(torch.zeros(len(shown), model.MAX_TOKENS, model.TEXT_WIDTH))
    assert {scene.things[0].at is None for scene in shown} == {not arranged}
    assert off(encoded, sketch, lessons.clean(shown)) < most


def test_what_is_withheld_is_not_in_the_drawings(encoded):
    part = dataclasses.replace(SMALL, withheld=4)
    withheld = torch.tensor([[part.withholds(i, j) for j in range(2)] for i in range(3)])
    assert 0 < int(withheld.sum()) < 4
    other = dataclasses.replace(
        encoded, **{name: getattr(encoded, name).clone() for name in ("layers", "small_layers")}
    )
    other.layers[withheld], other.small_layers[withheld] = 1, 1
    one, two = (sketcher_of(latents, part) for latents in (encoded, other))
    for name, value in one.drawings.state_dict().items():
        assert torch.equal(value, two.drawings.state_dict()[name]), name
    subjects, styles = withheld.nonzero().T
    told = one_hot(subjects, SUBJECTS).float(), one_hot(styles, STYLES).float()
    with torch.no_grad():
        scores = one.drawer(*told)
        assert torch.equal(scores, two.drawer(*told))
    # The mean drawing has scores of 0: what is withheld is guessed to be more than that, and the drawer knows it.
    assert float(scores.square().sum(1).min()) > 0.01


def test_the_first_components_lose_little_by_eight_bits():
    weight = torch.randn(50, SCORES, generator=torch.Generator().manual_seed(0))
    kept = drawings._eight_bits(weight)
    assert torch.equal(kept, kept.to(EIGHT_BITS).float())
    off = (kept[:, :SCORES] - weight).square()
    finer = (kept[:, :FINE] + kept[:, SCORES:] / FINER - weight[:, :FINE]).square()
    assert 1e-4 < off.mean() < 1e-3
    assert finer.mean() < off.mean() / 100


def flat_and_shaded() -> tuple[np.ndarray, np.ndarray]:
    """A drawing of two colours, ``uint8[256, 256, 4]``, and the same with soft shades and grain."""
    flat = np.zeros((256, 256, 4), np.uint8)
    flat[40:216, 40:216] = (200, 30, 30, 255)
    flat[100:160, 100:160] = (240, 220, 40, 255)
    shaded = flat.astype(np.int16)
    shaded[..., :3] += np.linspace(-25, 25, 256).astype(np.int16)[:, None, None]
    shaded[..., :3] += np.random.default_rng(0).integers(-6, 7, size=(256, 256, 1), dtype=np.int16)
    return flat, shaded.clip(0, 255).astype(np.uint8)


def test_a_style_of_few_colours_is_imagined_from_a_richer_one_and_lines_from_that():
    flat, shaded = flat_and_shaded()
    lines = np.zeros_like(flat)
    lines[40:48, 40:216, 3] = 255
    art = np.stack([[shaded, flat, lines]] * 27)
    vocabulary = dataclasses.replace(SMALL, styles=("3d render", "flat vector", "line art"), withheld=9)
    withheld = {(i, j) for i in range(27) for j in range(3) if vocabulary.withholds(i, j)}
    assert {j for _, j in withheld} == {0, 1, 2}
    for i, j in withheld:
        art[i, j] = 99  # nobody looks at it
    found = imagine.imagined(art, vocabulary)
    # What the richest style adds is not known to any other.
    assert set(found) == {(i, j) for i, j in withheld if j}
    for (_, style), imagined in found.items():
        inside, rim = imagined[104:156, 104:156].reshape(-1, 4).astype(int), imagined[60:196, 40]
        if style == 1:
            apart = np.abs(inside - flat[128, 128]).max()
            assert apart < 40, "its own colour, but for the shades"
            assert len(np.unique(imagined[..., 3] > 127)) == 2
        else:
            assert (inside[:, 3] < 128).mean() > 0.8, "hollow"
            assert (rim[:, 3] > 128).all(), "an outline"
            assert not imagined[..., :3].any(), "black"


def test_nothing_to_be_seen_is_imagined_as_nothing():
    assert not imagine.in_main_colors(np.zeros((32, 32, 4), np.uint8)).any()


def test_what_was_imagined_is_drawn_so(encoded):
    part = dataclasses.replace(SMALL, withheld=4)
    place = next((i, j) for i in range(3) for j in range(2) if part.withholds(i, j))
    flat, _ = flat_and_shaded()
    sketcher = Sketcher(model.TEXT_WIDTH, 64, 8)
    drawings.fit(sketcher, encoded, part, {place: flat})
    told = (
        one_hot(torch.tensor([number]), size).float() for number, size in zip(place, (SUBJECTS, STYLES), strict=True)
    )
    with torch.no_grad():
        layers = sketcher.drawings(sketcher.drawer(*told))[0]
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    wanted = encoded.redrawn({place: flat}).layers[place].float()
    assert torch.get_num_threads() == 2, "the trainings that follow need them all"
    torch.set_num_threads(threads)
    spread = torch.from_numpy(encoded.basis.spread())[:, None, None]
    off = ((layers - wanted)[0] * spread).square().sum() / (wanted[0] * spread).square().sum()
    assert float(off) < 0.02
    assert not torch.equal(encoded.layers[place].float(), wanted)


def test_what_is_withheld_is_guessed_from_the_same_subject_in_other_styles():
    """Two styles that differ by a fixed map of the channels: what is hidden of one is found in the other."""
    chance = torch.Generator().manual_seed(0)
    one = torch.randn(40, 6, 4, 4, generator=chance)
    other = torch.einsum("nchw,cd->ndhw", one, torch.randn(6, 6, generator=chance))
    parts, shown = torch.stack([one, other], 1), torch.ones(40, 2, dtype=torch.bool)
    shown[3, 0] = shown[7, 1] = False
    hidden = torch.where(shown[:, :, None, None, None], parts, torch.nan)
    found = drawings._guessed(hidden, shown)
    assert torch.equal(found[shown], parts[shown])
    assert float((found - parts)[~shown].square().mean() / parts[~shown].square().mean()) < 0.05


def test_a_sketch_is_learned_from_captions(encoded, tmp_path, monkeypatch):
    net = train.Denoiser(SMALL)
    clock = iter(range(100_000))  # a second a step, so that a busy machine trains as long as a quiet one
    monkeypatch.setattr(run, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    train.train_reader(net, SMALL, encoded, tmp_path, 5, lambda share, line: None, 16)
    drawings.fit(net.unet.sketcher, encoded, SMALL)
    lessons = train.Lessons(SMALL, encoded, 0)
    shown = [scene for scene in lessons.draw(96) if scene.caption]
    with torch.no_grad():
        sketch = net.eval().unet.sketcher(net.read([scene.caption for scene in shown]))
    assert off(encoded, sketch, lessons.clean(shown)) < 0.6


def test_a_checkpoint_of_another_vocabulary_is_not_gone_on_from(encoded, tmp_path):
    """Colours are numbers to a reader: in another order the same ones are other colours."""
    turned = dataclasses.replace(SMALL, backgrounds=dict(reversed(SMALL.backgrounds.items())))

    def first_step(vocabulary: Vocabulary, minutes: float) -> str:
        lines: list[str] = []
        net = train.Denoiser(vocabulary)
        train.train_reader(net, vocabulary, encoded, tmp_path, minutes, lambda share, line: lines.append(line), 2)
        return lines[0].split()[1]

    assert first_step(SMALL, 0.02) == "1"
    assert first_step(SMALL, 0.04) != "1"
    assert first_step(turned, 0.06) == "1"


def test_a_denoisers_checkpoint_brings_no_older_drawings_back(encoded, tmp_path):
    train.train_denoiser(train.Denoiser(SMALL), SMALL, encoded, tmp_path, 0.01, lambda share, line: None, 2)
    later = train.Denoiser(SMALL)
    drawings.fit(later.unet.sketcher, encoded, SMALL)
    parts = (later.unet.sketcher.drawer, later.unet.sketcher.drawings)
    fitted = [value.clone() for part in parts for value in part.state_dict().values()]
    train.train_denoiser(later, SMALL, encoded, tmp_path, 0.01, lambda share, line: None, 2)
    assert all(map(torch.equal, fitted, (value for part in parts for value in part.state_dict().values())))


def test_painting_leans_on_the_sketch():
    network, schedule = model.make_unet(), model.make_scheduler().alphas_cumprod
    signal, noise = unet.levels(torch.arange(1000), torch.device("cpu"))
    assert torch.allclose(signal, schedule.sqrt(), atol=1e-4)
    assert torch.allclose(noise, (1 - schedule).sqrt(), atol=1e-4)
    sample, words, time = torch.randn(2, 64, 8, 8), torch.randn(2, model.MAX_TOKENS, model.TEXT_WIDTH), 400
    with torch.no_grad():
        free, led = (
            signal[time] * sample - noise[time] * network.train(training)(sample, time, words).sample
            for training in (True, False)
        )
        sketch = network.sketcher(words)
    assert torch.allclose(led, free + unet.SHARE * (sketch - free), atol=1e-3)
    assert not torch.allclose(led, free, atol=1e-2)


def test_training_and_measuring_run_as_a_whole(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "fetch", lambda folder, words=PATH: (SMALL, pictures, folder))
    monkeypatch.setattr(judge, "_ceiling", functools.partial(judge._ceiling, batches=1))
    told: list[str] = []
    steps.train(tmp_path, tmp_path / "model", 0.05, told.append)
    assert told[-1] == f"saved {tmp_path / 'model'}"
    request = (0, "a ball please", "ball, flat vector, white background", 5)
    found = steps.evaluate(tmp_path, tmp_path / "model", 4, 2, [request])
    assert set(found) == {"painted", "art", "ceiling", "requests"}
    assert found["painted"]["cases"] == found["art"]["cases"] == 4
    assert found["art"]["background"] == 1
    assert found["requests"]["number"] == 1
    assert {found["requests"][name] for name in ("raw", "rewritten")} <= {0, 1}


def test_a_saved_model_paints_through_plain_diffusers(trained):
    pipeline = steps.load(trained[0] / "model")
    case = evaluate.Case(0, 0, "red", "white", "red ball, flat vector, white background", seed=5)
    once, again = (next(evaluate.paint(pipeline, [case])) for _ in range(2))
    assert once.shape == (256, 256, 3)
    assert (once == again).all()


def test_what_is_saved_in_eight_bits_is_read_as_it_was_trained(trained, encoded):
    sketcher, fitted = steps.load(trained[0] / "model").unet.sketcher, sketcher_of(encoded, SMALL)
    for name, weight in fitted.state_dict().items():
        if not name.startswith("reader."):
            assert torch.allclose(sketcher.state_dict()[name], weight, rtol=1e-3, atol=1e-4), name


def test_weights_are_safetensors_of_16_or_8_bits_under_80_mb(trained):
    weights = list((trained[0] / "model").rglob("*.safetensors"))
    assert len(weights) == 3
    kinds = {value.dtype for file in weights for value in load_file(file).values() if value.is_floating_point()}
    assert kinds == {torch.float16, torch.float8_e4m3fn}
    assert sum(file.stat().st_size for file in weights) < 80e6
    assert not list((trained[0] / "model").rglob("*.bin"))


def test_the_decoder_begins_with_what_a_linear_one_can_do(pictures, encoded, tmp_path):
    """Blocks of the right colours in the right places, before any lesson."""
    vae = train.train_autoencoder(pictures, SMALL, encoded, tmp_path, 0, lambda share, line: None)
    shown = latents.on_background(pictures.reshape(-1, 256, 256, 4), np.ones((6, 3), np.float32))
    real = torch.from_numpy(shown).permute(0, 3, 1, 2)
    with torch.no_grad():
        found = vae.decode(vae.encode(real).latents).sample
    assert float((found - real).square().mean() / (real - real.mean(0)).square().mean()) < 0.2


def test_the_decoder_learns(pictures, encoded, tmp_path):
    losses: list[float] = []
    train.train_autoencoder(
        pictures, SMALL, encoded, tmp_path, 0.12, lambda share, line: losses.append(float(line.split()[-1])), 2
    )
    assert losses[-1] < 0.998 * losses[0]


def test_an_archive_with_another_checksum_is_refused(tmp_path, monkeypatch):
    package = art.Package("nothing", "1.0", "sha512-AAAA", "MIT", "nobody")
    source = tmp_path / "served"
    (source / "nothing" / "-").mkdir(parents=True)
    (source / "nothing" / "-" / package.file).write_bytes(b"not the archive")
    monkeypatch.setattr(art, "REGISTRY", source.as_uri())
    with pytest.raises(DoodleError, match="checksum"):
        art.fetch(tmp_path / "work", (package,))
    assert not (tmp_path / "work" / package.file).exists()


def test_what_the_art_draws_facing_right_is_turned_and_kept_so(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(art, "_pictures", lambda archive, emoji: (pictures[row, 0] for row in range(3)))
    subjects = (*SMALL.subjects[:2], dataclasses.replace(SMALL.subjects[2], faces="right"))
    other = dataclasses.replace(SMALL, subjects=subjects)
    for vocabulary, third in (
        (SMALL, pictures[2, 0]),
        (other, pictures[2, 0, :, ::-1]),
        (other, pictures[2, 0, :, ::-1]),
    ):
        rendered = art.render(tmp_path, tmp_path, vocabulary)
        assert np.array_equal(rendered[2, 1], third)
        assert np.array_equal(rendered[:2, 0], pictures[:2, 0])


def test_fetch_keeps_what_fits_and_says_what_cannot_be_fetched(tmp_path, monkeypatch):
    content = b"the archive"
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    package = art.Package("nothing", "1.0", integrity, "MIT", "nobody")
    monkeypatch.setattr(art, "REGISTRY", (tmp_path / "nowhere").as_uri())
    with pytest.raises(DoodleError, match="Check the network"):
        art.fetch(tmp_path / "work", (package,))
    (tmp_path / "work" / package.file).write_bytes(content)
    art.fetch(tmp_path / "work", (package,))
