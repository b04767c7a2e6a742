"""The embedded model's making: vocabulary, colours, latents, captions, training, saving, judging.

The art here is three drawn shapes; everything else is the real thing.
"""

import base64
import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from pipeline.doodle import art, evaluate, latents, model, recolor, steps, train
from pipeline.doodle.autoencoder import DoodleAutoencoder
from pipeline.doodle.vocabulary import Subject, Vocabulary, load_vocabulary
from pipeline.errors import DoodleError

SMALL = Vocabulary(
    subjects=(
        Subject("ball", ("sphere",), "26bd", "activities"),
        Subject("box", (), "1f4e6", "objects"),
        Subject("boy", (), "1f466", "people-body"),
    ),
    styles=("flat vector", "3d render"),
    colors={"red": (214, 38, 42), "blue": (40, 104, 214), "white": (246, 246, 246)},
    backgrounds={"white": (255, 255, 255), "black": (16, 16, 18), "red": (206, 44, 46)},
)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(shape: str, color: tuple[int, int, int]) -> np.ndarray:
    picture = Image.new("RGBA", (256, 256))
    pen = ImageDraw.Draw(picture)
    (pen.ellipse if shape == "ellipse" else pen.rectangle)((40, 40, 216, 216), fill=(*color, 255))
    return np.asarray(picture)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    rows = [("ellipse", (30, 160, 60)), ("rectangle", (120, 80, 40)), ("ellipse", (250, 200, 40))]
    return np.stack([np.stack([drawn(*row), drawn(row[0], row[1][::-1])]) for row in rows])


@pytest.fixture(scope="module")
def encoded(pictures, tmp_path_factory) -> latents.LatentSet:
    return latents.build(pictures, SMALL, tmp_path_factory.mktemp("latents"))


def test_the_shipped_vocabulary_is_complete():
    vocabulary = load_vocabulary()
    data = json.loads((Path(art.__file__).parents[2] / "data" / "doodle" / "vocabulary.json").read_text("utf-8"))
    assert len(vocabulary.subjects) >= 200
    assert len({subject.emoji for subject in vocabulary.subjects}) == len(vocabulary.subjects)
    assert all(entry["zh"] for entry in data["subjects"].values())
    assert [package.style for package in art.PACKAGES] == list(vocabulary.styles)
    assert {"red", "green", "blue", "black", "white"} <= set(vocabulary.colors) & set(vocabulary.backgrounds)


def test_no_name_stands_for_two_subjects():
    data = json.loads((Path(art.__file__).parents[2] / "data" / "doodle" / "vocabulary.json").read_text("utf-8"))
    for language in ("en", "zh"):
        names = [n for key, entry in data["subjects"].items() for n in {key, *entry[language]}]
        assert sorted(n for n in set(names) if names.count(n) > 1) == []


def test_recolor_changes_the_main_colour_and_nothing_else():
    picture = drawn("rectangle", (200, 30, 30)).copy()
    picture[100:120, 100:120] = (20, 200, 40, 255)
    blue = recolor.recolor(picture, SMALL.colors["blue"])
    assert recolor.nearest_color(recolor.main_region(blue)[1], SMALL.colors) == "blue"
    assert (blue[105, 105] == picture[105, 105]).all()
    assert (blue[..., 3] == picture[..., 3]).all()


def test_recolor_keeps_light_and_shade():
    picture = drawn("rectangle", (200, 30, 30)).copy()
    picture[40:100, 40:216, :3] = (100, 15, 15)
    blue = recolor.recolor(picture, SMALL.colors["blue"]).astype(int)
    assert blue[60, 100, :3].sum() < blue[180, 100, :3].sum()


@pytest.mark.parametrize("name", list(load_vocabulary().colors))
def test_every_colour_is_its_own_nearest(name):
    palette = load_vocabulary().colors
    assert recolor.nearest_color(np.array(palette[name], np.float32) / 255, palette) == name


