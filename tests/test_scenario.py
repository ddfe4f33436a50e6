"""Scenarios as data: what is refused and how, variants, JSON, share texts, the registry, and what an import loads."""

import json
import string
import subprocess
import sys
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from replication_viz import Scenario, ScenarioError, run, scenarios
from replication_viz.scenario import (
    Change,
    Crash,
    CutLink,
    LinkDelay,
    NodeSettings,
    Partition,
    PauseReplay,
    Restart,
    SlowReplay,
    StallDisk,
    field_info,
)
from replication_viz.scenario.faults import CHANGEABLE
from replication_viz.scenario.share import VERSION, join, split

from .runs import named_run
from .strategies import five_more_faults
from .strategies import scenarios as any_scenario

relaxed = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
NAN, INF = float("nan"), float("inf")


def complaint(make: Any) -> str:
    """Return the one sentence with which something is refused."""
    with pytest.raises(ScenarioError) as error:
        make()
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    assert len(text) < 600
    return text


# -- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"rate_per_s": -1}, "rate_per_s is -1: it must be at least 0."),
        ({"rate_per_s": NAN}, "rate_per_s is nan: it must be a finite number."),
        ({"rate_per_s": INF}, "rate_per_s is inf: it must be a finite number."),
        ({"rate_per_s": -INF}, "rate_per_s is -inf: it must be a finite number."),
        ({"rate_per_s": 2e6}, "rate_per_s is 2000000.0: it must be at most 1,000,000."),
        ({"rate_per_s": "100"}, "rate_per_s is '100': it must be a number."),
        ({"rate_per_s": None}, "rate_per_s is None: it must be a number."),
        ({"rate_per_s": True}, "rate_per_s is True: it must be a number."),
        ({"replicas": 10}, "replicas is 10: it must be at most 9."),
        ({"replicas": 2.5}, "replicas is 2.5: it must be a whole number."),
        ({"replicas": "2"}, "replicas is '2': it must be a whole number."),
        ({"replicas": True}, "replicas is True: it must be a whole number."),
        ({"seed": 2**32}, "seed is 4294967296: it must be at most 4,294,967,295."),
        ({"duration_ms": 0}, "duration_ms is 0: it must be at least 1."),
        ({"level": "off"}, "level is 'off': it must be 'local', 'remote_write', 'on' or 'remote_apply'."),
        ({"ack": 1}, "ack is 1: it must be a text."),
        ({"title": "x" * 81}, f"title is '{'x' * 59}…: it must be at most 80 characters long."),
        ({"rate_pr_s": 5}, "rate_pr_s is not a field here: did you mean rate_per_s?"),
        ({"networkms": 5}, "networkms is not a field here: did you mean network_ms?"),
        (
            {"read_from": "s4"},
            "read_from is 's4': it must be one of 'random', 'round_robin', 'nearest', 'leader', "
            "or a node; nodes are L, s1, s2, s3.",
        ),
        ({"nodes": {"s10": {}}}, "nodes names 's10': it must be L or s1 to s9."),
        ({"nodes": {"s²": {}}}, "nodes names 's²': it must be L or s1 to s9."),
        ({"nodes": {"s1": 3}}, "nodes.s1 is 3: it must be a mapping from field names to values."),
        ({"nodes": {"s1": {"lag_ms": -2}}}, "nodes.s1.lag_ms is -2: it must be at least 0."),
        ({"nodes": {"s1": {"lag_ms": "2"}}}, "nodes.s1.lag_ms is '2': it must be a number."),
        ({"nodes": {"s1": {"lagms": 2}}}, "nodes.s1.lagms is not a field here: did you mean lag_ms?"),
        ({"nodes": 5}, "nodes is 5: it must be a mapping from names to settings."),
        ({"faults": 5}, "faults is 5: it must be a list."),
        ({"faults": [5]}, "faults[0] is 5: it must be a mapping from field names to values."),
        ({"faults": [{"node": "s1", "at_ms": 1}]}, "faults[0].kind is missing."),
        ({"faults": [{"kind": "crash", "node": "s1"}]}, "faults[0].at_ms is missing."),
        (
            {"faults": [{"kind": "crash", "at_ms": 1, "nod": "s1"}]},
            "faults[0].nod is not a field here: did you mean node?",
        ),
        ({"faults": [{"kind": "crash", "at_ms": -1, "node": "s1"}]}, "faults[0].at_ms is -1: it must be at least 0."),
        ({"partition": "s1, s1"}, "a partition names 's1' twice: each node stands on one side."),
        ({"partition": "s1, s9"}, "a partition names 's9', which is not in this run: nodes are L, s1, s2, s3."),
        ({"partition": "L,s1,s2,s3"}, "a partition names every node: at least one must stand on the other side."),
        (
            {"flush_shape": "uniform", "flush_spread": 1.5},
            "flush_spread is 1.5: it must be at most 1 where the shape is uniform.",
        ),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_field_value_and_what_is_allowed(
    values: dict[str, Any], sentence: str
):
    assert complaint(lambda: Scenario(**values)) == sentence
    assert complaint(lambda: Scenario().but(**values)) == sentence
    assert complaint(lambda: Scenario.model_validate(values)) == sentence


