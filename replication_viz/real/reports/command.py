"""The arguments of `replication-viz report`, and the report that they ask for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..errors import LabError
from .dsn import from_dsn
from .report import Report, from_csv

EPILOG = (
    "Samples, a few times: psql -c '\\copy (select now(), pg_current_wal_lsn(), * from pg_stat_replication) to stdout "
    "csv header'. Settings: SHOW ALL or pg_settings as CSV, or postgresql.conf."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `asked_for` reads."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="samples as CSV; - reads them from the input")
    parser.add_argument("--settings", metavar="FILE", help="the primary's settings")
    parser.add_argument("--slots", metavar="FILE", help="pg_replication_slots as CSV")
    parser.add_argument("--dsn", help="a connection string of the primary, instead of files; nothing is written to it")
    parser.add_argument("--samples", type=int, default=10, metavar="N", help="how many with --dsn; %(default)s")
    parser.add_argument("--every", type=float, default=1.0, metavar="S", help="time between them, s; %(default)g")
    parser.add_argument("--write-bytes", type=float, metavar="B", help="log bytes of one write")
    parser.add_argument("--bytes-per-s", type=float, metavar="B", help="rate of the log, where there is one sample")


def asked_for(options: argparse.Namespace) -> Report:
    """Return the report that the options ask for.

    Raises
    ------
    LabError
        If they do not go together, or something cannot be read or reached.
    """
    if (options.file is None) == (options.dsn is None):
        raise LabError("report needs a file of samples (- for the input), or --dsn: one of the two.")
    if options.dsn is not None:
        given = [name for name in ("settings", "slots", "bytes_per_s") if getattr(options, name) is not None]
        if given:
            raise LabError(f"--{given[0].replace('_', '-')} and --dsn cannot go together: the server is asked.")
        return from_dsn(options.dsn, options.samples, options.every, write_bytes=options.write_bytes)
    return from_csv(
        sys.stdin.read() if options.file == "-" else Path(options.file),
        None if options.settings is None else Path(options.settings),
        slots=None if options.slots is None else Path(options.slots),
        write_bytes=options.write_bytes,
        bytes_per_s=options.bytes_per_s,
    )
