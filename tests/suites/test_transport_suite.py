"""The transport suite: correct transports pass, and each mutant fails the listed checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.testing import SocketVendor
from avatar_core.testing.suites.check import CheckFailed, NotApplicable
from avatar_core.testing.suites.transport_suite import TransportSuite
from tests.suites import line_transport, room_transports, socket_transport
from tests.suites.altered_example import Mutant, failing_ids, failing_of, parameters
from tests.suites.transport_mutants import MUTANTS, SOCKET_MUTANTS

EXAMPLE = Path(line_transport.__file__)
SOCKET_EXAMPLE = Path(socket_transport.__file__)


class TestLine(line_transport.LineSuite):
    __test__ = True


class TestByteStream(room_transports.ByteStreamSuite):
    __test__ = True


class TestSocket(socket_transport.SocketSuite):
    __test__ = True


class TestLimitedSocket(socket_transport.LimitedSuite):
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


@pytest.mark.parametrize("mutant", parameters(SOCKET_MUTANTS))
def test_mutant_socket_fails_its_checks(mutant: Mutant, tmp_path: Path) -> None:
    suite = mutant.load(SOCKET_EXAMPLE, tmp_path).LimitedSuite
    assert failing_of(suite, mutant.ids) == mutant.ids


@pytest.mark.slow
@pytest.mark.parametrize("mutant", parameters(SOCKET_MUTANTS))
def test_mutant_socket_fails_no_other_check(mutant: Mutant, tmp_path: Path) -> None:
    assert failing_ids(mutant.load(SOCKET_EXAMPLE, tmp_path).LimitedSuite) == mutant.ids


def test_each_transport_check_has_a_mutant() -> None:
    assert {id for mutant in (*MUTANTS, *SOCKET_MUTANTS) for id in mutant.ids} == {
        check.id for check in TransportSuite.checks
    }


def test_suite_without_create_names_the_method() -> None:
    class Empty(TransportSuite):
        __test__ = False

    with pytest.raises(CheckFailed, match="must override create"):
        Empty().run_check(TransportSuite.checks[0])


class QuietVendor(SocketVendor):
    """A vendor that reports no positions."""

    def encode_report(self, kind: str, take_id: str, played_s: float) -> list[str | bytes]:
        return [] if kind == "position" else super().encode_report(kind, take_id, played_s)


def test_socket_without_positions_passes_except_for_silence() -> None:
    class Quiet(socket_transport.SocketSuite):
        vendor = QuietVendor

    checks = {check.id: check for check in Quiet.checks}
    for id in ("T03", "T04", "T17", "T19"):
        Quiet().run_check(checks[id])
    with pytest.raises(NotApplicable, match="the vendor reports no positions"):
        Quiet().run_check(checks["T18"])
