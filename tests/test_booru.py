"""Booru prompts: the board's own tags with a list of them, the built-in vocabulary without, and lists that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.assistant import Assistant
from bot.cli import main
from bot.settings import load_settings
from promptlib.compose import compose
from promptlib.dialects.taglist import TagListError, load
from promptlib.records import Hit, LibraryPrompt, Prompt, Tag, Target
from promptlib.understanding import understand

DANBOORU = Path(__file__).parents[2] / "shared" / "data" / "vocab" / "danbooru.csv"

#: Rows in the form of such lists, names and aliases of our own choosing.
LIST = """1girl,0,900,"sole_female"
solo,0,800,
2girls,0,700,
long_hair,0,600,"/lh,longhair"
blonde_hair,0,500,"yellow_hair,golden_hair"
blue_eyes,0,400,
hat,0,300,
red_headwear,0,290,"red_hat"
apple,0,200,"apples,red_apple"
on_bench,0,190,
sitting,0,180,"sit"
holding_umbrella,0,170,
night,0,160,
city,0,150,
watercolor_(medium),5,140,"watercolor"
marble_(toy),0,130,"marble"
table,0,120,
>_<,0,110,"><"
soft_light,0,100,
spring_rain,1,90,"spring"
ann_lee_(singer),4,80,"ann_lee"
cats,0,70,
cat,0,60,"cats"
"""


@pytest.fixture
def tags(tmp_path: Path) -> Path:
    path = tmp_path / "tags.csv"
    path.write_text(LIST, encoding="utf-8")
    return path


def write(text: str, vocabulary: Path | str = "", hits: tuple[Hit, ...] = (), **options: object) -> Prompt:
    target = Target("model", "booru", width=1024, height=1024, vocabulary=str(vocabulary), **options)  # type: ignore[arg-type]
    return compose(understand(text), hits, target, amount="lot")


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("a girl with long golden hair and blue eyes", "1girl, solo, long hair, blonde hair, blue eyes"),
        ("two girls sitting on a bench at night", "2girls, sitting, on bench, night"),
        ("戴红帽子的女孩拿着雨伞", "1girl, solo, red headwear, holding umbrella"),
        ("watercolor of a city", "city, watercolor (medium)"),
        ("three cats", "cats, three cats"),
        ("Ann Lee sitting on a bench", "ann lee (singer), sitting, on bench"),
    ],
)
def test_words_are_said_as_the_list_says_them(tags: Path, text: str, prompt: str) -> None:
    assert write(text, tags).positive == prompt


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("a zeppelin, sitting", "sitting, zeppelin"),
        ("a red apple, night", "apple, night, red apple"),  # the alias would have lost the colour
        ("a marble table", "table, marble table"),  # the table is no toy
        ("city table", "city, table, city table"),  # neither half says it
        ("a cat above a city", "cat, city, above city"),
        ("a cat in spring", "cat, spring"),  # no artist of that name
        ('a poster that says "Jazz Night"', 'poster says "Jazz Night"'),
    ],
)
def test_what_the_list_does_not_know_stays_in_the_persons_words_and_stands_last(
    tags: Path, text: str, prompt: str
) -> None:
    assert write(text, tags).positive == prompt


def test_what_easel_would_add_is_said_as_the_list_says_it_or_left_out(tags: Path) -> None:
    lent = [Tag("cat", "subject", "words"), Tag("soft light", "light", "words"), Tag("85mm lens", "camera", "words")]
    hit = Hit(LibraryPrompt(4, "cat", dialect="booru", tags=tuple(lent)), 0.95, 0.95)
    assert "85mm lens" in write("a cat", hits=(hit,)).positive
    assert write("a cat", tags, hits=(hit,)).positive == "cat, soft light"


def test_the_authors_words_stay_though_no_board_has_them(tags: Path) -> None:
    assert write("a cat", tags, quality=("score_9", "masterpiece")).positive == "score_9, masterpiece, cat"


def test_the_authors_words_stand_where_the_authors_want_them() -> None:
    assert write("a cat", quality=("masterpiece",), quality_at="end").positive == "cat, masterpiece"
    assert write("a cat", quality=("masterpiece",), quality_at="front").positive == "masterpiece, cat"


def test_where_a_tag_came_from_is_kept(tags: Path) -> None:
    hat = next(tag for tag in write("戴红帽子的女孩", tags).tags if tag.text == "red headwear")
    assert (hat.origin, hat.slot) == ("translation", "action")
    assert "红" in hat.source


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("a girl with long blue hair", "1girl, solo, long hair, blue hair"),
        ("a girl with a long blue dress", "1girl, solo, long blue dress"),
        ("six boys", "6+boys"),
    ],
)
def test_without_a_list_the_built_in_vocabulary_serves(text: str, prompt: str) -> None:
    assert write(text).positive == prompt


def test_faces_keep_their_underscores(tags: Path) -> None:
    assert load(str(tags)).find("><") == ">_<"
    assert load(str(tags)).find("Long_Hair") == load(str(tags)).find("long  hair") == "long hair"
    assert load(str(tags)).find("longhair") == "long hair"
    assert load(str(tags)).find("zeppelin") == load(str(tags)).find("") == ""


def test_a_list_that_changes_is_read_anew(tags: Path) -> None:
    assert load(str(tags)) is load(str(tags))
    tags.write_text("zeppelin,0,1,\n", encoding="utf-8")
    assert load(str(tags)).find("zeppelins") == "zeppelin"


BROKEN = {
    "empty": b"",
    "prose": b"Tags of all sorts\nand more\n",
    "another csv": b"id,text\n1,cat\n",
    "binary": b"\x89PNG\r\n\x1a\n\x00\xff\xfe",
    "latin-1": "café,0,1,\n".encode("latin-1"),
    "NUL": b"a\x00b,0,1,\n",
    "a huge field": b'cat,0,1,"' + b"x" * 200_000 + b'"\n',
    "only names": b"somebody,1,5,\n",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_list_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tags.csv"
    path.write_bytes(content)
    with pytest.raises(TagListError, match=r"^The list of booru tags .*tags\.csv .*; check EASEL_BOORU_TAGS\.$"):
        load(str(path))


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.csv", tmp_path):
        with pytest.raises(TagListError, match=r"check EASEL_BOORU_TAGS\.$"):
            load(str(path))


@pytest.fixture
def anime(home: Path) -> Path:
    (home / "models.toml").write_text('[anime]\nlike = "sdxl"\nsource = "/nowhere/anime"\ndialect = "booru"\n')
    return home


def test_the_setting_goes_to_every_booru_model_and_to_no_other(anime: Path, tags: Path) -> None:
    profiles = Assistant(load_settings({"EASEL_HOME": str(anime), "EASEL_BOORU_TAGS": str(tags)})).profiles
    assert profiles["anime"].vocabulary == str(tags)
    assert profiles["sdxl"].vocabulary == ""
    assert profiles["doodle"].vocabulary.endswith("vocabulary.json")


def test_rewriting_uses_the_list_and_tells_plainly_when_it_cannot(
    anime: Path, tags: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_BOORU_TAGS", str(tags))
    command = ["rewrite", "a girl with golden hair", "--model", "anime", "--json"]
    assert "blonde hair" in json.loads(CliRunner().invoke(main, command).stdout)["prompt"]
    tags.write_text("what is this")
    broken = CliRunner().invoke(main, command)
    assert broken.exit_code == 1
    assert broken.output.count("\n") == 1
    assert "check EASEL_BOORU_TAGS." in broken.output


@pytest.mark.skipif(not DANBOORU.exists(), reason="the shared tag list is not here")
def test_a_real_list_knows_most_of_what_is_asked() -> None:
    known = load(str(DANBOORU))
    assert len(known) > 100_000
    for text in ("two girls with long blue hair sitting on a bench", "a city at night, rain", "a cat, watercolor"):
        prompt = write(text, DANBOORU)
        assert all(known.find(tag.text) == tag.text for tag in prompt.tags), prompt.positive
