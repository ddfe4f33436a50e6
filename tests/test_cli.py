"""The command line: what it prints, what it refuses, what it copies; the last part from the built wheel."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from replication_viz import cli, run, scenarios
from replication_viz.measures import summary

from .checkout import NOTEBOOKS, install, new_environment

# -- run --------------------------------------------------------------------------------------------------------------


def test_the_list_names_every_scenario_with_its_title(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["run", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(scenarios)
    assert all(line.endswith(scenarios[line.split()[0]].title) for line in lines)


def test_a_run_prints_each_measure_on_a_line_with_the_units_aligned(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["run", "idle_network"]) == 0
    title, blank, *lines = capsys.readouterr().out.splitlines()
    measures = summary(run(scenarios["idle_network"]))
    assert title.startswith(scenarios["idle_network"].title)
    assert blank == ""
    assert [line.split("  ")[0] for line in lines] == [m.name for m in measures]
    columns = {re.search(r" ms( |$)", line).start() for line in lines if re.search(r" ms( |$)", line)}  # type: ignore[union-attr]
    assert len(columns) == 1


def test_json_holds_the_same_numbers_and_a_text_to_share(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["run", "idle_network", "--seed", "7", "--set", "replicas=2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    wanted = scenarios["idle_network"].but(seed=7, replicas=2)
    assert answer["share"] == wanted.share()
    assert [(m["name"], m["value"]) for m in answer["measures"]] == [
        (m.name, pytest.approx(m.value)) for m in summary(run(wanted))
    ]


def test_a_share_text_and_a_json_file_mean_the_scenario_that_they_were_made_of(tmp_path: Path):
    wanted = scenarios["slow_replay"].but(seed=5)
    path = tmp_path / "mine.json"
    path.write_text(wanted.to_json())
    assert cli.find_scenario(wanted.share()) == wanted
    assert cli.find_scenario(str(path)) == wanted


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["run"], "needs a scenario"),
        (["run", "idle_netwrk"], "idle_network"),
        (["run", "nowhere.json"], "cannot be read"),
        (["run", "rv1.damaged"], "damaged"),
        (["run", "idle_network", "--set", "ack=SOME 1 (s1)"], "ack"),
        (["run", "idle_network", "--set", "replicas"], "field=value"),
        (["run", "idle_network", "--set", "lag_ms=-1"], "lag_ms"),
        (["run", "idle_network", "--set", "lag_ms=NaN"], "lag_ms"),
        (["run", "idle_network", "--seed", "-4"], "seed"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert part in captured.err
    assert len(captured.err.splitlines()) == 1


def test_a_legal_scenario_that_blocks_for_ever_is_run_with_a_warning(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["run", "idle_network", "--set", "ack=ANY 4 (*)", "--set", "replicas=3"]) == 0
    captured = capsys.readouterr()
    assert "no commit will ever return" in captured.err
    assert "writes answered" in captured.out


# -- page -------------------------------------------------------------------------------------------------------------


def test_a_page_is_written_where_it_is_asked_for_and_by_default_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["page", "idle_network", "--seed", "7"]) == 0
    html = Path("idle_network.html").read_text(encoding="utf-8")
    assert scenarios["idle_network"].but(seed=7).share() in html
    assert capsys.readouterr().out == f"Wrote idle_network.html, {len(html.encode()) / 1000:.0f} kB.\n"
    assert cli.main(["page", scenarios["idle_network"].share(), "-o", "there.html", "--title", "Mine"]) == 0
    assert "<h1>Mine</h1>" in Path("there.html").read_text(encoding="utf-8")


def test_a_page_compares_and_begins_where_it_is_told(tmp_path: Path):
    path = tmp_path / "two.html"
    told = ["--was", "idle_network", "--moment", "250", "--view", "space-time", "--theme", "dark"]
    assert cli.main(["page", "idle_network", "--set", "replicas=2", "-o", str(path), *told]) == 0
    html = path.read_text(encoding="utf-8")
    state = json.loads(html.rpartition("window.rvStage.place(")[2].partition(");\n")[0])
    assert (state["moment"], state["view"], bool(state["was"])) == (250, "space-time", True)
    assert '<html lang="en" data-theme="dark">' in html


def test_a_page_with_sliders_holds_each_combination(tmp_path: Path):
    path = tmp_path / "grid.html"
    grid = ["--grid", "ack=async,FIRST 1 (s1, s2)", "--grid", "lag_ms=0,50"]
    assert cli.main(["page", "idle_network", "-o", str(path), *grid]) == 0
    html = path.read_text(encoding="utf-8")
    for ack in ("async", "FIRST 1 (s1, s2)"):
        for lag in (0, 50):
            assert scenarios["idle_network"].but(ack=ack, lag_ms=lag).share() in html


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["page", "idle_netwrk"], "idle_network"),
        (["page", "idle_network", "--was", "nobody"], "nobody"),
        (["page", "idle_network", "--moment", "-5"], "the moment is -5 ms"),
        (["page", "idle_network", "--grid", "lag_ms"], "field=value,value"),
        (["page", "idle_network", "--grid", "lag_ms="], "field=value,value"),
        (["page", "idle_network", "--grid", "colour=1,2"], "'colour' is not a knob"),
        (["page", "idle_network", "--grid", "lag_ms=1,1"], "the value 1 twice"),
        (["page", "idle_network", "--grid", "lag_ms=0,-1"], "with lag_ms = -1"),
        (["page", "idle_network", "--grid", "lag_ms=0,1", "--grid", "lag_ms=2"], "names lag_ms twice"),
        (["page", "idle_network", "--grid", "lag_ms=0,1", "--was", "idle_network"], "cannot go together"),
        (["page", "idle_network", "-o", "nowhere/page.html"], "nowhere/page.html cannot be written"),
    ],
)
def test_a_page_that_cannot_be_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    part: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("replication-viz: ")
    assert part in captured.err
    assert captured.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


# -- lab: copying -----------------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / ".ipynb_checkpoints" / "00.ipynb").write_text("a checkpoint")
    (folder / "00.ipynb").write_text("first, version 1")
    (folder / "01.ipynb").write_text("second, version 1")
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.glob("*.ipynb")}


def test_the_first_copy_brings_every_lesson_and_no_checkpoint(shipped: Path, tmp_path: Path):
    cli.copy_lessons(shipped, tmp_path / "mine")
    assert contents(tmp_path / "mine") == contents(shipped)
    assert not (tmp_path / "mine" / ".ipynb_checkpoints").exists()


def test_a_new_version_replaces_the_untouched_lesson_and_keeps_the_edited_one(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    mine = tmp_path / "mine"
    cli.copy_lessons(shipped, mine)
    (mine / "01.ipynb").write_text("second, and my answer")
    (shipped / "00.ipynb").write_text("first, version 2")
    (shipped / "01.ipynb").write_text("second, version 2")
    for _ in range(2):  # the second time has to remember that the edit is the reader's
        cli.copy_lessons(shipped, mine)
        assert contents(mine) == {"00.ipynb": "first, version 2", "01.ipynb": "second, and my answer"}
        assert f"Kept your {mine / '01.ipynb'}" in capsys.readouterr().out


def test_a_file_that_was_there_before_is_never_overwritten(shipped: Path, tmp_path: Path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "00.ipynb").write_text("mine from the start")
    (mine / cli.MANIFEST).write_text("{ damaged")
    cli.copy_lessons(shipped, mine)
    assert contents(mine) == {"00.ipynb": "mine from the start", "01.ipynb": "second, version 1"}


def test_a_lesson_that_was_deleted_comes_back(shipped: Path, tmp_path: Path):
    mine = tmp_path / "mine"
    cli.copy_lessons(shipped, mine)
    (mine / "00.ipynb").unlink()
    cli.copy_lessons(shipped, mine)
    assert contents(mine) == contents(shipped)


def test_the_lessons_of_a_checkout_are_opened_in_place(shipped: Path):
    cli.copy_lessons(shipped, shipped)
    assert not (shipped / cli.MANIFEST).exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "taken").write_text("a file")
    assert cli.main(["lab", str(tmp_path / "taken")]) == 2
    assert "cannot be copied" in capsys.readouterr().err


def test_flags_after_the_folder_go_on_to_jupyterlab():
    assert cli.split_flags(["lab", "--port", "9999"]) == (["lab"], ["--port", "9999"])
    assert cli.jupyter_command(Path("mine"), ["--port", "9999"])[-2:] == ["--port", "9999"]


# -- from the wheel ---------------------------------------------------------------------------------------------------


def command_of(python: Path) -> str:
    return str(python.parent / ("replication-viz.exe" if os.name == "nt" else "replication-viz"))


def test_the_installed_command_runs_a_scenario(wheel_python: Path, tmp_path: Path):
    done = subprocess.run(
        [command_of(wheel_python), "run", "start_here"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "commit latency, median" in done.stdout


def test_the_installed_command_and_the_module_are_the_same(wheel_python: Path, tmp_path: Path):
    answers = {
        subprocess.run([*command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for command in ([command_of(wheel_python)], [str(wheel_python), "-m", "replication_viz"])
    }
    assert answers == {"replication-viz 0.1.0\n"}


def test_without_jupyterlab_the_lessons_are_copied_and_a_sentence_says_what_is_missing(
    wheel_python: Path, tmp_path: Path
):
    done = subprocess.run(
        [command_of(wheel_python), "lab", "mine"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "JupyterLab is not installed" in done.stderr
    assert contents(tmp_path / "mine") == {path.name: path.read_text() for path in NOTEBOOKS}


def page_at(address: str) -> bytes:
    """Return a page. JupyterLab prints its address a moment before it listens there."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:
                page: bytes = answer.read()
                return page
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(0.1)
    pytest.fail(f"nothing listens at {address}")


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ on Windows")
def test_the_installed_lab_prints_an_address_that_opens_the_first_lesson(wheel: Path, tmp_path: Path):
    python = new_environment(tmp_path / "env")
    install(python, f"replication-viz[lab] @ {wheel.as_uri()}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"], "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    command = [command_of(python), "lab", "mine", "--port", str(port), "--ServerApp.port_retries=0"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            address = re.search(
                rf"http://(localhost|127\.0\.0\.1):{port}/lab/tree/00_start_here\.ipynb\?token=\w+", line
            )
            if address:
                break
        else:
            pytest.fail("no address was printed:\n" + "".join(lines))
        assert b"JupyterLab" in page_at(address[0])
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert contents(tmp_path / "mine") == {path.name: path.read_text() for path in NOTEBOOKS}
