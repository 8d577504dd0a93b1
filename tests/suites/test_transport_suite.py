"""The transport suite: correct transports pass, and each mutant fails the listed checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.testing.suites.check import CheckFailed
from avatar_core.testing.suites.transport_suite import TransportSuite
from tests.suites import line_transport, room_transports, socket_transport
from tests.suites.altered_example import Mutant, failing_ids, failing_of, parameters
from tests.suites.transport_mutants import MUTANTS

EXAMPLE = Path(line_transport.__file__)


class TestLine(line_transport.LineSuite):
    __test__ = True


class TestByteStream(room_transports.ByteStreamSuite):
    __test__ = True


class TestSocket(socket_transport.SocketSuite):
    __test__ = True


@pytest.mark.slow
class TestVoice(room_transports.VoiceSuite):
    __test__ = True


@pytest.mark.parametrize("mutant", parameters(MUTANTS))
def test_mutant_transport_fails_its_checks(mutant: Mutant, tmp_path: Path) -> None:
    suite = mutant.load(EXAMPLE, tmp_path).LineSuite
    assert failing_of(suite, mutant.ids) == mutant.ids


@pytest.mark.slow
@pytest.mark.parametrize("mutant", parameters(MUTANTS))
def test_mutant_transport_fails_no_other_check(mutant: Mutant, tmp_path: Path) -> None:
    assert failing_ids(mutant.load(EXAMPLE, tmp_path).LineSuite) == mutant.ids


def test_each_transport_check_has_a_mutant() -> None:
    assert {id for mutant in MUTANTS for id in mutant.ids} == {
        check.id for check in TransportSuite.checks
    }


def test_suite_without_create_names_the_method() -> None:
    class Empty(TransportSuite):
        __test__ = False

    with pytest.raises(CheckFailed, match="must override create"):
        Empty().run_check(TransportSuite.checks[0])
