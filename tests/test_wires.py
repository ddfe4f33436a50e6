"""The wires between real nodes: delay, jitter, hold, sever, bandwidth, and the notes of what they carried."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from replication_viz.real.errors import LabError
from replication_viz.real.wire_connection import RECORD
from replication_viz.real.wires import _RECORD, DATA, STATUS, Wires

from .test_postgres_stream import CLIENT, COPY_BOTH, OPENING, data, status

PATIENCE_S = 20


class Ends:
    """A node L with a server, a node s1 whose clients reach it over a wire. The test is both."""

    def __init__(self, folder):
        self.folder = folder
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "server"))
        self.listener.listen()
        self.listener.settimeout(PATIENCE_S)
        self.opened = [self.listener]
        self.wires = Wires(folder)
        self.wires.add("L", "s1", listen=folder / "wire", server=folder / "server")

    def client(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE_S)
        client.connect(str(self.folder / "wire"))
        self.opened.append(client)
        return client

    def accept(self):
        server, _ = self.listener.accept()
        server.settimeout(PATIENCE_S)
        self.opened.append(server)
        return server

    def pair(self):
        return self.client(), self.accept()

    def close(self):
        self.wires.close()
        for end in self.opened:
            end.close()


@pytest.fixture
def ends(tmp_path_factory):
    ends = Ends(tmp_path_factory.mktemp("w"))
    yield ends
    ends.close()


def received(end, size):
    """Return so many bytes, fewer if the stream ends before."""
    parts = bytearray()
    while len(parts) < size and (part := end.recv(min(2**16, size - len(parts)))):
        parts += part
    return bytes(parts)


def is_silent(end):
    return not select.select([end], [], [], 0)[0]


def round_trips(one, other, times=2):
    """Send there and back. After the second time, the proxy has gone round with what was sent before the first."""
    began = time.monotonic()
    for _ in range(times):
        one.sendall(b"?")
        assert received(other, 1) == b"?"
        other.sendall(b"!")
        assert received(one, 1) == b"!"
    return (time.monotonic() - began) / times


def replicating(client, server):
    """Open a replication connection."""
    for side, piece in [*OPENING, ("server", COPY_BOTH)]:
        sender, receiver = (client, server) if side is CLIENT else (server, client)
        sender.sendall(piece)
        assert received(receiver, len(piece)) == piece


def noted(wires, count):
    """Wait until so many messages are noted, and return them."""
    deadline = time.monotonic() + PATIENCE_S
    while len(found := wires.messages()) < count:
        assert time.monotonic() < deadline, found
    return found


# -- delay ----------------------------------------------------------------------------------------------------------


def test_bytes_arrive_whole_and_in_order_under_jitter_while_the_delay_changes(ends):
    client, server = ends.pair()
    numbers = np.arange(60_000, dtype="<u4").tobytes()

    def send():
        for at in range(0, len(numbers), 500):
            server.sendall(numbers[at : at + 500])
            if at % 20_000 == 0:
                ends.wires.delay("L", "s1", (20, 0, 7)[at // 20_000 % 3], spread=0.8, seed=at)
        server.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    assert received(client, 2 * len(numbers)) == numbers
    sender.join()


def test_each_direction_has_its_own_delay(ends):
    client, server = ends.pair()
    without = round_trips(client, server, 5)
    ends.wires.delay("L", "s1", 30)
    one_way = round_trips(client, server, 5)
    ends.wires.delay("s1", "L", 60, extra_ms=30)
    both_ways = round_trips(client, server, 5)
    assert without < 0.030 <= one_way
    assert both_ways >= 0.120
    assert both_ways / one_way == pytest.approx(4, rel=0.25)


def test_a_long_delay_does_not_slow_a_large_transfer(ends):
    ends.wires.delay("L", "s1", 200)
    client, server = ends.pair()
    whole = bytes(range(256)) * 2**17  # 32 MB: a window of one socket's buffer for each 200 ms would take 30 s
    sender = threading.Thread(target=lambda: (server.sendall(whole), server.close()))
    began = time.monotonic()
    sender.start()
    assert received(client, len(whole) + 1) == whole
    sender.join()
    assert time.monotonic() - began < PATIENCE_S / 2


# -- hold, release, sever ---------------------------------------------------------------------------------------------


def test_what_is_held_waits_one_way_only_and_nothing_of_it_is_lost(ends):
    client, server = ends.pair()
    side_client, side_server = ends.pair()
    ends.wires.hold("L", "s1")
    server.sendall(bytes(10**6) + b"end")
    client.sendall(b"status")
    assert received(server, 6) == b"status"
    for _ in range(2):  # the other way is open: once it has carried this, it had read what was sent before
        side_client.sendall(b"?")
        assert received(side_server, 1) == b"?"
    assert is_silent(client)
    ends.wires.release("L", "s1")
    assert received(client, 10**6 + 3) == bytes(10**6) + b"end"


@pytest.mark.parametrize("way", [("L", "s1"), ("s1", "L")])
def test_a_new_connection_waits_while_either_way_is_held(ends, way):
    ends.wires.add("L", "s2", listen=ends.folder / "other", server=ends.folder / "server")
    ends.wires.hold(*way)
    client = ends.client()
    client.sendall(b"hello")
    for _ in range(2):  # whole rounds of the proxy
        ends.wires.delay("L", "s2", 0)
    assert is_silent(ends.listener)
    ends.wires.release(*way)
    assert received(ends.accept(), 5) == b"hello"


def test_to_hold_and_release_both_ways_is_one_command(ends):
    client, server = ends.pair()
    ends.wires.hold("s1", "L", both_ways=True)
    client.sendall(b"?")
    server.sendall(b"!")
    for _ in range(2):  # whole rounds of the proxy
        ends.wires.messages()
    assert is_silent(client)
    assert is_silent(server)
    ends.wires.release("L", "s1", both_ways=True)
    assert (received(client, 1), received(server, 1)) == (b"!", b"?")


def test_to_sever_loses_what_is_on_its_way_and_new_connections_work(ends):
    client, server = ends.pair()
    replicating(client, server)
    server.sendall(data(100, 900, b"arrives"))
    assert received(client, len(data(100, 900, b"arrives"))) == data(100, 900, b"arrives")
    ends.wires.hold("L", "s1", both_ways=True)
    server.sendall(data(107, 900, b"is lost"))
    client.sendall(status(107, 107, 100))
    ends.wires.sever("s1", "L")
    assert received(client, 1) == b""
    assert received(server, 1) == b""
    ends.wires.release("L", "s1", both_ways=True)
    round_trips(*ends.pair())
    found = ends.wires.messages()
    assert found.where(~found.lost).lsns.tolist() == [[100, 107, 900]]
    lost = found.where(found.lost)
    assert lost.where(lost.kind == DATA).lsns.tolist() == [[107, 114, 900]]
    assert lost.where(lost.kind == STATUS).lsns.tolist() == [[107, 107, 100]]


def test_a_message_of_which_only_a_part_was_on_its_way_is_lost(ends):
    client, server = ends.pair()
    replicating(client, server)
    server.sendall(data(100, 900, bytes(1000))[:500])
    received(client, 500)
    ends.wires.sever("L", "s1")
    assert received(client, 1) == b""
    found = ends.wires.messages()
    assert (found.lsns.tolist(), found.lost.tolist()) == ([[100, 1100, 900]], [True])


# -- ends of connections ----------------------------------------------------------------------------------------------


def test_the_end_of_a_stream_travels_like_its_bytes_and_the_other_way_stays_open(ends):
    client, server = ends.pair()
    ends.wires.delay("s1", "L", 50)
    sent = time.monotonic()
    client.sendall(b"last")
    client.shutdown(socket.SHUT_WR)
    assert received(server, 100) == b"last"
    assert time.monotonic() - sent >= 0.050
    server.sendall(b"answer")
    server.close()
    assert received(client, 100) == b"answer"


def test_what_a_client_sent_before_it_went_still_arrives(ends):
    client, server = ends.pair()
    ends.wires.delay("s1", "L", 50)
    client.sendall(b"testament")
    client.close()
    server.sendall(b"to nobody")
    assert received(server, 100) == b"testament"


def test_what_comes_after_both_ends_have_gone_does_no_harm(ends):
    client, server = ends.pair()
    client.close()
    assert received(server, 1) == b""
    for delay_ms in (50, 100):
        ends.wires.delay("L", "s1", delay_ms)
        server.sendall(b"to nobody")
        for _ in range(2):  # whole rounds of the proxy: it has read that
            ends.wires.messages()
    round_trips(*ends.pair())


def test_a_refused_connection_ends_and_the_wire_works_once_the_server_is_there(ends):
    ends.wires.add("s1", "s2", listen=ends.folder / "w2", server=ends.folder / "later")
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect(str(ends.folder / "w2"))
            assert client.recv(1) == b""
    os.link(ends.folder / "server", ends.folder / "later")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(ends.folder / "w2"))
        round_trips(client, ends.accept())


# -- limits -----------------------------------------------------------------------------------------------------------


def transfer_s(server, client, size=250_000):
    began = time.monotonic()
    sender = threading.Thread(target=server.sendall, args=(bytes(size),))
    sender.start()
    assert len(received(client, size)) == size
    sender.join()
    return time.monotonic() - began


def test_a_quarter_of_the_bandwidth_takes_four_times_as_long(ends):
    client, server = ends.pair()
    ends.wires.bandwidth("L", "s1", 8)
    fast = transfer_s(server, client)
    ends.wires.bandwidth("L", "s1", 2)
    slow = transfer_s(server, client)
    assert slow / fast == pytest.approx(4, rel=0.25)
    assert slow == pytest.approx(1.0, rel=0.25)  # 2 Mbit in a second: defined by the link, not by the machine
    ends.wires.bandwidth("L", "s1", 0)
    assert transfer_s(server, client) < fast


def test_a_frozen_reader_stops_its_sender_in_the_end_and_nobody_else(ends):
    _, server = ends.pair()
    other_client, other_server = ends.pair()
    server.setblocking(False)
    taken, most = 0, 100 * 2**20
    while taken < most:
        round_trips(other_client, other_server, 1)
        try:
            for _ in range(64):
                taken += server.send(bytes(2**16))
        except BlockingIOError:
            if not select.select([], [server], [], 1)[1]:
                break
    assert 32 * 2**20 < taken < most
    round_trips(other_client, other_server)


# -- notes ------------------------------------------------------------------------------------------------------------


def test_the_messages_of_a_replication_stream_are_noted(ends):
    assert RECORD.size == _RECORD.itemsize
    ends.wires.delay("L", "s1", 20)
    client, server = ends.pair()
    replicating(client, server)
    began = time.monotonic()
    for start in (100, 103):
        server.sendall(data(start, 900, b"abc"))
        received(client, len(data(start, 900, b"abc")))
        client.sendall(status(start + 3, start, 7))
        received(server, len(status(0, 0, 0)))
    found = noted(ends.wires, 4)
    assert found.kind.tolist() == [DATA, STATUS] * 2
    assert found.lsns.tolist() == [[100, 103, 900], [103, 100, 7], [103, 106, 900], [106, 103, 7]]
    assert set(found.source) == {"L"}
    assert set(found.target) == {"s1"}
    assert not found.lost.any()
    took = found.written_at - found.read_at
    assert (took[found.kind == DATA] >= 0.020).all()
    assert (took[found.kind == STATUS] < 0.020).any()
    assert (found.read_at >= began).all()
    assert len(ends.wires.messages(since=found.read_at[2])) == 2
    assert len(found.where(found.kind == DATA)) == 2


def test_what_is_sent_to_a_receiver_that_is_gone_is_lost(ends):
    client, server = ends.pair()
    replicating(client, server)
    ends.wires.hold("s1", "L")  # the server does not hear of it
    client.close()
    server.sendall(data(100, 900, b"abc"))
    ends.wires.release("s1", "L")
    assert received(server, 1) == b""
    server.close()
    found = noted(ends.wires, 1)
    assert (found.lsns.tolist(), found.lost.tolist()) == ([[100, 103, 900]], [True])


def test_connections_that_do_not_replicate_leave_no_notes(ends):
    ends.wires.add("L", "app", listen=ends.folder / "app", server=ends.folder / "server", replication=False)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(ends.folder / "app"))
        server = ends.accept()
        replicating(client, server)
        server.sendall(data(1, 2, b"abc"))
        received(client, len(data(1, 2, b"abc")))
    round_trips(*ends.pair())  # not the protocol: passed, unread
    assert len(ends.wires.messages()) == 0


# -- the process ------------------------------------------------------------------------------------------------------


def test_when_the_wires_close_their_process_is_gone_and_every_connection_with_it(ends):
    client, server = ends.pair()
    ends.wires.close()
    assert ends.wires._process.returncode == 0
    assert (received(client, 1), received(server, 1)) == (b"", b"")
    assert not (ends.folder / "wire").exists()
    ends.wires.close()
    with pytest.raises(LabError, match="the process of the wires has ended"):
        ends.wires.hold("L", "s1")


def test_when_the_notebooks_process_is_killed_that_of_the_wires_ends(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from replication_viz.real.wires import Wires\n"
        "folder = Path(sys.argv[1]); wires = Wires(folder)\n"
        "wires.add('L', 's1', listen=folder / 'w', server=folder / 's')\n"
        "print(wires._process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as notebook:
        assert notebook.stdout is not None
        child = int(notebook.stdout.readline())
        os.kill(child, 0)
        notebook.send_signal(signal.SIGKILL)
    assert is_gone(child)


def is_gone(process):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
    return False


def test_a_dead_process_is_said_in_one_sentence(ends):
    ends.wires._process.kill()
    with pytest.raises(LabError, match=r"^the process of the wires has ended\.$"):
        ends.wires.hold("L", "s1")


def test_what_cannot_be_is_said_in_one_sentence(ends):
    wires = ends.wires
    with pytest.raises(LabError, match=r"^there is no wire between 'L' and 's9'; there is: L–s1\.$"):
        wires.sever("L", "s9")
    with pytest.raises(LabError, match=r"^ms is -1: it must be a number from 0 up\.$"):
        wires.delay("L", "s1", -1)
    with pytest.raises(LabError, match="spread is nan"):
        wires.delay("L", "s1", 1, spread=float("nan"))
    with pytest.raises(LabError, match="mbit is inf"):
        wires.bandwidth("L", "s1", float("inf"))
    with pytest.raises(LabError, match="shape is 'odd': it must be one of constant, lognormal, uniform, exponential"):
        wires.delay("L", "s1", 1, shape="odd")
    with pytest.raises(LabError, match="the wire from 's2' to 'L' cannot be made: Address already in use"):
        wires.add("L", "s2", listen=ends.folder / "wire", server=ends.folder / "server")
    with pytest.raises(LabError, match="cannot be made: AF_UNIX path too long"):
        wires.add("L", "s2", listen=ends.folder / ("x" * 120), server=ends.folder / "server")
    assert wires.pairs == (("L", "s1"),)
    round_trips(*ends.pair())