def test_an_unknown_kind_of_fault_is_told_the_kinds():
    text = complaint(lambda: Scenario.model_validate({"faults": [{"kind": "flood", "at_ms": 1}]}))
    assert text.startswith("faults[0].kind is 'flood': it must be one of 'crash', 'restart', ")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Crash(node="s1", at_ms=-5), "at_ms is -5: it must be at least 0."),
        (lambda: Crash(node="s1", at_ms=NAN), "at_ms is nan: it must be a finite number."),
        (lambda: Crash(node="s1", at_ms="5"), "at_ms is '5': it must be a number."),
        (lambda: Crash.model_validate({"at_ms": 5}), "node is missing."),
        (
            lambda: Crash.model_validate({"node": "s1", "time": 5, "at_ms": 5}),
            "time is not a field here: there are at_ms, kind, node.",
        ),
        (lambda: Partition(nodes=(), at_ms=5), "nodes is (): it must be at least 1 long."),
        (lambda: Partition(nodes=("s1",), for_ms=0, at_ms=5), "for_ms is 0: it must be greater than 0."),
        (lambda: StallDisk(node="s1", at_ms=5, flush_ms=INF), "flush_ms is inf: it must be a finite number."),
        (lambda: SlowReplay(node="s1", at_ms=5, factor=0), "factor is 0: it must be greater than 0."),
        (
            lambda: CutLink(source="L", target="s1", at_ms=5, both_ways="maybe"),
            "both_ways is 'maybe': it must be true or false.",
        ),
        (lambda: Change(setting="lag_ms", value=None, at_ms=5), "value is None: it must be a number or a text."),
        (lambda: Change(setting="lag_ms", value=True, at_ms=5), "value is True: it must be a number or a text."),
        (lambda: NodeSettings(flush_ms=0), "flush_ms is 0: it must be at least 0.01."),
    ],
)
def test_a_wrong_fault_or_node_says_so_by_itself(make: Any, sentence: str):
    assert complaint(make) == sentence


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Crash(node="s4", at_ms=1), "a crash names 's4', which is not in this run: nodes are L, s1, s2, s3."),
        (Restart(node="S1", at_ms=1), "a restart names 'S1', which is not in this run: nodes are L, s1, s2, s3."),
        (Partition(nodes=("s1", "s2", "s1"), at_ms=1), "a partition names 's1' twice: each node stands on one side."),
        (SlowReplay(node="L", at_ms=1), "a slow_replay names L, which replays nothing: it must name a replica."),
        (PauseReplay(node="L", at_ms=1), "a pause_replay names L, which replays nothing: it must name a replica."),
        (
            CutLink(source="s1", target="s2", at_ms=1),
            "a cut_link names the link s1 → s2, which carries nothing: "
            "links run between a replica and what it follows, mostly L.",
        ),
        (LinkDelay(source="L", target="L", at_ms=1), "a link_delay runs from L to itself: it needs two nodes."),
        (Change(setting="lag_ms", value=-1, at_ms=1), "in a change, lag_ms is -1.0: it must be at least 0."),
        (Change(setting="lag_ms", value="5", at_ms=1), "in a change, lag_ms is '5': it must be a number."),
        (Change(setting="lag_ms", value=NAN, at_ms=1), "in a change, lag_ms is nan: it must be a finite number."),
        (Change(setting="ack", value=5, at_ms=1), "in a change, ack is 5.0: it must be a text."),
    ],
)
def test_a_fault_that_does_not_fit_the_run_says_why(fault: Any, sentence: str):
    assert complaint(lambda: Scenario(faults=(fault,))) == sentence
    assert complaint(lambda: Scenario().with_fault(fault)) == sentence


