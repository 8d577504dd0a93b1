"""The renderer suite: correct renderers pass, and each mutant fails the listed checks."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType

import pytest

from avatar_core.testing.suites.check import CheckFailed
from avatar_core.testing.suites.renderer_suite import RendererSuite
from tests.suites import bar_renderer
from tests.suites.altered_example import Mutant, failing_ids, failing_of, parameters
from tests.suites.renderer_mutants import MUTANTS

EXAMPLE = Path(bar_renderer.__file__)
ROOT = EXAMPLE.parents[2]
ORB = ROOT / "examples/own_provider/src"


@pytest.fixture(autouse=True)
def _path_of_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let this process import the orb, and child processes the orb, the bar and the mutants."""
    monkeypatch.syspath_prepend(ORB)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT, ORB, tmp_path))))


class TestBar(bar_renderer.BarSuite):
    __test__ = True


@pytest.mark.slow
class TestFlash(RendererSuite):
    renderer = "avatar_core.testing.flash_renderer:FlashRenderer"
    renderer_options = MappingProxyType({"width": 128, "height": 96})
    variants = ({"width": 64, "height": 64, "fps": 30.0, "rate_hz": 16_000},)


@pytest.mark.slow
class TestOrb(RendererSuite):
    renderer = "avatar_provider_orb.drawing:OrbRenderer"
    renderer_options = MappingProxyType({"size": 96, "colour": "#5fb3ff"})
    variants = ({"size": 64, "colour": "#ffffff"},)


@pytest.mark.parametrize("mutant", parameters(MUTANTS))
def test_mutant_renderer_fails_its_checks(mutant: Mutant, tmp_path: Path) -> None:
    suite = mutant.load(EXAMPLE, tmp_path).BarSuite
    assert failing_of(suite, mutant.ids) == mutant.ids


@pytest.mark.slow
@pytest.mark.parametrize("mutant", parameters(MUTANTS))
def test_mutant_renderer_fails_no_other_check(mutant: Mutant, tmp_path: Path) -> None:
    assert failing_ids(mutant.load(EXAMPLE, tmp_path).BarSuite) == mutant.ids


def test_each_renderer_check_has_a_mutant() -> None:
    assert {id for mutant in MUTANTS for id in mutant.ids} == {
        check.id for check in RendererSuite.checks
    }


def test_renderer_that_does_not_exist_fails_the_first_check() -> None:
    class Missing(RendererSuite):
        __test__ = False
        renderer = "nowhere:Renderer"

    with pytest.raises(CheckFailed, match="nowhere"):
        Missing().run_check(RendererSuite.checks[0])
