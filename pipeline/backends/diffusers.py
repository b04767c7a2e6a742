"""Any diffusers model by one code path: Stable Diffusion, SDXL, FLUX, SD 3, the embedded model, finetunes.

What a pipeline is asked for follows from its profile and from the arguments its `__call__` takes, never from its
family. Only safetensors are loaded, and no code from a repository runs. Weights on this computer are taken first;
what is missing is downloaded once, if that is allowed. The pipeline's own safety checker is left out: screening
is the business of who runs the bot. Does not cover LoRAs, image-to-image, or more than one GPU.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from pipeline.backends.base import Backend, PaintRequest, Progress, Stage, Stopped
from pipeline.backends.explain import explain_download, explain_local, is_out_of_memory, out_of_memory
from pipeline.backends.recording import record
from pipeline.errors import Cancelled, ModelMissing, ModelUnusable, PaintingFailed, ProfileError
from pipeline.profiles import Profile

if TYPE_CHECKING:
    import torch


class DiffusersBackend(Backend):
    """A diffusers pipeline, on the best device there is.

    Args:
        profile, max_batch: see `Backend`.
        device: ``cuda``, ``mps`` or ``cpu``; empty takes the best there is.
        download: whether weights that are missing may be fetched from Hugging Face.
    """

    def __init__(self, profile: Profile, *, max_batch: int = 1, device: str = "", download: bool = True) -> None:
        super().__init__(profile, max_batch=max_batch)
        self.device = device
        self.download = download
        self._pipe: Any = None

    @property
    def loaded(self) -> bool:
        return self._pipe is not None

    @property
    def sampler(self) -> str:
        return type(self._pipe.scheduler).__name__.removesuffix("Scheduler")

    def load(self, stage: Stage) -> None:
        if self._pipe is None:
            _quieten()
            device = self.device or best_device()
            pipe = self._fetch(_dtype(self.profile, device), stage)
            if self.profile.scheduler:
                pipe.scheduler = _scheduler(self.profile, pipe.scheduler)
            pipe.set_progress_bar_config(disable=True)
            try:
                _place(pipe, device, self.profile.min_vram_gb)
            except (RuntimeError, MemoryError) as error:
                raise explain_local(self.profile, error) from error
            record(pipe)
            self._pipe = pipe

    def unload(self) -> None:
        self._pipe = None
        _give_back()

    def _fetch(self, dtype: torch.dtype, stage: Stage) -> Any:
        """The pipeline from this computer or, failing that, from Hugging Face."""
        from huggingface_hub import constants

        stage("loading")
        profile = self.profile
        if Path(profile.source).is_absolute():
            _check_local(profile)
        try:
            return _open(profile, dtype, local_files_only=True)
        # Five libraries raise what they like here, some of it straight from Exception.
        except Exception as error:
            all_here = Path(profile.config or profile.source).is_absolute()
            if all_here or is_out_of_memory(error):
                raise explain_local(profile, error) from error
            if constants.HF_HUB_OFFLINE or not self.download:
                raise ModelMissing(
                    f"{profile.name} is not complete on this computer and nothing may be downloaded (offline); "
                    "allow it once, or choose another model."
                ) from error
        stage("downloading")
        try:
            return _open(profile, dtype, local_files_only=False)
        except Exception as error:
            raise explain_download(profile, error) from error

    def paint_batch(self, request: PaintRequest, progress: Progress, stopped: Stopped) -> list[Image]:
        def step_end(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            progress(step + 1, pipe.num_timesteps)
            # Raised, where diffusers' own `_interrupt` would still decode the half-painted picture.
            if stopped():
                raise Cancelled("The painting was cancelled.")
            return tensors

        try:
            with _threads(self.profile.threads):
                images: list[Image] = self._pipe(**self._arguments(request), callback_on_step_end=step_end).images
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                _give_back()
                raise out_of_memory(self.profile) from error
            raise PaintingFailed(f"{self.profile.name} broke while painting ({error}); try it again.") from error
        finally:
            self._pipe.maybe_free_model_hooks()
        return images

    def _arguments(self, request: PaintRequest) -> dict[str, Any]:
        """What this pipeline takes of what there is to say. Each picture has a generator of its own, on the CPU,
        where the same seed means the same noise on every machine."""
        import torch  # heavy, see `_give_back`

        count = len(request.seeds)
        known = {
            "prompt": [request.prompt] * count,
            "width": request.width,
            "height": request.height,
            "num_inference_steps": request.steps,
            "guidance_scale": request.guidance,
            "generator": [torch.Generator("cpu").manual_seed(seed) for seed in request.seeds],
        }
        if self.profile.negative and request.negative:
            known["negative_prompt"] = [request.negative] * count
        if self.profile.sequence:
            known["max_sequence_length"] = self.profile.sequence
        taken = inspect.signature(self._pipe.__call__).parameters
        return {name: value for name, value in known.items() if name in taken}


def _give_back() -> None:
    """Give back what memory is not in use, the graphics card's too."""
    import torch  # heavy: a second to import, and not needed by `easel --help`

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Have so many CPU threads compute; 0 leaves it to torch."""
    import torch  # heavy, see `_give_back`

    usual = torch.get_num_threads()
    torch.set_num_threads(count or usual)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def _open(profile: Profile, dtype: torch.dtype, *, local_files_only: bool) -> Any:
    import diffusers  # heavy: seconds to import

    common = {"dtype": dtype, "local_files_only": local_files_only, "safety_checker": None}
    if profile.source.endswith(".safetensors"):
        config = diffusers.DiffusionPipeline.load_config(profile.config, local_files_only=local_files_only)
        pipeline = getattr(diffusers, config["_class_name"])
        return pipeline.from_single_file(profile.source, config=profile.config, **common)
    return diffusers.DiffusionPipeline.from_pretrained(
        profile.source, variant=profile.variant or None, use_safetensors=True, **common
    )


def _check_local(profile: Profile) -> None:
    path = Path(profile.source)
    if not path.exists():
        raise ModelMissing(f"{profile.name}: there is nothing at {path}; correct its source, or choose another model.")
    if path.is_dir() and not (path / "model_index.json").is_file():
        raise ModelUnusable(f"{profile.name}: {path} has no model_index.json; give the folder that holds it.")
    if path.is_file() and path.suffix != ".safetensors":
        raise ModelUnusable(f"{profile.name}: {path.name} is no .safetensors file, and easel loads nothing else.")


def _scheduler(profile: Profile, saved: Any) -> Any:
    """The scheduler the profile names, with the saved one's settings."""
    import diffusers  # heavy, see `_open`

    kind = getattr(diffusers, profile.scheduler, None)
    if inspect.isclass(kind) and issubclass(kind, diffusers.SchedulerMixin):
        return kind.from_config(saved.config)  # type: ignore[attr-defined]
    raise ProfileError(f"{profile.name}: diffusers has no scheduler {profile.scheduler!r}; correct models.toml.")