@pytest.mark.parametrize(
    ("values", "knob"),
    [
        ({"rate_per_s": 1e6, "duration_ms": 60_000}, "rate_per_s = 1e+06"),
        ({"reads_per_s": 1e6, "duration_ms": 60_000}, "duration_ms = 60000"),
        ({"arrivals": "closed", "clients": 10_000, "think_ms": 0, "duration_ms": 1e6}, "clients = 10000"),
        ({"flush_ms": 0.01, "rate_per_s": 10_000, "duration_ms": 400_000}, "flush_ms = 0.01"),
        (
            {"nodes": {"L": {"flush_ms": 0.01}}, "flush_ms": 6e4, "rate_per_s": 57, "duration_ms": 864e5},
            "flush_ms = 0.01",
        ),
        ({"record_bytes": 1e7, "flush_ms": 6e4, "rate_per_s": 4_000, "duration_ms": 1e6}, "rate_per_s = 4000"),
        ({"apply_delay_ms": 1, "flush_ms": 6e4, "rate_per_s": 4_000, "duration_ms": 1e6}, "rate_per_s = 4000"),
        ({"faults": (Change(setting="rate_per_s", value=1e6, at_ms=1),), "duration_ms": 60_000}, "rate_per_s = 1e+06"),
    ],
)
def test_what_would_take_hours_is_refused(values: dict[str, Any], knob: str):
    text = complaint(lambda: Scenario(**values))
    assert knob in text
    assert "000 are allowed, so lower the rate or the duration." in text


@pytest.mark.parametrize(
    "text", ["not json", "", "{", "[1]", "null", '"x"', '{"replicas": 99}', '{"rate_per_s": NaN}', b"\xff"]
)
def test_a_text_that_holds_no_scenario_is_refused_in_one_sentence(text: Any):
    complaint(lambda: Scenario.from_json(text))


def test_numbers_of_numpy_are_numbers():
    scenario = Scenario(
        replicas=np.int64(2),
        rate_per_s=np.float32(50),
        faults=[Change(setting="lag_ms", value=np.int64(4), at_ms=np.float64(1))],
    )
    assert (scenario.replicas, scenario.rate_per_s) == (2, 50)
    assert Scenario.from_json(scenario.to_json()) == scenario


# -- legal, and yet ------------------------------------------------------------------------------------------------


def test_a_rule_that_nobody_can_meet_is_a_warning_and_the_run_shows_it():
    scenario = Scenario(ack="ANY 4 (s1, s2, s3)")
    (warning,) = scenario.warnings()
    assert warning == (
        "ANY 4 (s1, s2, s3) waits for 4 acknowledgements and names 3 of the 3 replicas here: "
        "no commit will ever return."
    )
    assert np.isnan(run(scenario).ops.returned).all()


@pytest.mark.parametrize("ack", ["async", "all", "s1", "ANY 3 (*)", "FIRST 2 (s1, s2, s9)"])
def test_a_rule_that_can_be_met_is_no_warning(ack: str):
    assert Scenario(ack=ack).warnings() == []


def test_what_is_set_and_does_nothing_is_a_warning():
    closed = Scenario(arrivals="closed", faults=(Change(setting="rate_per_s", value=5, at_ms=1),))
    assert closed.warnings() == [
        "a change of rate_per_s does nothing where arrivals is 'closed': clients set the pace."
    ]
    assert Scenario(nodes={"L": {"network_ms": 5}}).warnings() == [
        "network_ms of L does nothing: it belongs to a replica."
    ]


def test_the_settings_for_a_real_server():
    scenario = Scenario(ack="2 (s1, s2)", level="remote_apply", apply_delay_ms=1_500, wal_sender_timeout_ms=9_000)
    assert scenario.postgres_settings() == {
        "synchronous_standby_names": "'FIRST 2 (s1, s2)'",
        "synchronous_commit": "remote_apply",
        "recovery_min_apply_delay": "1500ms",
        "wal_sender_timeout": "9000ms",
    }


