"""Everything the faces raise on purpose; the text is one sentence a person can act on."""


class EaselError(Exception):
    """Base of the faces' own errors."""


class SettingsError(EaselError):
    """A setting has a value that cannot be used."""


class LimitReached(EaselError):
    """A person has asked for as much as one may. Its text is in that person's language already."""


class PicturesGone(EaselError):
    """The files of a job's pictures were deleted."""


class NotPainted(EaselError):
    """What is asked for is not painted here. Its text tells nothing about why."""


class NotShown(EaselError):
    """A painted picture is not shown in this chat. Its text tells nothing about why."""


class TooManyReports(EaselError):
    """A person has reported as much as one may in a day."""


class NotYours(EaselError):
    """Somebody pressed a button or gave a command that only another person may."""
