"""Takes Python's part out of a small network's time: a call is recorded once and then replayed.

Between the operations of a small denoiser a CPU waits for Python: a quarter of the embedded model's time. A recording
does the same operations in the same order, so pictures are the same to the bit. It holds for one set of shapes, and
is checked against the network itself on two calls before it is trusted. Large networks, and those on a GPU, gain
nothing by it. Not for networks that branch on the values they are given, which is found out only where they branch
within those two calls; no denoiser of diffusers does.
"""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

#: Recording costs about as much as it saves on two pictures, so one picture alone is painted without.
PLAIN_CALLS = 20
#: Above this Python's part is a few hundredths.
MOST_WEIGHTS = 200_000_000
#: Shapes that are recorded, and that are counted; a model of one size needs one.
MOST_RECORDINGS, MOST_SHAPES = 4, 64

Call = Callable[..., Any]


def record(pipe: Any) -> None:
    """Have a pipeline's denoiser recorded, if that is of use."""
    network = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    if network is None or network.device.type != "cpu":
        return
    if sum(weight.numel() for weight in network.parameters()) > MOST_WEIGHTS:
        return
    network.requires_grad_(False)
    if hasattr(network, "sketch"):
        # What depends on the words alone is the same in all steps, and so is no part of the recording of one.
        network.sketch, network.denoise = Remembered(network.sketch), Recorder(network.denoise)
    else:
        network.forward = Recorder(network.forward)


class Remembered:
    """A function of one tensor that knows its last result."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self._function = function
        self._last: tuple[torch.Tensor, torch.Tensor] | None = None

    def __call__(self, given: torch.Tensor) -> torch.Tensor:
        if self._last is None or not _same(self._last[0], given):
            self._last = given.clone(), self._function(given)
        return self._last[1]


class Recorder:
    """Stands for a network's `forward`, or the part of it that differs from step to step."""

    def __init__(self, forward: Call) -> None:
        # Pipelines look at a network's signature.
        functools.update_wrapper(self, forward)
        self._forward = forward
        self._calls: dict[Any, int] = {}
        self._recordings: dict[Any, Call | None] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        import torch  # heavy
        from torch.utils import _pytree

        leaves, spec = _pytree.tree_flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        # What is no tensor is part of the recording: another value is another recording.
        key = (str(spec), *(_shape(leaf) if isinstance(leaf, torch.Tensor) else repr(leaf) for leaf in leaves))
        if key not in self._calls and len(self._calls) == MOST_SHAPES:
            return self._forward(*args, **kwargs)
        calls = self._calls[key] = self._calls.get(key, 0) + 1
        if calls == PLAIN_CALLS + 1 and len(self._recordings) < MOST_RECORDINGS:

            def flat(*given: torch.Tensor) -> Any:
                left = iter(given)
                filled = [next(left) if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
                again, named = _pytree.tree_unflatten(filled, spec)
                return self._forward(*again, **named)

            self._recordings[key] = _recorded(flat, tensors)
        replay = self._recordings.get(key)
        if replay is None:
            return self._forward(*args, **kwargs)
        if calls <= PLAIN_CALLS + 2:
            return self._checked(key, replay, tensors, self._forward(*args, **kwargs))
        return replay(*tensors)

    def _checked(self, key: Any, replay: Call, tensors: list[torch.Tensor], expected: Any) -> Any:
        """Compare with the network: on the call that was recorded, and on the next, whose values are others."""
        import torch  # heavy

        if not all(map(torch.equal, replay(*tensors), expected)):
            log.info("A recorded network does otherwise than the network; it is left unrecorded")
            self._recordings[key] = None
        return expected


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    import torch  # heavy

    return _shape(one) == _shape(other) and torch.equal(one, other)


def _shape(tensor: torch.Tensor) -> tuple[Any, ...]:
    return (*tensor.shape, tensor.dtype, tensor.stride())


def _recorded(flat: Call, tensors: list[torch.Tensor]) -> Call | None:
    """None for a network that cannot be recorded."""
    import torch  # heavy

    with warnings.catch_warnings():
        # Deprecated, and still the one recorder that runs without Python; and it warns of every shape it fixes.
        warnings.simplefilter("ignore")
        try:
            recording: Call = torch.jit.trace(flat, tuple(tensors), check_trace=False)  # type: ignore[no-untyped-call]
        except (RuntimeError, TypeError, ValueError) as error:
            log.info("The network cannot be recorded: %s", error)
            return None
    return recording
