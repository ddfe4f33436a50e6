"""The files of a log that its server may remove before they are read."""

from __future__ import annotations

import os
import re
import shutil
import threading
from pathlib import Path

_FILE = re.compile(r"[0-9A-F]{24}")
_EVERY_S = 0.05
SETTINGS = {"wal_recycle": "off"}  # a file that is used again would change under its other name


class KeptLog:
    """Gives every file of a server's log a second name, so that it outlives its first; the server must not reuse any.

    Parameters
    ----------
    log : Path
        The server's `pg_wal`.

    Attributes
    ----------
    folder : Path
        Where the second names are, beside the server's data.
    """

    def __init__(self, log: Path) -> None:
        self.folder = log.parents[1] / "kept_log"
        shutil.rmtree(self.folder, ignore_errors=True)  # an earlier run's
        self.folder.mkdir(mode=0o700)
        self._log = log
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def begin(self) -> None:
        """Keep what is there, and from now on what comes."""
        self.gather()
        self._thread.start()

    def end(self) -> None:
        """Keep what is there, and no more."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.gather()

    def gather(self) -> None:
        """Name the files that have no second name yet."""
        for file in self._log.iterdir():
            kept = self.folder / file.name
            if _FILE.fullmatch(file.name) and not kept.exists():
                try:
                    os.link(file, kept)
                except FileNotFoundError:  # it went just now: it was named before, or never held anything
                    continue

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            self.gather()
