"""The real lab in a notebook: what is shown with servers and without, what goes wrong in a sentence, nothing left."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from replication_viz import Scenario, measures, run, scenarios
from replication_viz.panels import RealDesk, RealLab, real_lab
from replication_viz.panels.verdict import VerdictPanel
from replication_viz.real.binaries import MARIADB_VARIABLE, POSTGRES_VARIABLE, postgres
from replication_viz.real.calibration import Block, Calibration
from replication_viz.real.errors import LabError, MissingServerError
from replication_viz.real.predicting import Case, Comparison, Experiment, Line
from replication_viz.real.recorded_runs import of_case, result
from replication_viz.real.rescue import Restored, drop_and_restore, failover_drill, split_brain
from replication_viz.trace import MarkKind
from replication_viz.views.stage import Stage
from replication_viz.views.style import STYLE

SHORT = Scenario(replicas=1, ack="async", rate_per_s=200, network_ms=0, network_spread=0, duration_ms=200)
WRITES = Experiment(
    name="writes",
    question="How many writes are answered?",
    unit="writes",
    cases=(Case("async", SHORT), Case("s1", SHORT.but(ack="s1"))),
    measure=lambda trace: float(len(measures.commit_latency(trace).samples)),
    whole=True,
)
RECORDED = Comparison(
    "writes",
    WRITES.question,
    "writes",
    (Line("async", 30, 40, 50, (41, 44)), Line("s1", 30, 40, 50, (60,))),
    "PostgreSQL 18.6",
    recorded=True,
)
MACHINE = Calibration((Block(1.0, 0.2, 0.3, 0.2, 0.5),) * 3, "PostgreSQL 18.6")


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """One small experiment, its recorded measurement, and a machine that is known already."""
    for module in ("real_lab", "real_desk"):
        monkeypatch.setattr(f"replication_viz.panels.{module}.EXPERIMENTS", {"writes": WRITES})
    monkeypatch.setattr(real_lab, "recorded_comparisons", lambda: {"writes": RECORDED})
    monkeypatch.setattr(real_lab, "calibrate", lambda cluster: MACHINE)


class FakeCluster:
    """Servers that do at once what the simulator says; remembers how many are up."""

    up = 0

    def __init__(self, replicas: int) -> None:
        self.standbys = [f"s{number}" for number in range(1, replicas + 1)]
        self.leader, self.changed = "L", False
        self.programs = type("Programs", (), {"version": "18.6"})()

    def __enter__(self) -> FakeCluster:
        FakeCluster.up += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        FakeCluster.up -= 1


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No real server: the simulator takes its place."""
    monkeypatch.setattr(real_lab, "Cluster", FakeCluster)
    monkeypatch.setattr(real_lab, "run", lambda scenario, cluster: run(scenario))
    yield
    assert FakeCluster.up == 0


# -- where servers run ------------------------------------------------------------------------------------------------


def test_first_the_prediction_then_the_measurement_in_the_same_interval(fake: None) -> None:
    with RealLab(1) as lab:
        predicted = lab.predict("writes")
        assert [line.measured for line in predicted.comparison.lines] == [(), ()]
        found = lab.measure("writes", repetitions=2)
    assert [len(line.measured) for line in found.comparison.lines] == [2, 2]
    pairs = zip(predicted.comparison.lines, found.comparison.lines, strict=True)
    assert all((one.low, one.high) == (other.low, other.high) for one, other in pairs)
    assert 20 < found.measured("async") < 70
    assert not found.comparison.recorded


def test_every_prediction_is_made_before_anything_is_measured(fake: None) -> None:
    told: list[str] = []
    with RealLab(1) as lab:
        lab.compared("writes", tell=lambda done, count, doing: told.append(f"{done}/{count} {doing}"))
    assert told == ["0/2 predicting: async", "1/2 predicting: s1", "0/2 measuring: async", "1/2 measuring: s1"]


