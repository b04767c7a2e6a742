"""Everything pipeline raises on purpose. The edges (command line, chat) turn these into one sentence."""


class PipelineError(Exception):
    """Base of all pipeline errors; its text is one sentence a person can act on."""


class ProfileError(PipelineError):
    """A models.toml cannot be used as it stands."""


class InvalidRequest(PipelineError):
    """The model cannot paint what it is asked for: a wrong size, no steps, no prompt."""


class ModelMissing(PipelineError):
    """The model's weights are not on this computer and cannot be fetched."""


class ModelUnusable(PipelineError):
    """The model's weights are there but cannot be loaded: pickled, damaged, or of an unknown kind."""


class OutOfMemory(PipelineError):
    """The model or the picture does not fit into memory."""


class PaintingFailed(PipelineError):
    """The model broke while painting."""


class PaintingDied(PipelineError):
    """The process that painted a job died, again and again."""


class Cancelled(PipelineError):
    """The painting was stopped because somebody asked for it."""


class QueueError(PipelineError):
    """The queue cannot do what was asked."""


class NoSuchJob(QueueError):
    """No job has that id."""


class SaveFailed(PipelineError):
    """A painted picture cannot be written to disk."""


class MetadataError(PipelineError):
    """A file is not a picture or carries no painting parameters."""


class PictureUnreadable(PipelineError):
    """A file is no picture, is damaged, or is too large to be looked at."""


class DoodleError(PipelineError):
    """The embedded model's art, data or training cannot go on."""
