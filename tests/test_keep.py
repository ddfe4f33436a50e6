"""What is kept of a run: tables that are read back to the byte, pictures, pages, and what each says when it cannot."""

from __future__ import annotations

import builtins
import importlib.util
import io
import json
import subprocess
import sys
import zipfile
from itertools import cycle
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from PIL import Image

from replication_viz import run, scenarios, trace_files
from replication_viz.panels import Lab, keep
from replication_viz.scenario import Crash, Scenario, ScenarioError
from replication_viz.trace import Trace
from replication_viz.trace_files import Format, TraceFileError
from replication_viz.views import encoder
from replication_viz.views.poster import picture

from .runs import named_run
from .strategies import scenarios as any_scenario

SMALL = Scenario(name="small", title="Small & <odd>", duration_ms=300, seed=4, faults=(Crash(node="s2", at_ms=120),))


@pytest.fixture(scope="module")
def trace() -> Trace:
    return run(SMALL)


# -- there and back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "format"), list(zip(scenarios, cycle(trace_files.FORMATS), strict=False)))
def test_what_is_read_back_is_the_same_run_to_the_byte(name: str, format: Format) -> None:
    trace = named_run(name)
    back = trace_files.unpack(trace_files.pack(trace, format))
    assert back.digest() == trace.digest()
    assert (back.scenario, back.nodes) == (trace.scenario, trace.nodes)


@settings(max_examples=25, deadline=None)
@given(any_scenario())
def test_any_run_comes_back(scenario: Scenario) -> None:
    trace = run(scenario)
    for format in ("csv", "json"):
        assert trace_files.unpack(trace_files.pack(trace, format)).digest() == trace.digest()


@pytest.mark.parametrize("name", ["run.json", "run.zip", "run.parquet.zip"])
def test_a_file_is_written_in_the_format_that_its_name_tells(name: str, tmp_path: Path, trace: Trace) -> None:
    path = trace_files.save(trace, tmp_path / name)
    assert trace_files.load(path).digest() == trace.digest()
    if name != "run.json":
        ending = "parquet" if "parquet" in name else "csv"
        names = set(zipfile.ZipFile(path).namelist())
        assert {f"{table}.{ending}" for table in trace.tables()} < names


def test_the_same_run_gives_the_same_file(trace: Trace) -> None:
    for format in trace_files.FORMATS:
        assert trace_files.pack(trace, format) == trace_files.pack(trace, format)


def test_the_csv_files_are_for_people_and_the_scenario_beside_them_runs(trace: Trace) -> None:
    whole = zipfile.ZipFile(io.BytesIO(trace_files.pack(trace, "csv")))
    ops = pd.read_csv(whole.open("ops.csv"))
    assert list(ops.columns) == list(trace.ops.columns())
    assert set(ops.kind) <= {"write", "read"}
    assert set(ops.outcome) <= {"ok", "failed", "unknown"}
    assert set(ops.node.dropna()) <= set(trace.nodes)
    np.testing.assert_array_equal(ops.returned.to_numpy(), trace.ops.returned)
    levels = pd.read_csv(whole.open("levels.csv"))
    assert {"appended", "flushed", "committed"} <= set(levels.which)
    again = run(Scenario.from_json(whole.read("scenario.json")))
    assert again.digest() == trace.digest()
    assert "milliseconds" in whole.read("README.txt").decode()


def test_json_is_strict_and_names_what_it_is(trace: Trace) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    whole = json.loads(trace_files.pack(trace, "json"), parse_constant=refuse)
    assert (whole["format"], whole["version"]) == ("replication_viz trace", 1)
    assert whole["nodes"] == list(trace.nodes)
    assert set(whole["tables"]) == set(trace.tables())


def _json(trace: Trace, **changed: Any) -> bytes:
    return json.dumps({**json.loads(trace_files.pack(trace, "json")), **changed}).encode()


