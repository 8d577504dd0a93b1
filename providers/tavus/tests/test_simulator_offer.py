"""The simulator's entry point offers the demo a simulated Tavus unless a key is set."""

from __future__ import annotations

import os
from importlib.metadata import entry_points

import pytest

from avatar_core.testing.simulators import GROUP, run_simulators


def test_simulator_is_not_offered_if_a_key_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVUS_API_KEY", "a real key")
    (point,) = entry_points(group=GROUP, name="tavus")
    assert point.load()(print) is None


async def test_simulator_runs_without_a_key_and_reports_its_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TAVUS_API_URL", "TAVUS_API_KEY"):
        monkeypatch.setenv(name, "")
    async with run_simulators() as notices:
        url = os.environ["TAVUS_API_URL"]
        assert url.startswith("http://127.0.0.1:")
        assert url.removesuffix("/v2") in notices["tavus"]
        assert os.environ["TAVUS_API_KEY"]
