"""How the embedded model is measured: the judge, the cases, what is looked for in the pixels."""

import dataclasses

import numpy as np
import pytest
import torch
from doodle_shapes import SMALL

from pipeline.doodle import (
    evaluate,
    judge,
    latents,
    recolor,
    steps,
)
from pipeline.doodle.vocabulary import load_vocabulary
from pipeline.errors import DoodleError

pytestmark = pytest.mark.usefixtures("one_thread")

#: With three colours the one kept from training would give the subject away: it is red, so it cannot be the ball.
MANY_COLORS = dataclasses.replace(SMALL, colors=load_vocabulary().colors)


@pytest.fixture(scope="module")
def judged(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("judge")
    return folder, *judge.train(pictures, MANY_COLORS, folder, 150, lambda share, line: None, batch=32)


def own_color(subject: int, style: int) -> str:
    return "green"


def test_the_judge_learns_the_real_art_and_is_kept(judged, pictures):
    folder, net, ceiling = judged
    assert ceiling["subject_1"] > 0.6
    assert ceiling["style"] > 0.7
    again, kept = judge.train(pictures, MANY_COLORS, folder, 1, lambda share, line: pytest.fail("trained again"))
    assert kept == ceiling
    assert judge.seen(again, pictures[0, 0, :, :, :3]) == judge.seen(net, pictures[0, 0, :, :, :3])


def test_a_judge_of_another_make_is_trained_again(judged, pictures, tmp_path):
    state = torch.load(judged[0] / "judge.pt", weights_only=True)
    torch.save({**state, "made_for": state["made_for"][1:]}, tmp_path / "judge.pt")
    shares: list[float] = []
    judge.train(pictures, MANY_COLORS, tmp_path, 1, lambda share, line: shares.append(share), batch=4)
    assert shares == [1.0]


def test_the_judge_tells_a_style_by_shapes_and_texture():
    net = judge.Classifier(3, 2)
    net(torch.rand(2, 3, 128, 128))[1].square().sum().backward()
    assert all(float(part[0].weight.grad.abs().sum()) > 0 for part in (net.shapes[1], net.textures[0]))


def test_the_judge_is_not_tested_on_what_it_trained_on(pictures):
    renderings = judge.Renderings(pictures, SMALL, 0)
    # All dye, or black as drawn: the brightness tells the colour.
    renderings.layers = np.zeros((3, 2, 128, 128, 8), np.uint8)
    renderings.layers[..., 6:] = 255
    renderings.colors = (torch.arange(1, 4)[:, None] * 60 / 255).expand(-1, 3)
    found = {}
    for held in (True, False):
        shown, subject, style = renderings.draw(400, held=held)
        version = (shown.mean((1, 2, 3)) * 255 / 60).round().long()
        found[held] = set(zip(subject.tolist(), style.tolist(), version.tolist(), strict=True))
    assert found[True]
    assert not found[True] & found[False]


class Painter:
    """Answers each prompt with the real picture, recoloured and composited as asked."""

    def __init__(self, pictures: np.ndarray, chosen: list[evaluate.Case]) -> None:
        self.pictures, self.chosen = pictures, {case.prompt: case for case in chosen}

    def __call__(self, prompts, **_):
        out = []
        for case in (self.chosen[prompt] for prompt in prompts):
            picture = self.pictures[case.subject, case.style]
            if case.color:
                picture = recolor.recolor(picture, SMALL.colors[case.color])
            ground = latents.behind(picture, case.background, SMALL)[None]
            out.append((latents.on_background(picture[None], ground)[0] + 1) / 2)
        return type("Out", (), {"images": np.stack(out)})


def test_real_pictures_pass_their_own_judge(judged, pictures):
    chosen = evaluate.cases(SMALL, own_color)
    scores = evaluate.evaluate(evaluate.real(pictures, SMALL, chosen), judged[1], SMALL, chosen, pictures)
    painted = evaluate.evaluate(evaluate.paint(Painter(pictures, chosen), chosen), judged[1], SMALL, chosen, pictures)
    assert scores["background"] == scores["color"] == 1.0
    assert scores["subject_1"] > 0.6
    assert scores["cases"] == len(chosen) == 6
    assert painted == scores


def test_at_best_a_thing_in_its_own_colour_is_as_drawn_and_in_another_is_dyed(pictures):
    own = recolor.nearest_color(recolor.main_region(pictures[0, 0])[1], SMALL.colors)
    asked = [evaluate.Case(0, 0, color, "white", "", seed=1) for color in ("", own, "blue" if own == "red" else "red")]
    plain, same, other = evaluate.real(pictures, SMALL, asked)
    assert (plain == same).all()
    assert (plain != other).any()


def test_the_colours_of_the_art_are_looked_at_once(pictures, tmp_path):
    first, again = (steps._natural(art, MANY_COLORS, tmp_path, lambda *_: None) for art in (pictures, None))
    found = [[first(i, j) for j in range(2)] for i in range(3)]
    assert found == [[again(i, j) for j in range(2)] for i in range(3)]
    palette = MANY_COLORS.colors
    assert found == [[recolor.nearest_color(recolor.main_region(p)[1], palette) for p in row] for row in pictures]


def test_half_size_things_are_looked_for_where_they_should_stand(judged, pictures):
    chosen = evaluate.arranged_cases(SMALL)
    assert {len(case.things) for case in chosen} == {1, 2}
    scores, swapped = (
        evaluate.evaluate(evaluate.real(pictures, SMALL, shown), judged[1], SMALL, chosen, pictures)
        for shown in (chosen, [*chosen[1:], chosen[0]])
    )
    assert scores.keys() == {"arranged_1", "cases"}
    assert scores["arranged_1"] >= 0.75
    assert swapped["arranged_1"] < 0.5


def test_facing_and_scene_are_measured_in_the_pixels(judged, pictures):
    facing, around = evaluate.facing_cases(SMALL), evaluate.scene_cases(SMALL)
    assert [case.facing for case in facing] == ["facing left", "facing right"]
    assert {case.background for case in around} == {"meadow"}
    art = list(evaluate.real(pictures, SMALL, [*facing, *around]))
    right = evaluate.evaluate(art, judged[1], SMALL, [*facing, *around], pictures)
    assert right["facing"] == right["scene"] == 1
    turned = evaluate.evaluate([picture[:, ::-1] for picture in art[:2]], judged[1], SMALL, facing, pictures)
    plain = [np.full((256, 256, 3), color, np.uint8) for color in (255, 16)]
    blank = evaluate.evaluate(plain[: len(around)], judged[1], SMALL, around, pictures)
    assert turned["facing"] == blank["scene"] == 0


def test_pictures_that_are_kept_are_not_painted_again(pictures, tmp_path):
    chosen = evaluate.cases(SMALL, own_color)
    first = list(evaluate.paint(Painter(pictures, chosen), chosen[:4], tmp_path))
    painter = Painter(pictures, chosen)
    asked: list[str] = []

    def painting(prompts, **options):
        asked.extend(prompts)
        return painter(prompts, **options)

    again = list(evaluate.paint(painting, chosen, tmp_path))
    assert asked == [case.prompt for case in chosen[4:]]
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=False))
    plain = list(evaluate.paint(painter, chosen))
    assert all(np.array_equal(one, other) for one, other in zip(plain, again, strict=True))


