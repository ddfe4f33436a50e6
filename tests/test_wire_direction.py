"""One direction of a link: its weather, its order, its bandwidth."""

import statistics

import numpy as np
import pytest

from replication_viz.real.wire_direction import Direction, Weather


def test_the_weather_has_the_median_that_was_asked_for_and_holds_for_a_spell():
    weather = Weather("link L s1", ms=5, spread=0.4, seed=3, extra_ms=2)
    drawn = [1000 * weather.at(spell * 0.010 + 0.001) - 2 for spell in range(4000)]
    assert statistics.median(drawn) == pytest.approx(5, rel=0.03)  # 4000 draws: standard error 0.8 %
    assert statistics.stdev(np.log(drawn)) == pytest.approx(0.4, rel=0.05)
    assert weather.at(7.001) == weather.at(7.009) != weather.at(7.011)
    assert weather.at(7.001) == Weather("link L s1", ms=5, spread=0.4, seed=3, extra_ms=2).at(7.005)
    assert weather.at(7.001) != Weather("link s1 L", ms=5, spread=0.4, seed=3, extra_ms=2).at(7.005)


def test_a_shorter_delay_does_not_overtake_and_a_slow_link_takes_its_time_for_each_part():
    direction = Direction()
    direction.weather = Weather(ms=100)
    direction.send(b"first", None, 10.0)
    direction.weather = Weather(ms=1)
    direction.send(b"second", None, 10.02)
    assert list(direction.arrivals(10.09)) == []
    assert [part.data for part in direction.arrivals(10.11)] == [b"first", b"second"]
    direction.bytes_per_s = 100
    direction.send(bytes(50), None, 20.0)
    direction.send(bytes(50), None, 20.0)
    assert direction.next_at() == pytest.approx(20.501)
    assert len(list(direction.arrivals(20.6))) == 1
    assert direction.next_at() == pytest.approx(21.001)


def test_what_is_dropped_does_not_delay_what_came_after_it():
    direction = Direction()
    direction.weather = Weather(ms=500)
    direction.send(b"severed", "one", 10.0)
    direction.weather = Weather(ms=1)
    direction.send(b"new", "other", 10.1)
    direction.drop("one")
    assert [part.data for part in direction.arrivals(10.2)] == [b"new"]