def best_device() -> str:
    """``cuda``, ``mps`` or ``cpu``, whichever this machine is best at."""
    import torch  # heavy, see `_give_back`

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _dtype(profile: Profile, device: str) -> torch.dtype:
    """Half precision is slower than full on most CPUs, and not implemented for all layers there."""
    import torch  # heavy, see `_give_back`

    dtype: torch.dtype = getattr(torch, profile.dtype) if device != "cpu" else torch.float32
    return dtype


def _place(pipe: Any, device: str, need_gb: float) -> None:
    """Put the weights where they run: whole, part by part, or layer by layer, by what the graphics card holds."""
    import torch  # heavy, see `_give_back`

    if device != "cuda":
        pipe.to(device)
        return
    parts = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    largest_gb = max(sum(weight.nbytes for weight in part.parameters()) for part in parts) / 2**30
    room_gb = torch.cuda.get_device_properties(0).total_memory / 2**30
    match offload(room_gb, need_gb, largest_gb):
        case "none":
            pipe.to(device)
        case "parts":
            pipe.enable_model_cpu_offload()
        case "layers":
            pipe.enable_sequential_cpu_offload()


def offload(room_gb: float, need_gb: float, largest_gb: float) -> str:
    """What must wait in main memory: ``none``; ``parts`` (a tenth slower) when only the largest part and about 1 GB
    of working memory fit the card; else ``layers`` (many times slower)."""
    # Cards hold a little less than they are sold with: 8 GB shows as 7.6 to 7.9.
    if room_gb >= 0.93 * need_gb:
        return "none"
    return "parts" if room_gb >= largest_gb + 1 else "layers"


def _quieten() -> None:
    """diffusers and transformers advise and count on standard error; what matters to a person comes as an error."""
    import diffusers  # heavy, see `_open`
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
