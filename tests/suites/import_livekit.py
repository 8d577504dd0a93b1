"""A provider module that imports livekit."""

from livekit import rtc

from tests.suites.right_providers import AcmeProvider


class ImportsLivekit(AcmeProvider):
    room = rtc.Room
