"""Learning from ratings: how the prompt of a job comes into the library, is rated, and is let to everybody or kept.

Knows nothing of chats; who may decide is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot import metrics
from bot.errors import EaselError
from bot.messages import Rated
from pipeline.jobs import Job
from pipeline.profiles import Profile
from promptlib.library import Library
from promptlib.records import LibraryPrompt, Tag


class Learning:
    """What is learned of painted prompts.

    Args:
        library: where they go.
        profiles: of the models that painted.
        votes: how many ratings of others' prompts count per person and day; 0 is no limit.
    """

    def __init__(self, library: Library, profiles: Mapping[str, Profile], votes: int) -> None:
        self.library = library
        self.profiles = profiles
        self.votes = votes

    def rated(self, job: Job, user: str) -> Rated:
        """What a person has rated the prompt of a job, and how it stands."""
        prompt_id, _ = self.library.add(self.prompt(job))
        prompt = self.library.get(prompt_id)
        given = next((row.value for row in self.library.ratings_of(prompt_id) if row.who == user), 0)
        return Rated(given, prompt.ratings, prompt.score)

    def rate(self, job: Job, user: str, value: int) -> Rated:
        """Rate the prompt of a job from 1 to 5; the same value once more withdraws it.

        The first rating brings the prompt into the library, where retrieval finds it from then on.
        """
        if value not in range(1, 6):
            raise EaselError(f"A rating is a whole number from 1 to 5, not {value}.")
        prompt_id, _ = self.library.add(self.prompt(job))
        if self.rated(job, user).value == value:
            self.library.unrate(prompt_id, user)
        else:
            self.library.rate(prompt_id, user, value, votes_a_day=self.votes or None)
        after = self.rated(job, user)
        metrics.RATINGS.labels(after.value).inc()
        return after

    def serves_everybody(self, job: Job) -> bool:
        """Whether the prompt of a job is one that everybody's retrieval uses."""
        found = self.library.find(self.prompt(job))
        return found is not None and found.eligible and not found.removed

    def promote(self, job: Job) -> tuple[int, bool]:
        """Let everybody's retrieval use the prompt of a job, or, where it does, no longer; its id, and which."""
        serves = not self.serves_everybody(job)
        number, _ = self.library.add(self.prompt(job))
        self.library.promote(number, serves)
        return number, serves

    def prompt(self, job: Job) -> LibraryPrompt:
        """The prompt of a job as it goes into the library."""
        profile = self.profiles.get(job.model)
        return LibraryPrompt(
            id=0,
            text=job.prompt,
            negative=job.negative,
            dialect=profile.dialect if profile else "tags",
            family=profile.family if profile else "",
            tags=tuple(Tag(t["text"], t["slot"], t["origin"], t["source"]) for t in job.extra.get("tags", [])),
            source="painted",
            author="",
            language="en",
            params={"model": job.model, "steps": job.steps, "guidance": job.guidance, "seed": job.seed},
            owner=job.owner,
            extra={f"title_{job.extra.get('language', 'en')}": str(job.extra.get("request", ""))[:200]},
        )
