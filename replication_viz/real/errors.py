"""What can go wrong with real servers, each said in one sentence."""


class LabError(RuntimeError):
    """Something that the real lab cannot do, or that a server refused."""


class MissingServerError(LabError):
    """There are no programs of that server on this machine."""
