"""What the menus offer: each fault is valid wherever it is offered, the engine runs it, and no kind is forgotten."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replication_viz import Scenario, ScenarioError, run
from replication_viz.scenario import LEADER, Crash, Fault, Partition
from replication_viz.scenario.faults import KINDS, fault_from
from replication_viz.scenario.offers import Offer, offers

EVERY = [(place, offer) for place, some in offers().items() for offer in some]
each_offer = pytest.mark.parametrize(("place", "offer"), EVERY, ids=lambda part: getattr(part, "label", part))


def names(place: str, replica: str) -> dict[str, str]:
    return {
        "leader": {"node": LEADER},
        "replica": {"node": replica},
        "link": {"leader": LEADER, "replica": replica},
    }[place]


@each_offer
@pytest.mark.parametrize("replicas", range(1, 10))
def test_every_offer_fits_a_run_of_one_to_nine_replicas(place: str, offer: Offer, replicas: int):
    small = Scenario(replicas=replicas, rate_per_s=50, duration_ms=60)
    fault = offer.at(20, **names(place, f"s{replicas}"))
    forked = run(small.with_fault(fault))
    assert fault.sentence() in forked.marks.text


@each_offer
def test_what_is_added_by_click_lasts_until_somebody_ends_it_unless_it_says_how_long(place: str, offer: Offer):
    fault = offer.at(20, **names(place, "s1"))
    lasts = getattr(fault, "for_ms", None)
    assert lasts is None if offer.label != "Freeze for 1 s" else lasts == 1_000
    assert fault.at_ms == 20


@each_offer
def test_an_offer_is_told_in_few_words(place: str, offer: Offer):
    assert 0 < len(offer.label) <= 24
    assert 0 < len(offer.hint) <= 48
    assert offer.label[0].isupper()
    assert not offer.hint[0].isupper()
    assert not offer.label.endswith(".")
    numbers = [float(n) for n in re.findall(r"\d+", offer.hint)]
    assert numbers == [abs(value) for value in offer.fault.values() if isinstance(value, int) and value is not True]


def test_no_kind_of_fault_that_happens_somewhere_is_forgotten():
    """A change of a setting happens nowhere in particular: that is what the knobs are for."""
    assert {offer.fault["kind"] for _, offer in EVERY} == set(KINDS) - {"change"}


def test_who_is_up_can_be_broken_and_who_is_down_can_only_be_brought_back():
    down = {place: [offer.fault["kind"] for offer in offers()[place] if offer.when == "down"] for place in offers()}
    assert down == {"leader": ["restart"], "replica": ["restart"], "link": []}
    either = {offer.fault["kind"] for offer in offers()["replica"] if offer.when == "any"}
    assert either == {"drop_slot", "rebuild"}
    assert {offer.when for offer in offers()["link"]} == {"any"}


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(EVERY), st.integers(1, 3), st.integers(0, 12_000)), max_size=8))
def test_whatever_is_clicked_the_engine_runs_it(clicks: list[Any]):
    faults = tuple(offer.at(at / 100, **names(place, f"s{i}")) for (place, offer), i, at in clicks)
    trace = run(Scenario(rate_per_s=300, duration_ms=120, faults=faults))
    assert len([fault for fault in trace.scenario.timeline if fault.at_ms < 120]) <= len(trace.marks)


def test_names_are_filled_in_wherever_they_stand():
    by_label = {offer.label: offer for _, offer in EVERY}
    assert by_label["Crash"].at(5, node="s2") == Crash(node="s2", at_ms=5)
    assert by_label["Cut off"].at(5, node="s2") == Partition(nodes=("s2",), at_ms=5)
    assert by_label["Cut replica → leader"].at(5, leader="L", replica="s3").places() == ("s3", "L")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("crash", "a fault is 'crash': it must be a mapping from field names to values."),
        ({"at_ms": 5}, "kind is None: it must be one of 'crash', 'restart', "),
        ({"kind": "flood", "at_ms": 5}, "kind is 'flood': it must be one of 'crash', 'restart', "),
        ({"kind": ["crash"], "at_ms": 5}, "kind is ['crash']: it must be one of "),
        ({"kind": "crash", "at_ms": 5}, "node is missing."),
        ({"kind": "crash", "node": "s1"}, "at_ms is missing."),
        ({"kind": "crash", "node": "s1", "at_ms": "now"}, "at_ms is 'now': it must be a number."),
        ({"kind": "crash", "node": 5, "at_ms": 5}, "node is 5: it must be a text."),
        ({"kind": "crash", "nod": "s1", "at_ms": 5}, "nod is not a field here: did you mean node?"),
    ],
)
def test_what_describes_no_fault_is_refused_in_one_sentence(values: Any, sentence: str):
    with pytest.raises(ScenarioError) as error:
        fault_from(values)
    assert str(error.value).startswith(sentence)


def test_a_fault_is_read_back_from_what_it_is_written_as():
    for place, offer in EVERY:
        fault: Fault = offer.at(20, **names(place, "s1"))
        assert fault_from(fault.model_dump()) == fault
