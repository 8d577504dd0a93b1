"""The bench's own arithmetic: what it keeps of samples, and what it says of them."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from avatar_core.testing.audio.meter import AudioMeter
from avatar_core.testing.audio.tones import decode_tones
from benchmarks.bench import report
from benchmarks.bench.listening import Heard
from benchmarks.bench.page import page
from benchmarks.bench.results import ROWS, Samples
from benchmarks.bench.stimulus import GAPS_S, PICTURE_S, RATE_HZ, beeps, tone, words
from benchmarks.bench.turns import skews


def samples_of(row: str, *values: float | None) -> Samples:
    samples = Samples()
    for value in values:
        samples.add(row, value)
    return samples


def test_p95_is_the_farthest_from_nothing_but_for_one_in_twenty() -> None:
    values = [*range(-10, 9), -90.0]
    figure = samples_of("skew_ms", *values).summary()["skew_ms"]
    assert figure == {"median": -1.5, "p95": -10.0, "min": -90.0, "max": 8.0, "n": 20}
    assert samples_of("stop_ms", 3.0).summary()["stop_ms"]["p95"] == 3.0


def test_what_never_came_is_counted_and_not_averaged() -> None:
    figure = samples_of("kill_to_voice_ms", 100.0, None, None).summary()["kill_to_voice_ms"]
    assert (figure["median"], figure["n"], figure["never"]) == (100.0, 3, 2)
    figure = samples_of("kill_to_voice_ms", None).summary()["kill_to_voice_ms"]
    assert (figure["median"], figure["n"], figure["never"]) == (None, 1, 1)
    assert report.cell(figure) == "never (1)"


def test_a_row_nobody_explained_is_refused() -> None:
    with pytest.raises(KeyError):
        Samples().add("heard_s", 1.0)


def test_samples_are_joined() -> None:
    samples = samples_of("stop_ms", 1.0, None)
    samples.join(samples_of("stop_ms", 3.0, None))
    assert samples.summary()["stop_ms"]["n"] == 4


def test_a_picture_is_paired_with_the_sound_it_belongs_to() -> None:
    heard = Heard(sounds={"a": [(1.0, 1.2), (2.0, 2.2)], "b": [(5.0, 5.1)]}, lights=[0.98, 2.05])
    assert skews(heard) == pytest.approx([-0.02, 0.05])


def test_what_is_said_can_be_found_again() -> None:
    pcm = beeps()
    ear = AudioMeter(0.02)
    ear.add("a", 0.0, pcm, RATE_HZ)
    edges = [edge for span in ear.sounds() for edge in span]
    assert len(edges) == 2 * (len(GAPS_S) + 1)
    grid = np.array(edges) / PICTURE_S
    assert grid == pytest.approx(np.rint(grid), abs=0.06), "on the grid of the pictures"
    assert len(tone(1.0)) == 2 * RATE_HZ
    names, spoken = words(5)
    assert [word.word for word in decode_tones(spoken, RATE_HZ)] == names


def test_the_report_names_every_row_and_the_ratios(tmp_path: Path) -> None:
    results = {"voice": samples_of("stop_ms", 50.0), "stock": samples_of("stop_ms", 120.0)}
    results["ours"] = samples_of("stop_ms", 60.0, 62.0)
    results["ours"].add("kill_to_voice_ms", 90.0)
    results["stock"].add("kill_to_voice_ms", None)
    figures = report.figures_of(results)
    out = StringIO()
    report.show(figures["systems"], Console(file=out, width=160))
    text = out.getvalue()
    assert all(said in text for said in ("61 / 62 (2)", "0.51", "1.22", "never (1)")), text
    report.write(figures, tmp_path / "deep" / "room.json")
    kept = json.loads((tmp_path / "deep" / "room.json").read_text())
    assert kept["systems"]["ours"]["stop_ms"]["median"] == 61.0
    written = page(json.loads((tmp_path / "deep" / "room.json").read_text()), "room.json")
    assert "| `stop_ms` | 50 / 50 (1) | 120 / 120 (1) | 61 / 62 (2) |" in written
    assert all(f"`{row}`" in written for row in ROWS)
    report.draw(results, tmp_path / "room.svg")
    drawn = (tmp_path / "room.svg").read_text()
    assert "<svg" in drawn
    assert set(report.DRAWN) <= set(ROWS)
