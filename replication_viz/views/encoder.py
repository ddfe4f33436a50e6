"""Whether this machine can write MP4, and with what: its own ffmpeg, or the one that imageio-ffmpeg brings.

Asked for often, so nothing heavy is loaded here.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys


def is_there() -> bool:
    """Return whether there seems to be an encoder."""
    if sys.platform == "emscripten":  # in the browser no program can be started
        return False
    return shutil.which("ffmpeg") is not None or importlib.util.find_spec("imageio_ffmpeg") is not None


def find() -> str | None:
    """Return the path of an encoder, or None."""
    if not is_there():
        return None
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # it brought none for this machine
        return None
