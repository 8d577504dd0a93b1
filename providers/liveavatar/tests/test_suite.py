"""The provider for LiveAvatar passes the suite of avatar-core."""

from avatar_provider_liveavatar import LiveAvatarProvider
from avatar_provider_liveavatar.fake import FakeLiveAvatar

from avatar_core.testing import ProviderSuite, SocketTransportSuite
from providers.liveavatar.tests.cases import EVERYTHING, SETTINGS


class TestLiveAvatar(ProviderSuite):
    provider = LiveAvatarProvider
    vendor = FakeLiveAvatar
    settings = SETTINGS
    golden = "golden/"
    golden_cases = {"everything": EVERYTHING}  # noqa: RUF012
    commands = {"set_listening": {"listening": True}}  # noqa: RUF012


class TestLiveAvatarTransport(SocketTransportSuite):
    provider = LiveAvatarProvider
    vendor = FakeLiveAvatar
    settings = SETTINGS
    accuracy_s = 0.45  # positions are estimates: the suite plays at once, LiveAvatar after 0.4 s
