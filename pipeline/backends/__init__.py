"""What runs a model. `make_backend` chooses by the profile."""

from __future__ import annotations

import os

from pipeline.backends.base import Backend
from pipeline.errors import ProfileError
from pipeline.profiles import Profile

# Threads that wait for each other spin by default, and on a machine with anything else to do that costs more than
# the painting itself (measured: 3 to 12 times). OpenMP reads this once, when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def make_backend(profile: Profile, *, max_batch: int = 1, device: str = "", download: bool = True) -> Backend:
    """The backend a profile asks for, not loaded yet.

    Args:
        profile: the model.
        max_batch: pictures painted side by side.
        device: ``cuda``, ``mps`` or ``cpu``; empty takes the best there is.
        download: whether weights that are missing may be fetched from Hugging Face.
    """
    if profile.backend == "diffusers":
        from pipeline.backends.diffusers import DiffusersBackend

        return DiffusersBackend(profile, max_batch=max_batch, device=device, download=download)
    raise ProfileError(f"Model {profile.id!r} asks for a backend {profile.backend!r}; easel has: diffusers.")
