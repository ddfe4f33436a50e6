"""The wires between real servers: what they note is what the servers say."""

import time

import numpy as np
import pytest

from replication_viz.lsn import Lsn
from replication_viz.real.wires import DATA, STATUS

PATIENCE_S = 20


@pytest.fixture
def cluster():
    from replication_viz.real.cluster import Cluster
    from replication_viz.real.errors import MissingServerError

    try:
        with Cluster(1) as cluster:
            yield cluster
            for server in cluster.servers.values():
                server.stop()
    except MissingServerError as error:
        pytest.skip(str(error))


@pytest.mark.real
def test_the_notes_say_what_a_real_primary_says_of_its_standby(cluster):
    primary, wires = cluster.servers["L"], cluster.wires
    wires.delay("L", "s1", 3, spread=0.5)
    wires.delay("s1", "L", 2, spread=0.5)
    primary.ask("CREATE TABLE written AS SELECT generate_series(1, 20000) AS number")
    written = Lsn.parse(primary.ask("SELECT pg_current_wal_flush_lsn()")[0][0]).position
    deadline = time.monotonic() + PATIENCE_S
    while True:
        [row] = primary.ask("SELECT sent_lsn, write_lsn, flush_lsn, replay_lsn FROM pg_stat_replication")
        sent, *reported = (Lsn.parse(text).position for text in row)
        found = wires.messages()
        sides = [found.where(found.kind == kind) for kind in (DATA, STATUS)]
        if min(reported) >= written and sides[1].lsns[-1].tolist() == reported:
            break
        assert time.monotonic() < deadline
    log, statuses = sides
    assert log.lsns[:, 1].max() == sent
    assert (log.lsns[1:, 0] == log.lsns[:-1, 1]).all()  # part after part, none missing
    assert (np.diff(statuses.lsns[:, 1:], axis=0) >= 0).all()  # "written" begins anew with the segment at each start
    assert not found.lost.any()
    for status_at, flushed in zip(statuses.read_at, statuses.lsns[:, 1], strict=True):
        arrived = log.lsns[log.written_at <= status_at, 1]
        assert flushed <= arrived.max(initial=statuses.lsns[0, 1])  # nobody reports what has not come
