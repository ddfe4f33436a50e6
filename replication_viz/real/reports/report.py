"""A report on somebody's own replication: lags, loss window, checklist, and a scenario that imitates it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from ...scenario import Scenario
from ..errors import LabError
from .checklist import Findings, Line, checklist
from .drawing import as_document, as_page, as_text
from .imitation import Imitation, imitate
from .lags import Spread, StandbyLag, WriteRate, standby_lags, write_rate
from .loss import LossWindow, Rule, loss_window, rule_of
from .samples import Samples, read_samples
from .sections import Section, counted, heading, sections
from .settings import Settings, read_settings
from .slots import Slot, read_slots
from .tables import Source

if TYPE_CHECKING:
    import pandas as pd

Tables = Literal["lag", "loss", "checklist"]


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """What samples and settings say about a primary and its standbys.

    Attributes
    ----------
    findings : Findings
        All that was read and computed.
    notes : tuple of str
        What is missing from the samples or had to be passed over, a sentence each.
    """

    findings: Findings
    notes: tuple[str, ...] = ()

    @property
    def standbys(self) -> tuple[StandbyLag, ...]:
        """Each standby with its three lags."""
        return self.findings.standbys

    @property
    def rate(self) -> WriteRate:
        """What the primary writes."""
        return self.findings.rate

    @property
    def rule(self) -> Rule:
        """What a commit waits for."""
        return self.findings.rule

    @property
    def loss(self) -> LossWindow:
        """What is lost if the primary dies now."""
        return self.findings.loss

    @cached_property
    def checklist(self) -> tuple[Line, ...]:
        """Every line, judged."""
        return checklist(self.findings)

    @cached_property
    def _imitation(self) -> Imitation:
        return imitate(self.findings)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the scenario had to assume, a sentence each."""
        return tuple(self._imitation.assumptions)

    @property
    def names(self) -> dict[str, str]:
        """The scenario's name of each standby, and its own."""
        return dict(self._imitation.names)

    def scenario(self) -> Scenario:
        """Return the scenario that imitates this; `assumptions` says what it had to assume."""
        return self._imitation.scenario()

    def frame(self, table: Tables = "lag") -> pd.DataFrame:
        """Return a table as a pandas DataFrame: seconds, bytes, bytes a second.

        Parameters
        ----------
        table : {"lag", "loss", "checklist"}
            Lags: a row for each standby and kind. Loss: a row for each who may be promoted. Checklist: a row a line.

        Raises
        ------
        LabError
            If there is no such table.
        """
        import pandas as pd

        if table not in get_args(Tables):
            raise LabError(f"table is {table!r}: it must be one of {', '.join(get_args(Tables))}.")
        if table == "checklist":
            return pd.DataFrame(map(_cells, self.checklist), columns=[one.name for one in fields(Line)])
        if table == "loss":
            return pd.DataFrame(map(_cells, self.loss.candidates))
        return pd.DataFrame({"standby": one.name, **_cells(lag)} for one in self.standbys for lag in one.lags.values())

    def _sections(self) -> list[Section]:
        return sections(self.findings, self.checklist, self._imitation, self.notes)

    def __str__(self) -> str:
        return as_text(self._sections())

    def __repr__(self) -> str:
        return f"Report({heading(self.findings)}: {counted(self.checklist)})"

    def page(self) -> str:
        """Return the report as a whole HTML file, without scripts."""
        return as_document("A report on your replication", self._sections())

    def _repr_html_(self) -> str:
        return as_page(self._sections())


def from_csv(
    samples: Source,
    settings: Source | Mapping[str, object] | None = None,
    *,
    slots: Source | None = None,
    write_bytes: float | None = None,
    bytes_per_s: float | None = None,
) -> Report:
    """Return the report on samples of `pg_stat_replication`.

    Parameters
    ----------
    samples : str or Path
        A text or a file: CSV, or as `psql` aligns it; PostgreSQL 10 to 18. Beside the view's own columns, `now` (or
        ts, time, sample_time, clock_timestamp) tells the samples apart, `pg_current_wal_lsn` is the end of the
        primary's log, `xact_commit` counts transactions. Unknown columns are ignored.
    settings : str, Path or mapping, optional
        The primary's: `SHOW ALL` or `pg_settings` as CSV, a `postgresql.conf`, or names and values.
    slots : str or Path, optional
        `pg_replication_slots` as CSV.
    write_bytes : float, optional
        Log bytes of one write, where the samples do not count transactions.
    bytes_per_s : float, optional
        The rate of the log, where there is one sample only.

    Raises
    ------
    LabError
        If something cannot be read: one sentence with what, the value, and what is allowed.

    Examples
    --------
    >>> report = from_csv(
    ...     "application_name,state,sent_lsn,write_lsn,flush_lsn,replay_lsn,sync_state\\n"
    ...     "s1,streaming,0/3000100,0/3000000,0/3000000,0/3000000,async\\n"
    ... )
    >>> report.standbys[0].lags["write"].behind_bytes.mean
    256.0
    """
    return make_report(
        read_samples(samples),
        read_settings(settings),
        read_slots(slots),
        write_bytes=write_bytes,
        bytes_per_s=bytes_per_s,
    )


def make_report(
    samples: Samples,
    settings: Settings,
    slots: tuple[Slot, ...] | None,
    *,
    write_bytes: float | None = None,
    bytes_per_s: float | None = None,
    notes: tuple[str, ...] = (),
) -> Report:
    """Return the report on what has been read."""
    rate = write_rate(samples, write_bytes, bytes_per_s)
    rule = rule_of(settings, samples)
    loss = loss_window(samples, rate, rule)
    findings = Findings(samples, settings, slots, rate, standby_lags(samples, rate), rule, loss)
    return Report(findings, (*samples.notes, *_unread(settings), *notes))


def _unread(settings: Settings) -> tuple[str, ...]:
    named = [name for name in settings.values if name in ("include", "include_if_exists", "include_dir")]
    if not (settings.is_file and named):
        return ()
    return (f"{', '.join(named)} in the settings is not followed: what stands there is not known.",)


def _cells(record: Any) -> dict[str, Any]:
    """Return the fields of a record as cells; a spread becomes three."""
    found: dict[str, Any] = {}
    for one in fields(record):
        value = getattr(record, one.name)
        if isinstance(value, Spread):
            found |= {f"{one.name}_{end}": getattr(value, end) for end in ("low", "mean", "high")}
        else:
            found[one.name] = value
    return found