def test_latents_on_a_background_are_those_of_the_composited_picture(pictures, encoded):
    background = torch.tensor([[0.2, 0.4, 0.9]])
    first = torch.zeros(1, dtype=torch.long)
    fast = encoded.compose(first, first, first, background)
    composited = latents.on_background(pictures[0, 0][None], background.numpy())
    slow = encoded.basis.project(latents.patches_of(composited)) + encoded.basis.offset
    expected = torch.from_numpy(slow).reshape(1, 8, 8, 64).permute(0, 3, 1, 2)
    assert torch.allclose(fast, expected, atol=0.05)


def test_the_encoder_convolution_is_the_projection(pictures, encoded):
    vae = DoodleAutoencoder()
    vae.encoder.load_state_dict({"weight": encoded.basis.conv_weight(), "bias": torch.from_numpy(encoded.basis.offset)})
    white = latents.on_background(pictures[1, 0][None], np.ones((1, 3), np.float32))
    with torch.no_grad():
        z = vae.encode(torch.from_numpy(white).permute(0, 3, 1, 2)).latents
    one = torch.tensor([1])
    assert torch.allclose(z, encoded.compose(one, one - 1, one - 1, torch.ones(1, 3)), atol=0.05)


def test_built_latents_are_read_again_but_not_for_another_vocabulary(pictures, tmp_path):
    seen: list[int] = []
    latents.build(pictures, SMALL, tmp_path, lambda done, total: seen.append(done))
    assert seen[-1] == 6
    latents.build(pictures, SMALL, tmp_path, lambda done, total: seen.append(-1))
    assert -1 not in seen
    other = Vocabulary(SMALL.subjects, SMALL.styles, {"red": (214, 38, 42)}, SMALL.backgrounds)
    assert latents.build(pictures, other, tmp_path).body.shape[2] == 2


def test_captions_name_what_is_shown(encoded):
    rng = random.Random(1)
    for _ in range(20):
        what = train.draw(encoded, SMALL, 16, rng)
        for row, caption in enumerate(what.captions):
            subject = SMALL.subjects[what.subject[row]]
            names = (subject.name, *subject.synonyms)
            assert not caption or any(name in caption for name in names)
            version = int(what.version[row])
            if version and caption:
                assert caption.startswith(list(SMALL.colors)[version - 1])
            if subject.group == "people-body":
                assert version == 0


def test_some_captions_are_empty_for_guidance(encoded):
    captions = train.draw(encoded, SMALL, 1000, random.Random(2)).captions
    assert 50 < captions.count("") < 200


def test_every_word_of_the_vocabulary_is_one_token():
    vocabulary = load_vocabulary()
    tokenizer = model.make_tokenizer(vocabulary)
    plain = [word for word in vocabulary.words() if word.isalpha()]
    assert plain
    assert [word for word in plain if len(tokenizer.tokenize(word)) != 1] == []
    longest = max(
        (
            f"purple {name}, 3d render, light blue background"
            for s in vocabulary.subjects
            for name in (s.name, *s.synonyms)
        ),
        key=len,
    )
    assert len(tokenizer(longest).input_ids) <= model.MAX_TOKENS


@pytest.fixture(scope="module")
def trained(pictures, encoded, tmp_path_factory):
    """A model trained for a few steps, saved as a diffusers folder."""
    folder = tmp_path_factory.mktemp("work")
    lines: list[str] = []
    vae = train.train_autoencoder(pictures, SMALL, encoded, folder, 0.03, lambda share, line: lines.append(line), 2)
    net = train.train_denoiser(SMALL, encoded, folder, 0.05, lambda share, line: lines.append(line), 4)
    vae = train.polish_autoencoder(
        vae, net, pictures, SMALL, encoded, folder, 0.03, lambda share, line: lines.append("polish " + line), 2
    )
    model.save(model.make_pipeline(net.tokenizer, net.text_encoder, net.unet, vae), folder / "model")
    return folder, lines


def test_training_goes_on_from_its_checkpoint(trained, encoded):
    folder, lines = trained
    assert any(line.startswith("polish") for line in lines)
    before = torch.load(folder / "denoiser.pt", weights_only=True)["steps"]
    assert before > 0
    train.train_denoiser(SMALL, encoded, folder, 0.1, lambda share, line: None, 4)
    assert torch.load(folder / "denoiser.pt", weights_only=True)["steps"] > before


