"""Samples of `pg_stat_replication`: some as a live PostgreSQL 18 and psql wrote them, some computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from replication_viz.lsn import Lsn
from replication_viz.real.errors import LabError

T = TypeVar("T")

COLUMNS = (
    "now,pg_current_wal_lsn,xact_commit,pid,usesysid,usename,application_name,client_addr,client_hostname,client_port,"
    "backend_start,backend_xmin,state,sent_lsn,write_lsn,flush_lsn,replay_lsn,write_lag,flush_lag,replay_lag,"
    "sync_priority,sync_state,reply_time"
)

# psql --csv, four times half a second apart, on one machine, two clients of pgbench
LIVE = f"""{COLUMNS}
2026-11-23 11:51:18.424109+00,0/4033580,912,7994,10,postgres,s1,,,-1,2026-11-23 11:51:17.04151+00,,streaming,0/4033580,0/4033580,0/4033518,0/4033518,00:00:00.000265,00:00:00.000265,00:00:00.000265,1,quorum,2026-11-23 11:51:18.437246+00
2026-11-23 11:51:18.424109+00,0/4033580,912,8012,10,postgres,s2,,,-1,2026-11-23 11:51:17.755461+00,,streaming,0/4033580,0/4033580,0/4033518,0/4033518,00:00:00.000139,00:00:00.000139,00:00:00.000139,1,quorum,2026-11-23 11:51:18.437162+00
2026-11-23 11:51:18.956529+00,0/4041460,1965,7994,10,postgres,s1,,,-1,2026-11-23 11:51:17.04151+00,,streaming,0/4041460,0/4041390,0/40412C0,0/40412C0,00:00:00.001033,00:00:00.001436,00:00:00.001436,1,quorum,2026-11-23 11:51:18.954747+00
2026-11-23 11:51:18.956529+00,0/4041460,1965,8012,10,postgres,s2,,,-1,2026-11-23 11:51:17.755461+00,,streaming,0/4041460,0/4041460,0/4041390,0/40412C0,00:00:00.000183,00:00:00.000183,00:00:00.00266,1,quorum,2026-11-23 11:51:18.955973+00
2026-11-23 11:51:19.475094+00,0/404E6A8,1967,7994,10,postgres,s1,,,-1,2026-11-23 11:51:17.04151+00,,streaming,0/404E6A8,0/404E6A8,0/404E6A8,0/404E6A8,00:00:00.000147,00:00:00.000876,00:00:00.001047,1,quorum,2026-11-23 11:51:19.472806+00
2026-11-23 11:51:19.475094+00,0/404E6A8,1967,8012,10,postgres,s2,,,-1,2026-11-23 11:51:17.755461+00,,streaming,0/404E6A8,0/404E6A8,0/404E6A8,0/404E6A8,00:00:00.000126,00:00:00.000925,00:00:00.000996,1,quorum,2026-11-23 11:51:19.472946+00
2026-11-23 11:51:19.994963+00,0/405F3F0,3075,7994,10,postgres,s1,,,-1,2026-11-23 11:51:17.04151+00,,streaming,0/405F3F0,0/405F320,0/405F2B8,0/405F2B8,00:00:00.000111,00:00:00.000111,00:00:00.000111,1,quorum,2026-11-23 11:51:19.995803+00
2026-11-23 11:51:19.994963+00,0/405F3F0,3075,8012,10,postgres,s2,,,-1,2026-11-23 11:51:17.755461+00,,streaming,0/405F3F0,0/405F388,0/405F320,0/405F2B8,00:00:00.000214,00:00:00.000513,00:00:00.000513,1,quorum,2026-11-23 11:51:19.99596+00
"""  # noqa: E501

# what psql prints without --csv
ALIGNED = """\
             now              | pid  | usename  | application_name |   state   | sent_lsn  | write_lsn | flush_lsn | replay_lsn |    write_lag
