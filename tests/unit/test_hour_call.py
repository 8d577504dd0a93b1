"""An hour of conversation with faults takes seconds, and has the same result in each run."""

from __future__ import annotations

import time

import pytest

from avatar_core.testing.clock import run
from tests.support.hour import FAULTS, TURNS, is_interrupted, question, response, talk_for_an_hour

RUNS = 50
MOST_CPU_S = 10.0
"""On an idle machine the hour takes 3 s. Other processes on the machine can double the time."""
LOST = ["voice speaks", "mock was lost"]


def test_hour_of_conversation_with_five_faults_takes_seconds() -> None:
    began = time.process_time()
    hour = run(talk_for_an_hour())
    took_s = time.process_time() - began
    assert hour.duration_s == pytest.approx(3600.0)
    assert took_s < MOST_CPU_S, f"{took_s:.1f} s"

    assert hour.problems == []
    assert [text for role, text in hour.history if role == "user"] == [*map(question, range(TURNS))]
    said = [text for role, text in hour.history if role == "assistant"]
    for turn, (heard, text) in enumerate(zip(hour.heard, said, strict=True)):
        if not is_interrupted(turn):
            assert text == response(turn)
            assert set(heard.split()) == set(text.split())
            continue
        count = len(heard.split())
        assert 2 + turn % 8 <= count <= 4 + turn % 8
        assert response(turn).startswith(heard)
        assert heard.startswith(text)
        assert count - 1 <= len(text.split())
    assert sum(heard == response(turn) for turn, heard in enumerate(hour.heard)) >= 35

    joined = ["mock joined", *LOST]
    assert hour.events == [*(len(FAULTS) * joined), "mock failed: PaymentError"]
    assert hour.sessions == (5, 0)


@pytest.mark.slow
def test_hour_of_conversation_is_the_same_in_each_run() -> None:
    first = run(talk_for_an_hour())
    for _ in range(RUNS - 1):
        assert run(talk_for_an_hour()) == first