def test_the_trace_of_a_case_is_that_of_its_last_measurement(fake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with RealLab(1) as lab:
        lab.measure("writes")
        monkeypatch.setattr(real_lab, "run", lambda scenario, cluster: pytest.fail("it was measured"))
        assert lab.trace("writes", "async").scenario.seed == 1_000
        sentence, stage = lab.stage("writes", "async").children
    assert "as it happened on the servers here" in sentence.value
    assert isinstance(stage, Stage)


def test_an_experiment_after_closing_starts_servers_of_its_own_and_stops_them(fake: None) -> None:
    lab = RealLab(1)
    lab.close()
    lab.close()
    assert "stopped" in repr(lab)
    assert lab.measure("writes").inside > 0
    assert lab.cluster is None


def test_after_an_error_the_next_run_begins_anew(fake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(scenario: Scenario, cluster: object) -> None:
        raise LabError("the wire is cut.")

    monkeypatch.setattr(real_lab, "run", broken)
    with RealLab(1) as lab:
        with pytest.raises(LabError, match="the wire is cut"):
            lab.measure("writes")
        assert lab.cluster is not None
        assert lab.cluster.changed


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda lab: lab.predict("magic"), "there is no experiment 'magic': there are writes"),
        (lambda lab: lab.trace("writes", "sync"), "label is 'sync': it must be one of async, s1"),
        (lambda lab: lab.measure("writes").measured("sync"), "label is 'sync'"),
    ],
)
def test_what_is_unknown_is_said_with_what_there_is(fake: None, ask: Callable[[RealLab], Any], says: str) -> None:
    with RealLab(1) as lab, pytest.raises(LabError, match=says):
        ask(lab)


# -- where none can run -----------------------------------------------------------------------------------------------


def nowhere() -> RealLab:
    return RealLab(1, recorded=True)


def test_where_no_server_can_run_it_says_why_and_shows_what_was_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(POSTGRES_VARIABLE, str(tmp_path))
    lab = RealLab(1)
    assert lab.cluster is None
    assert "No server runs here" in repr(lab)
    assert POSTGRES_VARIABLE in lab._repr_html_()
    assert lab.measure("writes").comparison is RECORDED
    with pytest.raises(LabError, match=POSTGRES_VARIABLE), lab.running():
        pass


def test_a_client_library_that_is_missing_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(replicas: int) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(real_lab, "Cluster", without)
    assert RealLab(1).why_recorded.startswith("psycopg is not installed: `pip install 'replication-viz[real]'`")


def test_a_recorded_prediction_hides_what_was_measured() -> None:
    panel = nowhere().predict("writes")
    assert [line.measured for line in panel.comparison.lines] == [(), ()]
    assert "Recorded earlier on another machine" in repr(panel)


def test_a_recorded_case_is_a_real_run_and_another_one_is_said_to_be_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = nowhere()
    assert lab.shows("writes", "async") == "“async”, simulated: no server runs here, and this case was not recorded."
    assert len(lab.trace("writes", "async").ops) > 20
    monkeypatch.setattr(real_lab, "of_case", lambda name, label: run(SHORT.but(seed=7)))
    assert "another machine's servers" in lab.shows("writes", "async")
    assert lab.trace("writes", "async").scenario.seed == 7


def test_what_an_operator_did_was_recorded_too() -> None:
    lab = nowhere()
    assert lab.do(split_brain).kept == 0
    assert lab.do(drop_and_restore).restored == 1_500
    assert lab.do(drop_and_restore, lose_a_file=True).restored == 0
    assert measures.drill(lab.do(failover_drill)).lost == 0
    assert lab.lost_on_valkey(SHORT) > 0
    assert lab.on_mariadb(SHORT).scenario == scenarios["semi_sync_falls_back"]
    assert isinstance(result("drop_and_restore"), Restored)
    with pytest.raises(LabError, match="no result of 'magic' was recorded"):
        result("magic")


def test_the_recorded_cases_are_cases_of_experiments() -> None:
    from replication_viz.real.experiments import EXPERIMENTS
    from replication_viz.real.recorded_runs import CASES, trace

    for name, (experiment, label) in CASES.items():
        scenarios = {case.label: case.scenario for case in EXPERIMENTS[experiment].cases}
        assert trace(name).scenario == scenarios[label], "it has changed: call recorded_runs.record() again"
        assert of_case(experiment, label) is not None
    assert of_case("writes", "async") is None


# -- the panel of one comparison --------------------------------------------------------------------------------------


def test_a_panel_gives_the_median_and_the_share_inside() -> None:
    panel = VerdictPanel(RECORDED)
    assert panel.measured("async") == 42.5
    assert panel.inside == pytest.approx(2 / 3)


def test_a_panel_follows_the_theme_of_the_page() -> None:
    panel = VerdictPanel(RECORDED)
    light = panel.chart._image.value
    panel._page.theme = "dark"
    assert panel.chart._image.value != light
    assert panel.chart.colour["ground"] == STYLE.ground.dark
    assert "median 42.5 writes" in repr(panel)