def _with(trace: Trace, table: str, column: str, row: int, value: Any) -> bytes:
    whole = json.loads(trace_files.pack(trace, "json"))
    whole["tables"][table][column][row] = value
    return json.dumps(whole).encode()


def _zip_without(trace: Trace, gone: str) -> bytes:
    whole, out = zipfile.ZipFile(io.BytesIO(trace_files.pack(trace, "csv"))), io.BytesIO()
    with zipfile.ZipFile(out, "w") as copy:
        for name in whole.namelist():
            if name != gone:
                copy.writestr(name, whole.read(name))
    return out.getvalue()


BAD = {
    "nothing": (lambda trace: b"", "neither JSON nor a zip"),
    "a list": (lambda trace: b"[1]", "no trace"),
    "another thing": (lambda trace: b'{"format": "a recipe"}', "'a recipe'"),
    "a later version": (lambda trace: _json(trace, version=2), "version 2"),
    "no scenario": (lambda trace: _json(trace, scenario={"replicas": 99}), "replicas"),
    "no tables": (lambda trace: _json(trace, tables={}), "table ops"),
    "no nodes": (lambda trace: _json(trace, nodes=None), "nodes"),
    "a text for a time": (lambda trace: _with(trace, "ops", "invoked", 3, "soon"), "ops.invoked in row 4"),
    "half a write": (lambda trace: _with(trace, "levels", "lsn", 1, 1.5), "levels.lsn in row 2"),
    "a huge code": (lambda trace: _with(trace, "marks", "peer", 0, 300), "marks.peer"),
    "an unknown node": (lambda trace: _with(trace, "flights", "source", 2, "s77"), "'s77' in row 3"),
    "an unknown kind": (lambda trace: _with(trace, "marks", "kind", 0, "party"), "'party' in row 1"),
    "a list in a column": (lambda trace: _with(trace, "marks", "kind", 0, []), "marks.kind"),
    "out of order": (lambda trace: _with(trace, "flights", "sent", 0, 299.0), "order of sent"),
    "a damaged zip": (lambda trace: trace_files.pack(trace, "csv")[:900], "zip"),
    "a zip of something": (lambda trace: _zip_without(trace, "scenario.json"), "scenario.json"),
    "a zip with a table gone": (lambda trace: _zip_without(trace, "marks.csv"), "table marks"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence_that_names_the_place(name: str, trace: Trace) -> None:
    make, part = BAD[name]
    with pytest.raises(TraceFileError) as caught:
        trace_files.unpack(make(trace))
    assert part in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_name_without_a_format_are_sentences(tmp_path: Path, trace: Trace) -> None:
    with pytest.raises(TraceFileError, match=r"cannot be read: No such file"):
        trace_files.load(tmp_path / "nowhere.json")
    with pytest.raises(TraceFileError, match=r"'run\.txt' tells no format"):
        trace_files.save(trace, tmp_path / "run.txt")
    with pytest.raises(TraceFileError, match=r"format is 'xml': it must be one of csv, json, parquet"):
        trace_files.pack(trace, "xml")  # type: ignore[arg-type]


@pytest.fixture
def without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *rest)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.usefixtures("without_pyarrow")
def test_without_pyarrow_parquet_is_not_offered_and_says_what_it_needs(trace: Trace) -> None:
    assert trace_files.formats() == ("csv", "json")
    with pytest.raises(TraceFileError, match=r"needs pyarrow, which is not installed here: pip install"):
        trace_files.pack(trace, "parquet")


# -- pictures ---------------------------------------------------------------------------------------------------------


def test_text_in_the_svg_is_text_and_the_same_picture_gives_the_same_bytes(trace: Trace) -> None:
    drawn = picture(trace, "svg", 150)
    assert drawn == picture(trace, "svg", 150)
    said = "".join(ElementTree.fromstring(drawn).itertext())
    assert "Small & <odd>" in said
    assert "acknowledged up to here" in said
    png = picture(trace, "png", 150, theme="dark")
    assert png == picture(trace, "png", 150, theme="dark")
    assert Image.open(io.BytesIO(png)).size == (980, 560)


# -- from a panel -----------------------------------------------------------------------------------------------------


@pytest.fixture
def lab() -> Lab:
    return Lab(SMALL, knobs=["ack"])


def test_what_a_panel_offers_can_be_made(lab: Lab) -> None:
    offered = keep.formats()
    assert {"csv", "json", "png", "svg", "gif", "html"} <= {one["format"] for one in offered}
    assert [one["format"] for one in lab.stage.bench["keeps"]] == [one["format"] for one in offered]
    assert all(one["label"] for one in offered)


@pytest.mark.parametrize(
    ("format", "name", "kind", "begins"),
    [
        ("csv", "small.zip", "application/zip", b"PK"),
        ("json", "small.json", "application/json", b'{"format":"replication_viz trace"'),
        ("parquet", "small.parquet.zip", "application/zip", b"PK"),
        ("png", "small.png", "image/png", b"\x89PNG"),
        ("svg", "small.svg", "image/svg+xml", b"<?xml"),
        ("gif", "small.gif", "image/gif", b"GIF89a"),
        ("html", "small.html", "text/html", b"<!doctype html>"),
    ],
)
def test_a_kept_file_has_a_name_a_type_and_what_is_shown(
    lab: Lab, format: str, name: str, kind: str, begins: bytes
) -> None:
    made = keep.file(format, lab)
    assert made[:2] == (name, kind)
    assert made[2].startswith(begins)
    if format in trace_files.FORMATS:
        assert trace_files.unpack(made[2]).digest() == lab.trace.digest()


def test_a_picture_is_of_the_moment_shown_even_where_a_longer_run_is_beside_it(lab: Lab) -> None:
    lab.stage.moment = 130.0
    assert keep.file("png", lab)[2] == picture(lab.trace, "png", 130)
    lab.compare()
    lab.show(SMALL.but(duration_ms=200))
    lab.stage.moment = 290.0  # of the run before, which lasts 300 ms
    assert keep.file("png", lab)[2] == picture(lab.trace, "png", 200)


def test_a_kept_page_compares_and_opens_as_the_panel_stands(lab: Lab) -> None:
    lab.compare()
    lab.show(SMALL.but(lag_ms=40))
    lab.stage.view, lab.stage.drawer, lab.stage.moment = "space-time", "story", 130.0
    html = keep.file("html", lab)[2].decode()
    state = json.loads(html.rpartition("window.rvStage.place(")[2].partition(");\n")[0])
    assert (state["view"], state["drawer"], state["moment"]) == ("space-time", "story", 130)
    assert state["was"]
    assert state["bench"]["live"] is False
    assert [fault["text"] for fault in state["bench"]["faults"]] == ["s2 crashes"]
    assert [row["label"] for row in state["bench"]["table"]["knobs"]] == ["lag"]
    assert "offers" not in state["bench"]


@pytest.mark.parametrize("wanted", ["exe", "", None, 3, ["csv"]])
def test_an_unknown_format_is_a_sentence(lab: Lab, wanted: Any) -> None:
    with pytest.raises(ScenarioError, match=r"is no format: formats are csv, json, "):
        keep.file(wanted, lab)


def test_a_format_whose_means_are_missing_is_a_sentence_and_not_offered(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "is_there", lambda: False)
    keep.formats.cache_clear()
    try:
        assert "mp4" not in {one["format"] for one in keep.formats()}
        with pytest.raises(ScenarioError, match="MP4 needs an encoder, and none is installed here"):
            keep.file("mp4", lab)
    finally:
        keep.formats.cache_clear()


def test_what_can_be_kept_is_known_without_loading_a_drawing_library() -> None:
    code = "import sys; from replication_viz.panels import keep; keep.formats(); print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
