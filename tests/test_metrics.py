"""What Prometheus reads: over HTTP, from the real registry, with a real database."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot import metrics
from bot.assistant import Assistant
from bot.errors import SettingsError
from bot.messages import Incoming
from bot.settings import Settings, load_settings
from pipeline.jobs import Job


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def read(address: str) -> dict[tuple[str, str], float]:
    """Every sample by its name and its first label's value."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {(s.name, next(iter(s.labels.values()), "")): s.value for family in families for s in family.samples}


@pytest.fixture
def listening(settings: Settings) -> Settings:
    return replace(settings, metrics=f"127.0.0.1:{free_port()}")


def test_what_happened_and_what_the_database_knows(
    assistant: Assistant, listening: Settings, incoming: Callable[..., Incoming]
) -> None:
    with metrics.served(listening):
        before = read(listening.metrics)
        request = incoming("a red apple")
        assistant.accept(request)
        answer = assistant.answer(request)
        assistant.accept(incoming("你好"))
        assistant.answer(incoming("make me a nude child"))
        assert answer.job
        assistant.rate(answer.job.id, "telegram:7", 4)
        after = read(listening.metrics)

    def grown(name: str, label: str = "") -> float:
        return after[name, label] - before.get((name, label), 0)

    assert grown("easel_requests_total", "image") == 1
    assert grown("easel_requests_total", "refused") == 1
    assert grown("easel_stage_seconds_count", "understand") == 2
    assert 0 < grown("easel_stage_seconds_sum", "compose") < 60
    assert grown("easel_ratings_total", "4") == 1
    assert (before["easel_jobs", "queued"], after["easel_jobs", "queued"]) == (0, 1)
    assert (after["easel_messages_waiting", ""], after["easel_deliveries_owed", ""]) == (1, 1)
    assert after["easel_database_up", ""] == 1
    assert after["process_resident_memory_bytes", ""] > 1e6


def test_ended_jobs_and_how_long_they_were_painted() -> None:
    job = Job("tiny", "a cat", 32, 32, 1, 2, 1.0, started="2026-01-01T23:59:58+00:00", status="done")
    job = replace(job, finished="2026-01-02T00:00:01+00:00")

    def sample(name: str, **labels: str) -> float:
        return metrics.REGISTRY.get_sample_value(name, labels) or 0.0

    seconds, failed = (
        sample("easel_stage_seconds_sum", stage="paint"),
        sample("easel_jobs_ended_total", status="failed"),
    )
    metrics.ended(job)
    metrics.ended(replace(job, status="failed", started=""))
    assert sample("easel_stage_seconds_sum", stage="paint") - seconds == pytest.approx(3)
    assert sample("easel_jobs_ended_total", status="failed") - failed == 1


def test_a_database_that_is_gone_is_told(listening: Settings) -> None:
    listening.database.unlink()
    with metrics.served(listening):
        assert read(listening.metrics)["easel_database_up", ""] == 0
    assert not listening.database.exists()


def test_nothing_listens_unless_it_is_set(settings: Settings) -> None:
    assert settings.metrics == ""
    with metrics.served(settings):
        pass


def test_a_port_in_use_is_told_in_a_sentence(listening: Settings) -> None:
    taken = pytest.raises(SettingsError, match="set EASEL_METRICS to a free port")
    with metrics.served(listening), taken, metrics.served(listening):
        pass


@pytest.mark.parametrize("address", ["9464", "localhost:", "localhost:0", "local host:9464", ":9464"])
def test_an_address_is_host_and_port(address: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="host and port like"):
        load_settings({"EASEL_HOME": str(tmp_path), "EASEL_METRICS": address})