def test_without_live_widgets_there_are_the_picture_and_its_table() -> None:
    data, _ = VerdictPanel(RECORDED)._repr_mimebundle_()
    assert data["text/plain"].startswith("Predicted and measured: How many writes are answered?")
    assert "<table>" in data["text/html"]
    encoded = data["text/html"].split("base64,")[1].split('"')[0]
    assert base64.b64decode(encoded).startswith(b"\x89PNG")


# -- the desk ---------------------------------------------------------------------------------------------------------


def test_the_desk_predicts_measures_and_shows_what_happened(fake: None) -> None:
    with RealLab(1) as lab:
        desk = RealDesk(lab, "writes")
        assert desk.message.startswith("How many writes are answered?")
        desk.predicting.click()
        [panel] = desk._result.children
        assert [line.measured for line in panel.comparison.lines] == [(), ()]
        desk.measuring.click()
        assert [len(line.measured) for line in panel.comparison.lines] == [1, 1]
        assert "of the measurements lie in their predicted interval" in desk.message
        desk.case.value = "s1"
        desk.looking.click()
        [stage] = desk._picture.children
        assert stage.trace.scenario.ack == "s1"


def test_the_desk_stops_the_servers_that_it_started(fake: None) -> None:
    lab = RealLab(1)
    lab.close()
    RealDesk(lab, "writes").measuring.click()
    assert FakeCluster.up == 0


@pytest.mark.parametrize(
    ("error", "says"), [(LabError("the wire is cut."), "the wire is cut."), (KeyboardInterrupt(), "Stopped.")]
)
def test_what_goes_wrong_is_a_sentence_and_the_desk_goes_on(
    fake: None, monkeypatch: pytest.MonkeyPatch, error: BaseException, says: str
) -> None:
    with RealLab(1) as lab:
        desk = RealDesk(lab, "writes")
        with monkeypatch.context() as patch:

            def broken(scenario: Scenario, cluster: object) -> None:
                raise error

            patch.setattr(real_lab, "run", broken)
            desk.measuring.click()
        assert desk.message.startswith(says)
        assert 'role="status"' in desk._says.value
        assert not desk.measuring.disabled
        desk.measuring.click()
        assert "lie in their predicted interval" in desk.message


def test_while_it_measures_the_desk_takes_no_other_order(fake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def measured(scenario: Scenario, cluster: object) -> Any:
        seen.append(
            all(b.disabled for b in (desk.experiment, desk.predicting, desk.measuring, desk.case, desk.looking))
        )
        return run(scenario)

    monkeypatch.setattr(real_lab, "run", measured)
    with RealLab(1) as lab:
        desk = RealDesk(lab, "writes")
        desk.measuring.click()
    assert seen == [True, True]


def test_without_a_server_the_desk_says_so_and_shows_the_recorded_measurement() -> None:
    desk = RealDesk(nowhere(), "writes")
    assert "No server runs here" in desk.message
    desk.measuring.click()
    [panel] = desk._result.children
    assert panel.comparison is RECORDED
    desk.looking.click()
    assert "simulated" in desk.message


# -- real servers -----------------------------------------------------------------------------------------------------


@contextmanager
def real() -> Iterator[RealLab]:
    try:
        postgres()
    except MissingServerError as error:
        pytest.skip(str(error))
    with RealLab(1) as lab:
        yield lab


@pytest.mark.real
def test_with_real_servers_the_lab_measures_and_leaves_nothing_behind() -> None:
    with real() as lab:
        assert lab.cluster is not None
        folder = lab.cluster.guard.folder
        assert "PostgreSQL" in repr(lab)
        found = lab.measure("writes").comparison
        # The same writes are asked for as in a simulation. How many of them are answered in time is the machine's.
        asked = len(run(SHORT.but(seed=1_000)).ops)
        assert all(0 < line.measured[0] <= asked for line in found.lines)
        assert replace(found, lines=RECORDED.lines).server == MACHINE.server
    assert not folder.exists()


def test_without_mariadb_a_recorded_run_is_shown_and_it_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(MARIADB_VARIABLE, str(tmp_path / "none"))
    lab = nowhere()
    lab.why_recorded = ""  # PostgreSQL is there
    trace = lab.on_mariadb(SHORT)
    assert trace.scenario == scenarios["semi_sync_falls_back"], "it has changed: call recorded_runs.record() again"
    assert (trace.marks.kind == MarkKind.FELL_BACK).sum() == 1
    assert 0.7 < len(measures.lost(trace)) / len(measures.lost(run(trace.scenario))) < 1.4
    said = capsys.readouterr().out
    assert said.startswith(MARIADB_VARIABLE)
    assert said.endswith("What follows was recorded on another machine.\n")
