"""The benchmark summarises samples correctly and reports every row."""

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
from benchmarks.bench.faults import FAULTS
from benchmarks.bench.listening import Received
from benchmarks.bench.opening import LABELS, draw_faults, render_opening
from benchmarks.bench.page import render_page
from benchmarks.bench.results import ROWS, Samples
from benchmarks.bench.stimulus import FRAME_PERIOD_S, GAPS_S, RATE_HZ, beeps, make_speech, tone
from benchmarks.bench.turns import skews


def samples_of(row: str, *values: float | None) -> Samples:
    samples = Samples()
    for value in values:
        samples.add(row, value)
    return samples


def test_p95_ranks_samples_by_their_distance_from_zero() -> None:
    values = [*range(-10, 9), -90.0]
    figure = samples_of("skew_ms", *values).summary()["skew_ms"]
    assert figure == {"median": -1.5, "p95": -10.0, "min": -90.0, "max": 8.0, "n": 20}
    assert samples_of("stop_ms", 3.0).summary()["stop_ms"]["p95"] == 3.0


def test_missing_events_are_counted_but_not_averaged() -> None:
    figure = samples_of("kill_to_voice_ms", 100.0, None, None).summary()["kill_to_voice_ms"]
    assert (figure["median"], figure["n"], figure["never"]) == (100.0, 3, 2)
    figure = samples_of("kill_to_voice_ms", None).summary()["kill_to_voice_ms"]
    assert (figure["median"], figure["n"], figure["never"]) == (None, 1, 1)
    assert report.format_cell(figure) == "never (1)"


def test_add_raises_key_error_for_an_unknown_row() -> None:
    with pytest.raises(KeyError):
        Samples().add("heard_s", 1.0)


def test_merge_keeps_every_sample() -> None:
    samples = samples_of("stop_ms", 1.0, None)
    samples.merge(samples_of("stop_ms", 3.0, None))
    assert samples.summary()["stop_ms"]["n"] == 4


def test_skews_pairs_each_flash_with_its_sound() -> None:
    received = Received(
        sounds={"a": [(1.0, 1.2), (2.0, 2.2)], "b": [(5.0, 5.1)]}, flashes=[0.98, 2.05]
    )
    assert skews(received) == pytest.approx([-0.02, 0.05])


def test_beeps_start_on_frame_boundaries_and_speech_can_be_decoded() -> None:
    pcm = beeps()
    meter = AudioMeter(0.02)
    meter.add("a", 0.0, pcm, RATE_HZ)
    edges = [edge for span in meter.sounds() for edge in span]
    assert len(edges) == 2 * (len(GAPS_S) + 1)
    grid = np.array(edges) / FRAME_PERIOD_S
    assert grid == pytest.approx(np.rint(grid), abs=0.06), "beeps between two frames"
    assert len(tone(1.0)) == 2 * RATE_HZ
    names, spoken = make_speech(5)
    assert [word.word for word in decode_tones(spoken, RATE_HZ)] == names


def test_report_contains_every_row_and_the_ratios(tmp_path: Path) -> None:
    results = {"voice": samples_of("stop_ms", 50.0), "stock": samples_of("stop_ms", 120.0)}
    results["ours"] = samples_of("stop_ms", 60.0, 62.0)
    results["ours"].add("kill_to_voice_ms", 90.0)
    results["stock"].add("kill_to_voice_ms", None)
    figures = report.summarise(results)
    out = StringIO()
    report.print_table(figures["systems"], Console(file=out, width=160))
    text = out.getvalue()
    assert all(part in text for part in ("61 / 62 (2)", "0.51", "1.22", "never (1)")), text
    report.write_figures(figures, tmp_path / "deep" / "room.json")
    written = json.loads((tmp_path / "deep" / "room.json").read_text())
    assert written["systems"]["ours"]["stop_ms"]["median"] == 61.0
    page = render_page(json.loads((tmp_path / "deep" / "room.json").read_text()), "room.json")
    assert "| `stop_ms` | 50 / 50 (1) | 120 / 120 (1) | 61 / 62 (2) |" in page
    assert all(f"`{row}`" in page for row in ROWS)
    report.draw_plot(results, tmp_path / "room.svg")
    drawn = (tmp_path / "room.svg").read_text()
    assert "<svg" in drawn
    assert set(report.PLOTTED) <= set(ROWS)


def test_page_opens_with_three_numbers_and_a_plot(tmp_path: Path) -> None:
    ours, stock = Samples(), Samples()
    for samples, lost in ((ours, 0.0), (stock, 10.0)):
        samples.add("words_lost", lost)
        samples.add("words_not_heard", lost)
    for at_ms, row in enumerate(LABELS):
        ours.add(row, 500.0 + at_ms)
        stock.add(row, None)
    systems = report.summarise({"stock": stock, "ours-stock": ours})["systems"]
    text = render_opening(systems)
    assert "**0 of 16 words**" in text
    assert "**0.50 s**" in text
    assert render_opening({"stock": systems["stock"]}) == "", "a figure is missing"
    assert set(LABELS) == set(FAULTS.values())
    draw_faults(systems, tmp_path / "faults.svg")
    assert "<svg" in (tmp_path / "faults.svg").read_text()
