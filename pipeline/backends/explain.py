"""Puts what diffusers, Hugging Face and torch raise into one sentence that says what to do next."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from pipeline.errors import ModelMissing, ModelUnusable, OutOfMemory, PipelineError
from pipeline.profiles import Profile

#: How diffusers and transformers say that a component's weights are not in the folder.
_NOT_THERE = ("no file named", "Could not find the necessary `safetensors`")


def explain_local(profile: Profile, error: BaseException) -> PipelineError:
    """Weights are here, and could not be loaded."""
    if is_out_of_memory(error):
        return out_of_memory(profile)
    if any(words in str(error) for words in _NOT_THERE):
        return ModelUnusable(
            f"{profile.name}: {profile.source} lacks safetensors weights, and easel does not load pickled ones; "
            "fetch or convert them, or choose another model."
        )
    if profile.variant and f"variant={profile.variant}" in str(error):
        return ModelUnusable(f"{profile.name}: it has no {profile.variant} weights; drop variant from models.toml.")
    short = " ".join(str(error).split())[:200]
    return ModelUnusable(
        f"{profile.name}: {profile.source} cannot be loaded ({short}); it may be damaged, so fetch it again."
    )


def explain_download(profile: Profile, error: BaseException) -> PipelineError:
    """Weights were to be fetched from Hugging Face, and something went wrong."""
    # `errors` of huggingface_hub pulls in its HTTP client, which `easel --help` should not wait for.
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    causes = list(_causes(error))
    name = profile.name
    if any(isinstance(cause, GatedRepoError) for cause in causes):
        return ModelMissing(
            f"{name} wants its licence accepted first: open {profile.url or profile.source}, accept it, "
            "run `hf auth login`, and try again."
        )
    if any(isinstance(cause, RepositoryNotFoundError) for cause in causes):
        return ModelMissing(f"Hugging Face shows no {profile.source} to you; correct the source, or `hf auth login`.")
    if any(isinstance(cause, OSError) and cause.errno == errno.ENOSPC for cause in causes):
        return ModelMissing(f"{name} does not fit on the disk; make room and try again, what has arrived is kept.")
    if any(isinstance(cause, HfHubHTTPError | LocalEntryNotFoundError) or _is_network(cause) for cause in causes):
        return ModelMissing(
            f"{name} is not on this computer and Hugging Face cannot be reached; check the network and try again, "
            "or choose another model."
        )
    return explain_local(profile, error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on any device. CPUs and Apple's GPUs have only a RuntimeError for it."""
    import torch  # heavy

    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        word in str(error).lower() for word in words if isinstance(error, RuntimeError)
    )


def out_of_memory(profile: Profile) -> OutOfMemory:
    return OutOfMemory(
        f"{profile.name} ran out of memory; ask for a smaller or fewer pictures, or choose a smaller model."
    )


def _is_network(error: BaseException) -> bool:
    """Also where a name cannot be looked up. Which HTTP client is asked changes between versions of the hub's."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"TransportError", "ConnectionError", "TimeoutError", "gaierror"})


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