------------------------------+------+----------+------------------+-----------+-----------+-----------+-----------+------------+-----------------
2026-11-23 11:51:20.527545+00 | 7994 | postgres | s1               | streaming | 0/4071538 | 0/4071538 | 0/4071538 | 0/4071538  | 00:00:00.000621
2026-11-23 11:51:20.527545+00 | 8012 | postgres | s2               | streaming | 0/4071538 | 0/4071538 | 0/4071530 | 0/4071538  | 00:00:00.000177
(2 rows)
"""  # noqa: E501

# what a role without pg_monitor gets
UNPRIVILEGED = """\
now,pid,usesysid,usename,application_name,client_addr,state,sent_lsn,write_lsn,flush_lsn,replay_lsn,write_lag,sync_state
2026-11-23 11:51:20.59572+00,7994,10,postgres,s1,,,,,,,,
2026-11-23 11:51:20.59572+00,8012,10,postgres,s2,,,,,,,,
"""

SLOTS = """\
slot_name,plugin,slot_type,datoid,database,temporary,active,active_pid,xmin,catalog_xmin,restart_lsn,confirmed_flush_lsn,wal_status,safe_wal_size
dead,,physical,,,f,f,,,,0/3000028,,reserved,
"""

SHOW_ALL = """\
name,setting,description
data_checksums,on,Shows whether data checksums are turned on for this cluster.
max_slot_wal_keep_size,-1,Sets the maximum WAL size that can be reserved by replication slots.
max_standby_streaming_delay,30s,"Sets the maximum delay before canceling queries, and so on."
synchronous_standby_names,"ANY 1 (s1, s2)",Number of synchronous standbys and their names.
wal_keep_size,64MB,Sets the size of WAL files held for standby servers.
wal_segment_size,16MB,Shows the size of write ahead log segments.
wal_sender_timeout,1min,Sets the maximum time to wait for WAL replication.
"""

PG_SETTINGS = """\
name,setting,unit,category
data_checksums,on,,Preset Options
max_slot_wal_keep_size,-1,MB,Replication / Sending Servers
max_standby_streaming_delay,30000,ms,Replication / Standby Servers
synchronous_standby_names,"ANY 1 (s1, s2)",,Replication / Primary Server
wal_keep_size,64,MB,Replication / Sending Servers
wal_segment_size,16777216,B,Preset Options
wal_sender_timeout,60000,ms,Replication / Sending Servers
"""

CONF = """\
# PostgreSQL configuration file
listen_addresses = ''\t\t# what IP address(es) to listen on;
#wal_keep_size = 1GB\t\t# in megabytes; 0 disables
wal_keep_size=128MB
wal_sender_timeout 60s
max_slot_wal_keep_size = -1
max_standby_streaming_delay = '30 s'
log_line_prefix = '%m [%p] it''s # no comment '
synchronous_standby_names = 'ANY 1 (s1, s2)'   # the rule
wal_keep_size = 64MB   # the last one counts
"""

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = 0x1_0000_0000
RATE = 80_000  # bytes a second: 800 writes of 100 B


def streamed(
    one_way_s: Mapping[str, float],
    *,
    held_s: Mapping[str, float] | None = None,
    replay_s: Mapping[str, float] | None = None,
    samples: int = 6,
    every_s: float = 1.0,
    rate: float = RATE,
    state: Mapping[str, str] | None = None,
) -> str:
    """Return samples of a primary that writes steadily, as it sees them: each answer is as old as the way back.

    Parameters
    ----------
    one_way_s : mapping of str to float
        Delay to each standby, and back, s.
    held_s : mapping of str to float
        For how long nothing has reached a standby, nor come back, at the last sample, s.
    replay_s : mapping of str to float
        By how much more replay is behind, s.
    """
    lines = ["now,pg_current_wal_lsn,application_name,state,sent_lsn,write_lsn,flush_lsn,replay_lsn,write_lag,"
             "flush_lag,replay_lag,sync_state"]  # fmt: skip
    end = (samples - 1) * every_s
    for i in range(samples):
        at = i * every_s
        head = written_at(at, rate)
        for name, delay in one_way_s.items():
            late = (replay_s or {}).get(name, 0.0)
            heard = min(at - 2 * delay, end - (held_s or {}).get(name, 0.0) - delay)
            known = written_at(heard, rate)
            row = [
                (BEGIN + timedelta(seconds=at)).isoformat(sep=" "),
                head,
                name,
                (state or {}).get(name, "streaming"),
                head,
                known,
                known,
                written_at(heard - late, rate),
                interval(2 * delay),
                interval(2 * delay),
                interval(2 * delay + late),
                "async",
            ]
            lines.append(",".join(map(str, row)))
    return "\n".join(lines) + "\n"


def written_at(at_s: float, rate: float = RATE) -> Lsn:
    """Return where the log ends at a time."""
    return Lsn(START + round(rate * at_s))


def interval(seconds: float) -> str:
    """Return a length of time as PostgreSQL prints it."""
    minutes, rest = divmod(seconds, 60)
    return f"00:{int(minutes):02}:{rest:09.6f}"


def told(make: Callable[[], T]) -> T | str:
    """Return what is made, or the sentence with which it is refused."""
    try:
        return make()
    except LabError as error:
        return str(error)