def test_a_change_is_told_by_the_name_and_unit_of_its_field_or_by_the_setting_of_a_real_server():
    said = {setting: Change(setting=setting, value=2_000_000, at_ms=1).sentence() for setting in CHANGEABLE}
    for setting in set(said) - {"ack", "level"}:
        field = field_info(setting)
        assert isinstance(field.json_schema_extra, dict)
        assert said[setting] == f"{field.title} set to 2,000,000 {field.json_schema_extra['unit']}".rstrip()
    assert Change(setting="level", value="remote_apply", at_ms=1).sentence() == "synchronous_commit set to remote_apply"
    assert Change(setting="ack", value="all", at_ms=1).sentence() == "acknowledgement rule set to all"
    assert set(CHANGEABLE) == set(get_args(Change.model_fields["setting"].annotation))


# -- variants ------------------------------------------------------------------------------------------------------


def test_a_scenario_cannot_be_changed():
    scenario = Scenario(faults=(Crash(node="s1", at_ms=1),), nodes={"s1": {"lag_ms": 1}})
    for thing, field in ((scenario, "seed"), (scenario.faults[0], "at_ms"), (scenario.nodes["s1"], "lag_ms")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(thing, field, 3)


def test_a_variant_differs_in_what_was_said_and_nothing_else():
    base = Scenario(rate_per_s=50, nodes={"s1": {"lag_ms": 3}}, title="x")
    variant = base.but(rate_per_s=60)
    assert (variant.rate_per_s, base.rate_per_s) == (60, 50)
    assert variant.but(rate_per_s=50) == base
    assert base.but() == base


def test_a_fork_has_one_more_fault_and_the_timeline_is_in_order_of_time():
    late, early = Crash(node="s1", at_ms=900), Crash(node="s2", at_ms=100)
    fork = Scenario(partition="s3", partition_at_ms=500).with_fault(late).with_fault(early)
    assert fork.faults == (late, early)
    assert [fault.kind for fault in fork.timeline] == ["crash", "partition", "crash"]


def test_a_node_has_its_own_setting_or_everybodys():
    scenario = Scenario(flush_ms=4, nodes={"s1": {"flush_ms": 9}, "s2": {"lag_ms": 7}})
    assert [scenario.of(name, "flush_ms") for name in scenario.node_names] == [4, 9, 4, 4]


def test_every_number_tells_the_range_of_its_slider_and_the_slider_lies_in_what_is_allowed():
    for name, field in Scenario.model_fields.items():
        extra = field_info(name).json_schema_extra
        if isinstance(extra, dict):
            low, high = extra["slider"]  # type: ignore[misc, str-unpack]
            for end in (low, high, field.default):
                Scenario.model_validate({"ack": "async", "rate_per_s": 1, name: end})
            assert field.description


# -- JSON and share texts ------------------------------------------------------------------------------------------


@relaxed
@given(any_scenario())
def test_json_and_share_text_bring_back_the_same_scenario(scenario: Scenario):
    assert Scenario.from_json(scenario.to_json()) == scenario
    assert Scenario.from_share(scenario.share()) == scenario
    assert Scenario.from_share(scenario.share()).share() == scenario.share()


@relaxed
@given(any_scenario(max_faults=2), st.data())
def test_a_share_text_damaged_anywhere_is_an_error_and_never_another_scenario(scenario: Scenario, data: st.DataObject):
    text = scenario.share()
    note(text)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("abcXYZ019-_+/=.é✓\0").filter(lambda letter: letter != text[at]))
    for damaged in (text[:at] + other + text[at + 1 :], text[:at] + text[at + 1 :], text[:at], text + other):
        complaint(lambda damaged=damaged: Scenario.from_share(damaged))


FIVE = Scenario(
    ack="ANY 1 (s1, s2, s3)",
    faults=(
        Crash(node="s1", at_ms=500),
        Restart(node="s1", at_ms=900),
        StallDisk(node="s2", at_ms=200, for_ms=300, flush_ms=250),
        Partition(nodes=("s2", "s3"), at_ms=1_000, for_ms=400),
        CutLink(source="s3", target="L", at_ms=1_600, for_ms=125),
    ),
)


def test_every_single_damaged_character_is_noticed():
    text = FIVE.share()
    for at in range(len(text)):
        for letter in string.ascii_lowercase + "-_.~":
            if letter != text[at]:
                complaint(lambda at=at, letter=letter: Scenario.from_share(text[:at] + letter + text[at + 1 :]))


