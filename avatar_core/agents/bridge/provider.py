"""The provider `livekit`, which runs an installed avatar plugin of LiveKit."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Self

from livekit import rtc
from livekit.agents.voice import io
from livekit.agents.voice.avatar import DataStreamAudioOutput
from pydantic_settings import SettingsConfigDict

from avatar_core.agents.bridge.commands import send_command
from avatar_core.agents.bridge.construction import Construction, Factory, FromArguments, FromFactory
from avatar_core.agents.bridge.driven import DrivenSink, DrivenTracker
from avatar_core.agents.bridge.failures import start_error
from avatar_core.agents.bridge.plugin_class import commands_of
from avatar_core.agents.bridge.plugins import facts_of, is_known
from avatar_core.agents.bridge.run import RUN, PluginRun
from avatar_core.agents.bridge.surroundings import Surroundings
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import (
    AvatarError,
    ConfigError,
    Outcome,
    ProvisionError,
)
from avatar_core.contracts.playback import PlaybackTracker
from avatar_core.contracts.provider import AvatarProvider, SinkContext
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.byte_stream import ByteStreamSink, ByteStreamTracker
from avatar_core.provisioning.agent_check import find_problem
from avatar_core.settings import ProviderSettings

MOST_RUN_AHEAD_S = 2.0
"""Run-ahead of a plugin that the bridge does not know: what the plugin with the longest pieces
needs."""
READY: Mapping[int | None, Literal["join", "audio", "video"]] = {
    None: "join",
    rtc.TrackKind.KIND_AUDIO: "audio",
    rtc.TrackKind.KIND_VIDEO: "video",
}


class PluginSettings(ProviderSettings):
    """The settings of the bridge. The arguments of a plugin are in `AVATAR_LIVEKIT_<PLUGIN>`."""

    provider = "livekit"
    model_config = SettingsConfigDict(env_prefix="AVATAR_LIVEKIT_")

    variant: str = ""
    """The name of the plugin: the part of a chain item after `livekit:`."""

    @classmethod
    def _misspelt(cls) -> dict[str, str]:
        return {}  # each plugin has a variable of its own with the same prefix


class PluginProvider(AvatarProvider[PluginSettings]):
    """Runs an avatar plugin of LiveKit, unmodified, behind the audio tail of avatar-core.

    `AvatarSession` binds the provider to its agent session and its room. A provider that is not
    bound, as in `avatar reap`, can end no session; avatar-core then removes the avatar from the
    room.
    """

    name = "livekit"
    api_version = (1, 0)

    _around: Surroundings | None = None
    _construction: Construction | None = None

    def setup(self) -> None:
        """Import the plugin, and check its arguments.

        Raises:
            ConfigError: The plugin is missing, cannot be used, or does not accept its arguments.
        """
        self._runs: dict[str, PluginRun] = {}
        if plugin := self.settings.variant:
            made = FromArguments.load(plugin)
            self._construction = made
            self.name = f"livekit:{plugin}"  # type: ignore[misc]
            self.capabilities = replace(
                self.capabilities,
                commands=commands_of(made.session_cls),
                run_ahead_s=facts_of(plugin).run_ahead_s,
            )

    def use_factory(self, factory: Factory, name: str) -> None:
        """Create the session objects of the plugin with a function of the application.

        Args:
            factory: Creates the plugin's `AvatarSession`, a new one at each call.
            name: The part of the provider's name after `livekit:`.
        """
        self._construction = FromFactory(factory)
        run_ahead_s = facts_of(name).run_ahead_s if is_known(name) else MOST_RUN_AHEAD_S
        self.capabilities = replace(self.capabilities, run_ahead_s=run_ahead_s)
        self.name = f"livekit:{name}"  # type: ignore[misc]

    def bind(self, around: Surroundings) -> Self:
        """Return a provider with the same settings for one avatar session.

        Args:
            around: The agent session, the room and the LiveKit server.

        Returns:
            The bound provider.
        """
        bound = copy.copy(self)
        bound._around, bound._runs = around, {}
        return bound

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start the plugin, which brings its avatar into the room.

        Args:
            request: The request of avatar-core.

        Returns:
            The record of the session. Its id is the identity if the plugin shows no id.

        Raises:
            ConfigError: The provider is not bound, or LiveKit's API key is missing.
            RoomError: This version of livekit cannot address byte streams.
            ProvisionError: The plugin did not start an avatar.
        """
        around, construction = self._around, self._construction
        if around is None or construction is None:
            raise ConfigError(
                "a plugin can only be started by an avatar session.",
                provider=self.name,
                hint="Pass the provider to create_avatar, and call `start` of the result.",
                code=ErrorCode.NO_BRIDGE,
            )
        around.link.check_streams()
        self._check_permissions(around)
        run = self._runs[request.identity] = PluginRun(self.name, around, request)
        construct = partial(
            construction.construct, request.identity, around.name or request.identity
        )
        failure: AvatarError | None = None
        try:
            return await run.start(construct)
        except BaseException as error:
            closing = around.tasks.start(run.aclose(), f"{self.name}-close")
            if not isinstance(error, Exception):
                raise
            failure = self._failure(error, run, construction)
        # Raised here, so that the chain of causes contains no text of the plugin.
        await asyncio.wait({closing})
        raise failure

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """Close the plugin, and remove everything that it registered.

        Args:
            avatar: The record of the session. The method does nothing for a session that another
                process started.
            reason: The reason why the session ends.
        """
        if (run := self._run_of(avatar)) is not None:
            await run.aclose()

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Wait until the avatar joins under another identity; forever if it does not.

        Args:
            avatar: The record of the session.

        Returns:
            The reason why the session cannot be used.
        """
        run = self._run_of(avatar)
        return await (super().watch(avatar) if run is None else run.wait_for_stray())

    def create_sink(self, ctx: SinkContext) -> AudioSink | None:
        """Create the addressed byte stream, or a sink over the plugin's own audio output.

        Args:
            ctx: The room link, the record of the session, and other parts of the lease.

        Returns:
            The sink.
        """
        run = self._run_of(ctx.avatar)
        if run is None or run.output is None or type(run.output) is DataStreamAudioOutput:
            return ByteStreamSink(_fit(ctx, run))
        return DrivenSink(_fit(ctx, run), run.output, run.connect_output)

    def create_tracker(self, ctx: SinkContext) -> PlaybackTracker | None:
        """Create the tracker of the sink.

        Args:
            ctx: The room link, the record of the session, and other parts of the lease.

        Returns:
            The tracker.
        """
        run = self._run_of(ctx.avatar)
        if run is None or run.output is None or type(run.output) is DataStreamAudioOutput:
            return ByteStreamTracker(_fit(ctx, run))
        return DrivenTracker(ctx, run.output, reports_started=_reports_started(run.output))

    async def control(self, ctx: SinkContext, command: Mapping[str, Any]) -> None:
        """Call a public async method of the plugin's session object.

        Args:
            ctx: The room link, the record of the session, and other parts of the lease.
            command: The name of the method under the key `name`, and its arguments.

        Raises:
            UnsupportedCommandError: The plugin has no such method, or not with these arguments.
            RoomError: The method raised an exception.
        """
        secrets = self._construction.secrets if self._construction else []
        await send_command(self._run_of(ctx.avatar), command, self.name, secrets)

    async def aclose(self) -> None:
        """Close the plugins that are still open."""
        await asyncio.gather(*(run.aclose() for run in self._runs.values()))

    def _run_of(self, avatar: ProvisionedAvatar) -> PluginRun | None:
        return self._runs.get(str(avatar.state.get(RUN)))

    def _check_permissions(self, around: Surroundings) -> None:
        link = around.link
        found = find_problem(is_hidden=link.is_hidden, can_publish_data=link.can_publish_data)
        if found is not None:
            problem, hint = found
            raise ProvisionError(
                f"the agent {link.identity} {problem}.",
                provider=self.name,
                hint=hint,
                outcome=Outcome.NOT_SENT,
                code=ErrorCode.AGENT_PERMISSIONS,
            )

    def _failure(self, error: Exception, run: PluginRun, construction: Construction) -> AvatarError:
        plugin = self.name.partition(":")[2]
        failure = start_error(error, plugin, construction.secrets)
        if run.stock is None and isinstance(failure, ProvisionError):
            failure.outcome = Outcome.NOT_SENT  # the constructor failed
        return failure


def plugin(factory: Factory, *, name: str = "plugin") -> AvatarProvider[Any]:
    """Create a provider from a function that creates the session object of a LiveKit plugin.

    Example: `create_avatar(plugin(lambda: anam.AvatarSession(persona_config=...)))`.

    Args:
        factory: Creates the plugin's `AvatarSession`, a new one at each call, because such an
            object can be started once.
        name: The name of the provider in logs, after `livekit:`. Two plugins in a chain need
            different names.

    Returns:
        The provider, for `create_avatar`.
    """
    provider = PluginProvider(PluginSettings(variant=""))
    provider.use_factory(factory, name)
    return provider


def _fit(ctx: SinkContext, run: PluginRun | None) -> SinkContext:
    """Return the context with the capabilities that the plugin's output declares."""
    if run is None or run.output is None:
        return ctx
    kind = getattr(run.output, "_wait_remote_track", rtc.TrackKind.KIND_VIDEO)
    capabilities = replace(
        ctx.capabilities,
        ready_on=READY.get(kind, "video"),
        reports_started=_reports_started(run.output),
    )
    return replace(ctx, capabilities=capabilities)


def _reports_started(output: io.AudioOutput) -> bool:
    return bool(getattr(output, "_wait_playback_start", False))
