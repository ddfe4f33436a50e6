"""``pg_lsn``: what a live PostgreSQL 15 accepted, rejected and computed."""

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication_viz.lsn import Lsn, LsnError

from .reference import case_id, cases

POSITIONS = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize("case", cases("pg_lsn", "pg_lsn input"), ids=case_id)
def test_a_live_server_reads_the_same_texts(case: dict[str, Any]):
    text, expected = case["inputs"]["text"], case["expected"]
    if expected["accept"]:
        lsn = Lsn.parse(text)
        assert (str(lsn), str(lsn.position)) == (expected["canonical"], expected["bytes"])
    else:
        with pytest.raises(LsnError) as error:
            Lsn.parse(text)
        assert error.value.sqlstate == "22P02"
        assert error.value.detail == f'invalid input syntax for type pg_lsn: "{text}"'


@pytest.mark.parametrize("case", cases("pg_lsn", "pg_lsn expression"), ids=case_id)
def test_a_live_server_computes_the_same(case: dict[str, Any]):
    expected = case["expected"]
    if isinstance(expected, dict):
        with pytest.raises(LsnError) as error:
            computed(case["inputs"]["sql"])
        assert error.value.detail == expected["error"]
    else:
        assert computed(case["inputs"]["sql"]) == expected


def computed(sql: str) -> str:
    """Return the value of an expression in `Lsn`'s words, as the server prints it."""
    many = re.fullmatch(r"(max|min)\(x\) from \(values (.*)\) v\(x\)", sql)
    if many:
        lsns = map(Lsn.parse, re.findall(r"'([^']*)'", many[2]))
        return str(max(lsns) if many[1] == "max" else min(lsns))
    words = re.sub(r"\bpg_walfile_name\('([^']*)'\)", r"Lsn.parse('\1').wal_file()", sql)
    words = re.sub(r"\bpg_wal_lsn_diff\('([^']*)', *'([^']*)'\)", r"Lsn.parse('\1') - Lsn.parse('\2')", words)
    words = re.sub(r"('[^']*')::pg_lsn", r"Lsn.parse(\1)", words).replace("::text", "")
    words = re.sub(r"('[^']*'|[\d.]+)::numeric", r"Decimal(\1)", words)
    words = re.sub(r"(?<![<>=])=", "==", words).replace("<>", "!=")
    value = eval(words, {"Lsn": Lsn, "Decimal": Decimal})
    return str(value).lower() if isinstance(value, bool) else str(value)


@given(POSITIONS)
def test_a_position_is_read_back_from_its_text(position: int):
    assert Lsn.parse(str(Lsn(position))) == Lsn(position)
    assert Lsn.parse(str(Lsn(position)).lower()) == Lsn(position)


@given(POSITIONS, POSITIONS)
def test_positions_compare_and_subtract_as_numbers(a: int, b: int):
    assert (Lsn(a) < Lsn(b)) == (a < b)
    assert Lsn(a) - Lsn(b) == a - b
    assert Lsn(b) + (Lsn(a) - Lsn(b)) == Lsn(a)
    assert len({Lsn(a), Lsn(a), Lsn(b)}) == (1 if a == b else 2)


@pytest.mark.parametrize(
    ("start", "distance", "end"),
    [
        ("0/10", Decimal("0.5"), "0/11"),
        ("0/10", Decimal("0.4"), "0/10"),
        ("0/10", Decimal("1.5"), "0/12"),
        ("0/10", Decimal("-0.5"), "0/10"),
        ("0/0", Decimal("-0.4"), "0/0"),
        ("FFFFFFFF/FFFFFFFF", Decimal("0.4"), "FFFFFFFF/FFFFFFFF"),
        ("0/FFFFFFFF", 1, "1/0"),
        ("0/1", -1, "0/0"),
    ],
)
def test_bytes_are_added_and_taken_away_as_on_a_live_server(start: str, distance: int | Decimal, end: str):
    assert Lsn.parse(start) + distance == distance + Lsn.parse(start) == Lsn.parse(end)
    assert Lsn.parse(start) - -distance == Lsn.parse(end)


@pytest.mark.parametrize(
    ("start", "distance", "sqlstate", "detail"),
    [
        ("0/0", Decimal("-0.5"), "22023", "pg_lsn out of range"),
        ("FFFFFFFF/FFFFFFFF", Decimal("0.5"), "22023", "pg_lsn out of range"),
        ("0/1", Decimal("1e30"), "22023", "pg_lsn out of range"),
        ("0/1", Decimal("NaN"), "0A000", "cannot add NaN to pg_lsn"),
        ("0/1", Decimal("Infinity"), "0A000", "cannot convert infinity to pg_lsn"),
    ],
)
def test_what_leads_out_of_the_log_is_the_servers_error(start: str, distance: Decimal, sqlstate: str, detail: str):
    with pytest.raises(LsnError) as error:
        Lsn.parse(start) + distance
    assert (error.value.sqlstate, error.value.detail) == (sqlstate, detail)
    assert str(error.value).endswith(".")


def test_nan_cannot_be_taken_away_in_the_servers_words():
    with pytest.raises(LsnError, match=r"^cannot subtract NaN from pg_lsn: "):
        Lsn(1) - Decimal("NaN")


@pytest.mark.parametrize("wrong", [0.5, "1", Lsn(1), True])
def test_only_a_number_of_bytes_can_be_added(wrong: Any):
    with pytest.raises(TypeError):
        Lsn(1) + wrong


@pytest.mark.parametrize(
    ("text", "name", "since_17"),
    [
        ("0/1000000", "000000010000000000000000", "000000010000000000000001"),
        ("0/FFFFFF", "000000010000000000000000", "000000010000000000000000"),
        ("1/0", "0000000100000000000000FF", "000000010000000100000000"),
        ("0/0", "00000001FFFFFFFF000000FF", "000000010000000000000000"),
        ("FFFFFFFF/FFFFFFFF", "00000001FFFFFFFF000000FF", "00000001FFFFFFFF000000FF"),
    ],
)
def test_a_position_on_the_border_of_two_files_names_the_earlier_one_up_to_version_16(
    text: str, name: str, since_17: str
):
    assert Lsn.parse(text).wal_file() == name
    assert Lsn.parse(text).wal_file(server=17) == since_17


def test_the_name_of_a_file_says_timeline_and_follows_the_size_of_segments():
    lsn = Lsn.parse("16/B374D848")
    assert lsn.wal_file(timeline=10) == "0000000A00000016000000B3"
    assert lsn.wal_file(segment_bytes=2**20) == "000000010000001600000B37"
    assert lsn.wal_file(segment_bytes=2**30) == "000000010000001600000002"


@pytest.mark.parametrize("wrong", [{"timeline": 0}, {"segment_bytes": 3 * 2**20}, {"segment_bytes": 2**31}])
def test_a_file_that_no_server_has_is_an_error(wrong: dict[str, int]):
    with pytest.raises(ValueError, match=r"^\w+ is \d+: it must be .*\.$"):
        Lsn(1).wal_file(**wrong)
