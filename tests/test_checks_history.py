"""Histories: from a run, from a CSV file and back, and what is said of one that cannot be."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication_viz import Scenario, run
from replication_viz.checks import History, HistoryError, Operation
from replication_viz.checks.from_trace import contents, held
from replication_viz.checks.operation import ANSWERS, KINDS
from replication_viz.lsn import Lsn
from replication_viz.scenario import LEADER, Crash, Restart, StallDisk, Statement
from replication_viz.trace import OpKind, Position

from .strategies import scenarios

HEAD = "session,kind,key,value,call_ms,return_ms,outcome,expected,swapped,node,lsn,term,name,seen"


# -- CSV --------------------------------------------------------------------------------------------------------------


def test_a_row_with_every_column_is_read_as_it_stands():
    text = f"{HEAD}\na,cas,x,2,1.5,3,ok,,true,L,16/B374D848,2,w1,w0 w9\n"
    assert History.from_csv(text).operations == (
        Operation(
            *("a", "cas", "x", 2, 1.5, 3.0, "ok", None, True, "L"), Lsn.parse("16/B374D848"), 2, "w1", ("w0", "w9")
        ),
    )


def test_columns_may_be_left_out_and_stand_in_any_order_with_blanks_after_commas():
    history = History.from_csv("kind, key, call_ms, session\nREAD, 7, 1, b\n\nread, 07, 2, b\n")
    assert history[0] == Operation("b", "read", 7, None, 1.0, None, "unknown")
    assert history[1].key == "07"


def test_an_empty_outcome_is_ok_where_there_is_an_answer_and_unknown_where_there_is_none():
    history = History.from_csv("session,kind,key,value,call_ms,return_ms,outcome\na,write,x,1,0,1,\na,write,x,2,2,,\n")
    assert [operation.outcome for operation in history] == ["ok", "unknown"]


def test_a_read_that_saw_no_write_at_all_is_told_from_one_that_does_not_say():
    history = History.from_csv("session,kind,key,call_ms,return_ms,seen\na,read,x,0,1,-\na,read,x,2,3,\n")
    assert [operation.seen for operation in history] == [(), None]


def test_a_file_is_read_and_written(tmp_path: Path):
    path = tmp_path / "history.csv"
    history = History((Operation("a", "write", "x", 1, 0.1, 0.2), Operation("b", "read", "x", 1, 0.3, 0.4)))
    assert history.to_csv(path) == path.read_text("utf-8")
    assert path.read_text("utf-8").splitlines()[0] == "session,kind,key,value,call_ms,return_ms,outcome"
    assert History.from_csv(path) == History.from_csv(str(path)) == history


WORDS = st.text("abcxyz089-_é;,\"' ", min_size=1, max_size=4).filter(lambda word: word == word.strip() and word != "-")
VALUES = st.integers() | WORDS.filter(lambda word: not word.lstrip("-").isdecimal())
TIMES = st.floats(0, 1e6, allow_nan=False)
NAMES = st.sampled_from(["", "w1", "w2"])


@st.composite
def any_operation(draw: st.DrawFn) -> Operation:
    kind = draw(st.sampled_from(KINDS))
    outcome = draw(st.sampled_from(ANSWERS))
    call, took = draw(TIMES), draw(TIMES)
    swapped = draw(st.booleans()) if kind == "cas" and outcome == "ok" else None
    return Operation(
        session=draw(WORDS),
        kind=kind,
        key=draw(VALUES),
        value=draw(VALUES | st.none()) if kind == "read" else draw(VALUES),
        call_ms=call,
        return_ms=call + took if outcome == "ok" else draw(st.none() | st.just(call + took)),
        outcome=outcome,
        expected=draw(st.none() | VALUES) if kind == "cas" else None,
        swapped=swapped,
        node=draw(st.sampled_from(["", "L", "s1"])),
        lsn=draw(st.none() | st.integers(0, 2**64 - 1)),
        term=draw(st.none() | st.integers(0, 9)),
        name=draw(NAMES),
        seen=draw(st.none() | st.lists(st.sampled_from(["w1", "w2"]), unique=True).map(tuple)),
    )


@given(st.lists(any_operation(), max_size=6), st.booleans())
def test_what_is_written_is_read_back_whole(operations: list[Operation], positions: bool):
    if positions:
        operations = [o._replace(lsn=Lsn(o.lsn)) if isinstance(o.lsn, int) else o for o in operations]
    history = History(tuple(operations))
    assert History.from_csv(history.to_csv()) == history


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,write,x,1,soon,1", "row 2, column call_ms is 'soon': it must be a time in ms."),
        ("a,write,x,1,2,1", "row 2, column return_ms is 1: it must be a time in ms from call_ms = 2 on."),
        ("a,write,x,1,nan,1", "row 2, column call_ms is nan: it must be a time in ms."),
        ("a,write,x,,0,1", "row 2, column value is empty: it must be what the write puts there."),
        ("a,wrote,x,1,0,1", "row 2, column kind is 'wrote': it must be one of read, write, cas."),
        ("a,read,,1,0,1", "row 2, column key is '': it must be a number or a name."),
        (",read,x,1,0,1", "row 2, column session is '': it must be a name."),
        ("\na,read,x,1,0,1\na,read,x,1", "row 4 has 4 cells: it must have 6, one for each column."),
        ('a,read,x,1,0,"1', "line 2 is not CSV: unexpected end of data."),
    ],
)
def test_a_wrong_row_is_one_sentence_with_row_column_value_and_what_is_allowed(text: str, message: str):
    with pytest.raises(HistoryError) as error:
        History.from_csv(f"session,kind,key,value,call_ms,return_ms\n{text}\n")
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("column", "cell", "allowed"),
    [
        ("return_ms", "x", "a time in ms"),
        ("outcome", "fine", "one of ok, failed, unknown"),
        ("swapped", "perhaps", "true or false"),
        ("swapped", "true", "empty: a read compares nothing"),
        ("expected", "1", "empty: a read compares nothing"),
        ("lsn", "0x1/0", "a whole number, or a position such as 16/B374D848"),
        ("term", "one", "a whole number"),
        ("name", "w 1", "a name without blanks"),
    ],
)
def test_a_wrong_cell_of_an_optional_column_is_told_likewise(column: str, cell: str, allowed: str):
    with pytest.raises(HistoryError) as error:
        History.from_csv(f"session,kind,key,call_ms,{column}\na,read,x,1,\na,read,x,1,{cell}\n")
    assert str(error.value).startswith(f"row 3, column {column} is ")
    assert cell in str(error.value)
    assert str(error.value).endswith(f": it must be {allowed}.")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("\n", "column 'session' is missing"),
        ("session,kind,key,call\n", "column 'call' is not known: allowed are session, kind, key"),
        ("session,kind,key,call_ms,key\n", "column 'key' stands there twice"),
        ("session,kind,key\n", "column 'call_ms' is missing"),
        ("nowhere.csv", "nowhere.csv cannot be read: No such file or directory."),
        ("session,kind,key,value,call_ms,lsn\na,write,x,1,0,5\na,write,x,2,1,0/5\n", "lsn is a number in some"),
    ],
)
def test_what_is_no_history_is_told(source: str, message: str):
    with pytest.raises(HistoryError, match=rf"^{message}"):
        History.from_csv(source)


def test_an_operation_made_by_hand_is_checked_too():
    with pytest.raises(HistoryError, match=r"^swapped of operation 1 is empty: it must be true or false where"):
        History((Operation("a", "read", "x", None, 0, 1), Operation("a", "cas", "x", 1, 0, 1)))


# -- runs -------------------------------------------------------------------------------------------------------------

CALM = Scenario(duration_ms=400, rate_per_s=500, reads_per_s=500, keys=5, clients=4, read_from=LEADER)


def test_the_history_of_a_run_has_its_operations_in_its_order():
    trace = run(CALM)
    history, ops = History.of(trace), trace.ops
    assert [operation.call_ms for operation in history] == ops.invoked.tolist()
    assert [operation.key for operation in history] == ops.key.tolist()
    assert [operation.session for operation in history] == [str(client) for client in ops.client]
    writes = [operation for operation in history if operation.kind == "write"]
    assert [operation.value for operation in writes] == ops.value[ops.kind == OpKind.WRITE].tolist()
    assert {operation.node for operation in history} == {LEADER}
    assert {operation.term for operation in history} == {1}
    assert repr(history) == f"History({len(ops)} operations, 5 keys, 4 sessions)"


def test_a_read_of_a_run_returned_the_last_write_to_its_key_up_to_the_position_that_it_saw():
    history = History.of(run(CALM.but(read_from="random", lag_ms=20)))
    log = {o.lsn: o for o in history if o.kind == "write"}
    for read in (operation for operation in history if operation.kind == "read"):
        assert isinstance(read.lsn, int)
        seen = [log[lsn] for lsn in range(1, read.lsn + 1) if log[lsn].key == read.key]
        assert read.value == (seen[-1].value if seen else None)


def test_what_a_crash_erased_from_the_log_is_never_read_though_its_position_comes_again():
    # The leader's disk stalls, so the crash takes what waits for its flush; later writes get the same positions.
    faults = (
        StallDisk(node=LEADER, at_ms=90, flush_ms=80),
        Crash(node=LEADER, at_ms=150),
        Restart(node=LEADER, at_ms=160),
    )
    history = History.of(run(CALM.but(faults=faults, reads_per_s=5_000)))
    lsns = [o.lsn for o in history if o.kind == "write" and o.lsn is not None]
    twice = {lsn for lsn in lsns if lsns.count(lsn) > 1}
    assert twice
    erased = {o.value for o in history if o.kind == "write" and o.lsn in twice and o.outcome == "unknown"}
    seen = {o.value for o in history if o.kind == "read"}
    assert not seen & erased
    assert seen & {o.value for o in history if o.kind == "write" and o.lsn in twice}


def test_what_an_operator_runs_is_no_operation_of_a_client():
    ruined = run(CALM.but(faults=(Statement(what="delete_rows", at_ms=200),)))
    assert len(History.of(ruined)) == len(ruined.ops) - 1


@settings(deadline=None)
@given(scenarios(reads_per_s=300))
def test_the_history_of_any_run_is_written_and_read_back(scenario: Scenario):
    history = History.of(run(scenario))
    assert History.from_csv(history.to_csv()) == history


def test_what_a_node_shows_and_what_its_log_holds_differ_while_replay_waits():
    trace = run(CALM.but(apply_delay_ms=100, reads_per_s=0))
    shown, log = contents(trace, 300), held(trace, "s1", 300)
    assert all(value in log[key] for key, value in shown["s1"].items())
    assert all(len(log[key]) > len([v for v in log[key] if v == value]) for key, value in shown["s1"].items())
    assert shown[LEADER] != shown["s1"]
    newest = trace.ops.value[trace.ops.lsn <= trace.at(LEADER, Position.COMMITTED, 300)].max()
    assert newest in shown[LEADER].values()