def test_a_saved_model_paints_through_plain_diffusers(trained):
    pipeline = steps.load(trained[0] / "model")
    case = evaluate.Case(0, 0, "red", "white", "red ball, flat vector, white background", seed=5)
    once, again = (next(evaluate.paint(pipeline, [case])) for _ in range(2))
    assert once.shape == (256, 256, 3)
    assert (once == again).all()


def test_weights_are_half_precision_safetensors_under_80_mb(trained):
    weights = list((trained[0] / "model").rglob("*.safetensors"))
    assert len(weights) == 3
    assert sum(file.stat().st_size for file in weights) < 80e6
    assert not list((trained[0] / "model").rglob("*.bin"))


def test_the_decoder_learns(pictures, encoded, tmp_path):
    losses: list[float] = []
    train.train_autoencoder(
        pictures, SMALL, encoded, tmp_path, 0.12, lambda share, line: losses.append(float(line.split()[-1])), 2
    )
    assert losses[-1] < 0.998 * losses[0]


def test_real_pictures_pass_their_own_judge(pictures):
    chosen = evaluate.cases(SMALL)

    class Painter:
        """Answers each prompt with the real picture, recoloured and composited as asked."""

        def __call__(self, prompts, **_):
            out = []
            for case in [c for p in prompts for c in chosen if c.prompt == p][: len(prompts)]:
                picture = pictures[case.subject, case.style]
                if case.color:
                    picture = recolor.recolor(picture, SMALL.colors[case.color])
                ground = np.array([SMALL.backgrounds[case.background]], np.float32) / 255
                out.append((latents.on_background(picture[None], ground)[0] + 1) / 2)
            return type("Out", (), {"images": np.stack(out)})

    scores = evaluate.evaluate(Painter(), pictures, SMALL, chosen)
    assert scores["background"] == scores["color"] == 1.0
    assert scores["subject_5"] == 1.0


def test_noise_does_not_pass_the_judge(pictures):
    class Noise:
        def __call__(self, prompts, **_):
            noise = np.random.default_rng(0).random((len(prompts), 256, 256, 3), dtype=np.float32)
            return type("Out", (), {"images": noise})

    scores = evaluate.evaluate(Noise(), pictures, SMALL, evaluate.cases(SMALL))
    assert scores["background"] < 0.5


def test_an_archive_with_another_checksum_is_refused(tmp_path, monkeypatch):
    package = art.Package("flat vector", "nothing", "1.0", "sha512-AAAA", "MIT", "nobody")
    source = tmp_path / "served"
    (source / "nothing" / "-").mkdir(parents=True)
    (source / "nothing" / "-" / package.file).write_bytes(b"not the archive")
    monkeypatch.setattr(art, "REGISTRY", source.as_uri())
    with pytest.raises(DoodleError, match="checksum"):
        art.fetch(tmp_path / "work", (package,))
    assert not (tmp_path / "work" / package.file).exists()


def test_fetch_keeps_what_fits_and_says_what_cannot_be_fetched(tmp_path, monkeypatch):
    content = b"the archive"
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    package = art.Package("flat vector", "nothing", "1.0", integrity, "MIT", "nobody")
    monkeypatch.setattr(art, "REGISTRY", (tmp_path / "nowhere").as_uri())
    with pytest.raises(DoodleError, match="Check the network"):
        art.fetch(tmp_path / "work", (package,))
    (tmp_path / "work" / package.file).write_bytes(content)
    art.fetch(tmp_path / "work", (package,))


def test_a_missing_model_is_one_clear_sentence(tmp_path):
    with pytest.raises(DoodleError, match="easel doodle train"):
        steps.load(tmp_path)


def test_the_contact_sheet_holds_every_picture():
    tiles = [np.full((256, 256, 3), value, np.uint8) for value in (0, 100, 200)]
    sheet = evaluate.contact_sheet(tiles, ["a", "b", "c"], columns=2, side=32)
    assert sheet.size == (64, 2 * 46)
    assert sheet.getpixel((40, 10)) == (100, 100, 100)
