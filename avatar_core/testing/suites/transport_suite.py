"""The suite that the author of a sink and a tracker inherits."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.testing.suites.basics import Basics
from avatar_core.testing.suites.check import CheckFailed
from avatar_core.testing.suites.suite import Suite
from avatar_core.testing.suites.transport import cuts, faults, lengths, life, takes
from avatar_core.testing.suites.transport.far_end import TransportParts


class TransportSuite(Basics, Suite):
    """Checks of a transport: an `AudioSink` and a `PlaybackTracker`.

    Subclass the suite, and return the sink, the tracker and a fake far end from `create`:

        class TestAcmeTransport(TransportSuite):
            capabilities = AcmeProvider.capabilities

            async def create(self) -> TransportParts:
                socket = FakeSocket()
                return TransportParts(AcmeSink(socket), AcmeTracker(socket), AcmeFarEnd(socket))

    Attributes:
        capabilities: The capabilities of the provider: the audio format, the run-ahead and the
            latency of the transport.
        format: The format of the audio if `capabilities` does not name one.
        accuracy_s: Seconds by which a reported position may differ from the audio that was heard,
            and for which audio may be heard after a cut.
        collects: Whether the sink may collect audio until it has a piece as long as the run-ahead.
    """

    checks = (
        *takes.CHECKS,
        *cuts.CHECKS,
        *faults.CHECKS,
        *life.CHECKS,
        *lengths.CHECKS,
    )
    basics = ("T01", "T02", "T03", "T04")
    more_basics = MappingProxyType(
        dict.fromkeys(("T11", "T12", "T13", "T20", "T24", "T27", "T28"), ("T10",))
    )
    capabilities: Capabilities = Capabilities()
    format: AudioFormat = AudioFormat(24_000)
    accuracy_s: float = 0.15
    collects: bool = True

    async def create(self) -> TransportParts:
        """Create a sink and a tracker, and the far end that they are connected to.

        Each check calls this method, some checks several times, on a running event loop in virtual
        time.

        Returns:
            The sink, which is not open yet, the tracker and the far end.

        Raises:
            CheckFailed: The subclass does not override the method.
        """
        raise CheckFailed(
            f"{type(self).__name__} must override create.",
            "Return TransportParts(sink, tracker, far_end).",
        )

    @classmethod
    def describe(cls) -> Mapping[str, str]:
        """Return what the report says about the transport.

        Returns:
            Texts by name.
        """
        return {**super().describe(), "kind": "transport"}
