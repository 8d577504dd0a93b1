"""Facts about LiveKit's avatar plugins that the bridge cannot read from the plugins themselves.

The facts come from the plugins of November 2026, which ran against a recording server, and from
their source code.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

LIMITS = (
    "only the process that started the session can ask the plugin to end it; after a kill, "
    "avatar-core removes the avatar from the room, and the vendor bills until its time limit",
    "a create request without a response is not repeated, because the plugin passes no "
    "idempotency key that avatar-core knows",
    "a start that exceeds its deadline may leave a paid session that only the vendor can end",
    "the plugin signs the avatar's room token, with all grants and for hours",
)
"""What a bridge cannot do, as clauses. `avatar doctor` prints them for each plugin in the chain."""
ENDS = "its aclose ends the session at the vendor"
ENDS_NOT = "its aclose does not end the session at the vendor"


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """Facts about one plugin.

    Attributes:
        tries: The value of `conn_options.max_retry` with which the plugin sends exactly one create
            request. The loops of some plugins count attempts, and of others repetitions.
        ends_session: Whether `aclose` of the plugin ends the session at the vendor; None if nobody
            has checked it.
        max_session_s: The longest session that the vendor documents, in seconds; None if unknown.
        run_ahead_s: Seconds of audio that the plugin needs beyond the audio that was heard. A
            plugin that collects audio needs the length of two of its pieces.
        refusal: The reason why the bridge refuses the plugin, as a sentence; may be empty.
        hint: The next step of the user of a refused plugin.
    """

    tries: int = 0
    ends_session: bool | None = None
    max_session_s: float | None = None
    run_ahead_s: float = 1.0
    refusal: str = ""
    hint: str = ""

    def limits(self) -> tuple[str, ...]:
        """Return what a bridge to this plugin cannot do.

        Returns:
            Clauses without a full stop.
        """
        if self.ends_session is None:
            return LIMITS
        return (ENDS if self.ends_session else ENDS_NOT, *LIMITS)


_BITHUMAN = (
    "the plugin writes the API secret of bitHuman into participant attributes, which everyone in "
    "the room can read."
)
_PLUGINS = {
    "anam": PluginFacts(ends_session=False),
    "anva": PluginFacts(tries=1, ends_session=True),
    "atmee": PluginFacts(ends_session=True),
    "avatario": PluginFacts(tries=1, ends_session=False),
    "avatarioai": PluginFacts(
        refusal="the plugin has no AvatarSession of livekit-agents.",
        hint="Use livekit:avatario, which replaces it.",
    ),
    "avatartalk": PluginFacts(
        refusal="the plugin sends audio to a participant with the fixed identity `listener`, "
        "which the agent may take for its user.",
        hint="Choose another provider.",
    ),
    "bey": PluginFacts(ends_session=False),
    "bithuman": PluginFacts(tries=1, ends_session=False),
    "boson_avatar": PluginFacts(ends_session=True),
    "did": PluginFacts(ends_session=False),
    "facemode": PluginFacts(
        refusal="the plugin needs Python 3.13, and does not report the end of speech.",
        hint="Choose another provider.",
    ),
    "hedra": PluginFacts(
        refusal="Hedra closed its realtime avatars in April 2026, and the plugin raises an error.",
        hint="Choose another provider.",
    ),
    "humanlike": PluginFacts(
        refusal="version 0.1.0 of the plugin passes an argument to AvatarRunner that "
        "livekit-agents 1.8 does not accept.",
        hint="Choose another provider.",
    ),
    "keyframe": PluginFacts(ends_session=False),
    "lemonslice": PluginFacts(ends_session=False),
    "liveavatar": PluginFacts(tries=1, ends_session=True, run_ahead_s=2.0),
    "protoface": PluginFacts(ends_session=True),
    "runway": PluginFacts(tries=1, ends_session=True, max_session_s=300.0),
    "simli": PluginFacts(ends_session=False, max_session_s=600.0),
    "spatialreal": PluginFacts(ends_session=True),
    "spatius": PluginFacts(ends_session=True),
    "synthesia": PluginFacts(ends_session=False),
    "tavus": PluginFacts(ends_session=False, max_session_s=3600.0),
    "trugen": PluginFacts(ends_session=False),
}
BITHUMAN_LOCAL = PluginFacts(
    refusal="without avatar_id and avatar_image, the plugin draws in the agent's process and "
    "publishes as the agent itself.",
    hint="Use a renderer of avatar-core for a local face.",
)
BITHUMAN_SECRET = PluginFacts(
    refusal=_BITHUMAN,
    hint="Set api_secret in AVATAR_LIVEKIT_BITHUMAN to a token that was minted for one session.",
)


def module_name(plugin: str) -> str:
    """Return the name of a plugin's module in the package `livekit.plugins`.

    Args:
        plugin: The name in a chain, for example `boson-avatar`.

    Returns:
        The name with underscores, in lower case.
    """
    return plugin.lower().replace("-", "_")


def distribution_name(plugin: str) -> str:
    """Return the name of the distribution that `pip` installs for a plugin.

    Args:
        plugin: The name of the plugin.

    Returns:
        The name of the distribution.
    """
    return f"livekit-plugins-{plugin.lower().replace('_', '-')}"


def known_plugins() -> Collection[str]:
    """Return the plugins that the bridge knows.

    Returns:
        The names of their modules.
    """
    return _PLUGINS.keys()


def is_known(plugin: str) -> bool:
    """Return whether a name is the name of a plugin that the bridge knows.

    Args:
        plugin: The name of the plugin.

    Returns:
        True if the plugin has facts of its own.
    """
    return module_name(plugin) in _PLUGINS


def facts_of(plugin: str) -> PluginFacts:
    """Return the facts about a plugin.

    Args:
        plugin: The name of the plugin.

    Returns:
        The facts; those of an ordinary plugin if the name is unknown.
    """
    return _PLUGINS.get(module_name(plugin), PluginFacts())
