"""Counts and seconds for Prometheus, kept in this process and read over HTTP where the setting `metrics` allows it.

Counting costs a microsecond, so it is always on. What the database knows (jobs by status, answers owed) is asked
for when somebody reads. Labels are of few values: never a person, a chat or a prompt.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.errors import SettingsError
from bot.settings import Settings
from bot.writer import Written
from pipeline.jobs import STATUSES, Job

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

UPDATES = Counter("easel_updates", "Updates that arrived.", ["outcome"], registry=REGISTRY)
REQUESTS = Counter("easel_requests", "Messages understood, by kind; refused ones too.", ["kind"], registry=REGISTRY)
JOBS_ENDED = Counter("easel_jobs_ended", "Jobs that ended, by outcome.", ["status"], registry=REGISTRY)
RATINGS = Counter("easel_ratings", "Ratings given; 0 is one taken back.", ["value"], registry=REGISTRY)
NETWORK_ERRORS = Counter("easel_network_errors", "Calls to the chat network that failed.", ["kind"], registry=REGISTRY)
RETRIES = Counter("easel_retries", "Calls to the chat network that were tried again.", registry=REGISTRY)
#: From a millisecond of retrieval to minutes of painting.
SECONDS = Histogram(
    "easel_stage_seconds",
    "How long each stage of a request took.",
    ["stage"],
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640),
    registry=REGISTRY,
)


def understood(written: Written) -> None:
    """Count a message that was understood, and how long each stage of writing its prompt took."""
    REQUESTS.labels(written.brief.kind).inc()
    for stage, seconds in written.seconds.items():
        SECONDS.labels(stage).observe(seconds)


def ended(job: Job) -> None:
    """Count a job that ended, and how long a finished one was painted, loading the model included."""
    JOBS_ENDED.labels(job.status).inc()
    if job.status == "done":
        painted = datetime.fromisoformat(job.finished) - datetime.fromisoformat(job.started)
        SECONDS.labels("paint").observe(painted.total_seconds())


@contextmanager
def errors_counted(kind: type[Exception]) -> Iterator[None]:
    """Count errors of the chat network by their class; they go on as they are."""
    try:
        yield
    except kind as error:
        NETWORK_ERRORS.labels(type(error).__name__).inc()
        raise


class DatabaseFigures(Collector):
    """What the database knows at this moment; `easel_database_up` is 0 where it cannot be asked."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("easel_database_up", "Whether the database answers.")
        jobs = GaugeMetricFamily("easel_jobs", "Jobs by status; queued is the length of the queue.", labels=["status"])
        try:
            with closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True, timeout=1)) as db:
                counts = dict(db.execute("SELECT status, count(*) FROM jobs GROUP BY status").fetchall())
                owed = db.execute("SELECT count(*) FROM deliveries WHERE done = ''").fetchone()[0]
                waiting = db.execute("SELECT count(*) FROM inbox WHERE answered = ''").fetchone()[0]
        except sqlite3.Error:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        for status in STATUSES:
            jobs.add_metric([status], counts.get(status, 0))
        yield from (up, jobs)
        yield GaugeMetricFamily("easel_deliveries_owed", "Jobs whose outcome a chat has not received.", value=owed)
        yield GaugeMetricFamily("easel_messages_waiting", "Messages stored and not answered yet.", value=waiting)


@contextmanager
def served(settings: Settings) -> Iterator[None]:
    """Let Prometheus read while this lasts, if the settings say where.

    Raises:
        SettingsError: nothing can listen there.
    """
    if not settings.metrics:
        yield
        return
    host, _, port = settings.metrics.rpartition(":")
    figures = DatabaseFigures(settings.database)
    try:
        server, thread = start_http_server(int(port), host, REGISTRY)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"Nothing can listen at {settings.metrics} ({error}); set EASEL_METRICS to a free port of this machine."
        ) from error
    REGISTRY.register(figures)
    try:
        yield
    finally:
        REGISTRY.unregister(figures)
        server.shutdown()
        server.server_close()
        thread.join()