@settings(relaxed, max_examples=200)
@given(five_more_faults(), st.booleans())
def test_five_faults_fit_into_300_characters(scenario: Scenario, named: bool):
    """As people make them: a named scenario or their own, some knobs turned, five faults clicked, changes made."""
    if not named:
        scenario = scenario.but(name="tuesday", title="What happened to the billing cluster on Tuesday")
    note(scenario.to_json())
    assert len(scenario.share()) <= 300
    assert Scenario.from_share(scenario.share()) == scenario


def test_what_follows_a_share_text_is_passed_over():
    assert Scenario.from_share(f"{FIVE.share()}~t700.25~vspace-time~dstory~w{FIVE.share()[4:]}") == FIVE
    assert split("rv1.abc~t700.25~vlogs") == ("rv1.abc", {"t": "700.25", "v": "logs"})
    assert join(*split("rv1.abc~t700.25~vlogs")) == "rv1.abc~t700.25~vlogs"
    assert complaint(lambda: split("rv1.abc~t1~t2")) == "a part of the share text comes twice: each may come once."


def test_a_share_text_survives_what_mail_does_to_it():
    text = FIVE.share()
    folded = "  " + "\r\n".join(text[i : i + 20] for i in range(0, len(text), 20)) + " \n"
    assert Scenario.from_share(folded) == FIVE
    assert text.isascii()
    assert all(letter.isalnum() or letter in "._-" for letter in text)


@pytest.mark.parametrize("version", ["0", "2", "17", "01"])
def test_a_share_text_of_another_version_says_so(version: str):
    text = complaint(lambda: Scenario.from_share(FIVE.share().replace(f"rv{VERSION}.", f"rv{version}.", 1)))
    assert text == f"this share text is of version {version}: this program reads version {VERSION}."


@pytest.mark.parametrize("text", ["", "hello", "rv.", "RV1.abc", "rv١.abc", "rv" + "9" * 5_000 + ".abc"])
def test_what_is_no_share_text_is_told_how_one_begins(text: str):
    assert complaint(lambda: Scenario.from_share(text)).endswith("is not a share text: one begins with 'rv1.'.")


def test_share_texts_that_were_given_out_can_still_be_read():
    """Changing the dictionary, or a default, changes what they mean: that is a new version."""
    assert Scenario.from_share("rv1.q0at0SDFvWUtABIiCpk") == Scenario(replicas=2, seed=9)
    five = "rv1.q8bXK8BUjhZIpsiONMQb7JY4lWLzjxGyamQfGaP6yAg0How3bpDHoKMhZkGiASmM8BdFZuCZDMJliKGRaW1sLQBAuuaE"
    assert Scenario.from_share(five) == FIVE


def test_json_holds_what_differs_and_says_of_each_fault_which_it_is():
    scenario = Scenario(seed=5, faults=(Crash(node="s1", at_ms=1),))
    assert json.loads(scenario.to_json()) == {"seed": 5, "faults": [{"kind": "crash", "at_ms": 1, "node": "s1"}]}


# -- the registry --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", scenarios)
def test_every_named_scenario_runs_and_can_be_shared(name: str):
    scenario = scenarios[name]
    assert scenario.name == name
    assert scenario.warnings() == []
    assert Scenario.from_share(scenario.share()) == scenario
    trace = named_run(name)
    assert len(trace.ops) > 0
    assert trace.digest() == run(scenario).digest()


def test_every_named_scenario_has_a_title_of_its_own_making():
    assert Scenario().title not in [scenario.title for scenario in scenarios.values()]


def test_a_misspelt_name_is_told_the_nearest():
    assert complaint(lambda: scenarios["start_hre"]) == "no scenario is called 'start_hre': did you mean start_here?"
    assert "there are start_here, " in complaint(lambda: scenarios["xyz"])


def test_the_registry_is_a_mapping():
    assert "start_here" in scenarios
    assert "nowhere" not in scenarios
    assert len(scenarios) == len(list(scenarios)) > 5
    assert repr(scenarios).startswith("scenarios: start_here, ")


# -- imports -------------------------------------------------------------------------------------------------------


def test_the_import_loads_no_drawing_library_and_no_statistics():
    code = "import sys, replication_viz; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in loaded
    assert not {"matplotlib", "ipywidgets", "anywidget", "IPython", "traitlets", "pandas", "scipy", "tqdm"} & set(
        loaded
    )