def test_a_judge_goes_on_where_it_was_interrupted(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "SAVED_EVERY", 2)

    class Interrupted(Exception):
        pass

    def stop(share, line):
        if share > 0.8:
            raise Interrupted

    with pytest.raises(Interrupted):
        judge.train(pictures, SMALL, tmp_path, 6, stop, batch=4)
    shares: list[float] = []
    judge.train(pictures, SMALL, tmp_path, 6, lambda share, line: shares.append(share), batch=4)
    assert len(shares) == 2
    assert not (tmp_path / "judge.part").exists()


def test_a_bar_tells_how_much_is_done(capsys):
    with steps._bar("training") as show:
        show(0.5, "half")
        show(1.0, "all")
    with steps._counter("painting") as count:
        count(3, 3)
    said = capsys.readouterr().err
    assert "training 100.0%" in said and "all" in said and "3/3" in said


def test_noise_does_not_pass_the_judge(judged, pictures):
    chosen, chance = evaluate.cases(SMALL, own_color), np.random.default_rng(0)
    noise = [chance.integers(0, 256, (256, 256, 3), dtype=np.uint8) for _ in chosen]
    scores = evaluate.evaluate(noise, judged[1], SMALL, chosen, pictures)
    assert scores["background"] < 0.5
    assert scores["subject_1"] < 0.6


def test_a_painting_is_kept_under_all_that_makes_it(monkeypatch):
    case = evaluate.Case(0, 0, "", "white", "ball", seed=5)
    before = case.name
    monkeypatch.setattr(evaluate, "SHARE", 0.123)
    assert case.name != before


def test_a_missing_model_is_one_clear_sentence(tmp_path):
    with pytest.raises(DoodleError, match="easel doodle train"):
        steps.load(tmp_path)


def test_the_contact_sheet_holds_every_picture():
    tiles = [np.full((256, 256, 3), value, np.uint8) for value in (0, 100, 200)]
    sheet = evaluate.contact_sheet(tiles, ["a", "b", "c"], columns=2, side=32)
    assert sheet.size == (64, 2 * 46)
    assert sheet.getpixel((40, 10)) == (100, 100, 100)
