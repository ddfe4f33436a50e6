"""PostgreSQL's replication protocol as it goes by: the same messages, however the bytes are cut."""

import struct
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication_viz.real.postgres_stream import DATA, STATUS, Conversation

CLIENT, SERVER = "client", "server"
SSL_REQUEST, GSS_REQUEST = struct.pack("!ii", 8, 80877103), struct.pack("!ii", 8, 80877104)


def startup(words=b"user\0lab\0replication\0true\0\0"):
    return struct.pack("!ii", 8 + len(words), 196608) + words


def typed(letter, body=b""):
    return letter + struct.pack("!i", 4 + len(body)) + body


def data(start, end_of_log, payload):
    return typed(b"d", b"w" + struct.pack("!3Q", start, end_of_log, 77) + payload)


def status(written, flushed, applied):
    return typed(b"d", b"r" + struct.pack("!4Q", written, flushed, applied, 77) + b"\0")


READY = typed(b"R", struct.pack("!i", 0)) + typed(b"S", b"TimeZone\0UTC\0") + typed(b"Z", b"I")
OPENING = [(CLIENT, startup()), (SERVER, READY), (CLIENT, typed(b"Q", b"START_REPLICATION 0/1000000\0"))]
COPY_BOTH = typed(b"W", b"\0\0\0")
KEEPALIVE = typed(b"d", b"k" + struct.pack("!2Q", 9, 77) + b"\1")


def feed(conversation, steps):
    """Return the messages, without where they end; each end is checked against the bytes that were sent."""
    found, sent = [], {CLIENT: 0, SERVER: 0}
    ends: dict[str, list[int]] = {CLIENT: [], SERVER: []}
    for side, piece in steps:
        for message in conversation.from_client(piece) if side is CLIENT else conversation.from_server(piece):
            found.append((message.kind, *message.lsns))
            ends[side].append(message.end)
        sent[side] += len(piece)
    assert all(0 < end <= sent[side] for side in ends for end in ends[side])
    assert all(before < after for side in ends for before, after in pairwise(ends[side]))
    return found


lsns = st.integers(0, 2**64 - 1)
ours = st.one_of(
    st.tuples(st.just(DATA), st.integers(0, 2**63), lsns, st.binary(max_size=90)),
    st.tuples(st.just(STATUS), lsns, lsns, lsns),
    st.sampled_from([KEEPALIVE, typed(b"d", b"w"), typed(b"d")]),
    st.just(typed(b"d", b"h" + bytes(24))),
)


def as_step(message):
    if isinstance(message, bytes):
        return (CLIENT if message[5:6] == b"h" else SERVER), message, None
    kind, first, second, third = message
    if kind == DATA:
        return SERVER, data(first, second, third), (DATA, first, first + len(third), second)
    return CLIENT, status(first, second, third), (STATUS, first, second, third)


@given(st.lists(ours, max_size=12), st.lists(st.sampled_from([SSL_REQUEST, GSS_REQUEST]), max_size=2), st.data())
def test_any_cutting_gives_the_same_messages(messages, requests, draw):
    refused = [step for request in requests for step in ((CLIENT, request), (SERVER, b"N"))]
    steps = [as_step(message) for message in messages]
    whole = [*refused, *OPENING, (SERVER, COPY_BOTH), *((side, piece) for side, piece, _ in steps)]
    cut = []
    for side, piece in whole:
        places = sorted(draw.draw(st.sets(st.integers(1, max(1, len(piece) - 1)), max_size=6)))
        cut += [(side, piece[a:b]) for a, b in pairwise([0, *places, len(piece)])]
    assert feed(Conversation(), cut) == [expected for _, _, expected in steps if expected]


def test_messages_that_come_together_are_told_apart_and_each_ends_where_it_ends():
    conversation = Conversation()
    feed(conversation, OPENING)
    first, second = data(100, 900, b"abc"), data(103, 900, b"")
    before = len(READY) + len(COPY_BOTH)
    found = conversation.from_server(COPY_BOTH + first + KEEPALIVE + second)
    assert [message.lsns for message in found] == [(100, 103, 900), (103, 103, 900)]
    assert [message.end for message in found] == [
        before + len(first),
        before + len(first) + len(KEEPALIVE) + len(second),
    ]


def test_a_message_is_known_by_its_head_before_its_payload_has_come():
    conversation = Conversation()
    feed(conversation, [*OPENING, (SERVER, COPY_BOTH)])
    message = data(100, 900, bytes(1000))
    [found] = conversation.from_server(message[:30])
    assert found.lsns == (100, 1100, 900)
    assert found.end == len(READY) + len(COPY_BOTH) + len(message)
    assert conversation.from_server(message[30:]) == []


def test_copies_of_another_kind_are_no_replication():
    base_backup = [(SERVER, typed(b"H", b"\0\0\0")), (SERVER, data(1, 2, b"")), (SERVER, typed(b"c"))]
    assert feed(Conversation(), [*OPENING, *base_backup]) == []
    switched = [(SERVER, COPY_BOTH), (SERVER, data(1, 2, b"")), (SERVER, typed(b"Z", b"I")), (SERVER, data(3, 4, b""))]
    assert feed(Conversation(), [*OPENING, *switched]) == [(DATA, 1, 1, 2)]


@pytest.mark.parametrize("answer", [b"S", b"G"])
def test_what_is_encrypted_is_not_read(answer):
    secret = [(CLIENT, status(1, 2, 3)), (SERVER, COPY_BOTH + data(1, 2, b""))]
    assert feed(Conversation(), [(CLIENT, SSL_REQUEST), (SERVER, answer), *secret]) == []


def test_an_error_in_place_of_the_answer_is_read_as_an_error():
    steps = [(CLIENT, SSL_REQUEST), (SERVER, typed(b"E", b"SFATAL\0\0")), *OPENING, (SERVER, COPY_BOTH)]
    assert feed(Conversation(), [*steps, (SERVER, data(1, 2, b"x"))]) == [(DATA, 1, 2, 2)]


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_what_is_no_protocol_at_all_does_no_harm(from_client, from_server):
    conversation = Conversation()
    conversation.from_client(from_client)
    conversation.from_server(from_server)
    for message in conversation.from_server(data(1, 2, b"")):
        assert message.kind == DATA


def test_a_payload_of_many_parts_costs_no_more_than_its_parts():
    part, parts = bytes(2**16), 4096
    conversation = Conversation()
    feed(conversation, [*OPENING, (SERVER, COPY_BOTH)])
    head = typed(b"d", b"w" + struct.pack("!3Q", 5, 9, 77))
    whole = b"d" + struct.pack("!i", len(head) - 1 + parts * len(part)) + head[5:]
    began = time.process_time()
    assert [message.lsns for message in conversation.from_server(whole)] == [(5, 5 + parts * len(part), 9)]
    for _ in range(parts):
        assert conversation.from_server(part) == []
    skipping = time.process_time() - began
    began = time.process_time()
    for _ in range(64):
        bytearray(part * 64)
    assert skipping < time.process_time() - began  # 256 MB skipped in less than two copies of it take
    assert len(conversation.from_server(data(6, 9, b""))) == 1
