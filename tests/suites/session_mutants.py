"""Providers with one wrong statement about cancellation, secrets, speech, commands or hygiene."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import SecretStr

from avatar_core import (
    AudioSink,
    Outcome,
    ProtocolError,
    ProvisionedAvatar,
    ProvisionRequest,
    RejectedError,
    Response,
    SinkContext,
    Take,
    TokenSpec,
    UnavailableError,
)
from avatar_core.playback.byte_stream import ByteStreamSink
from avatar_core.testing import FakeResponse, FakeVendor, Scenario, json_response
from tests.suites.mutant_table import mutant
from tests.suites.right_providers import AcmeProvider

QUIET = Scenario()


# Cancellation.


@mutant("P24")
class SwallowsCancellation(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        try:
            return await super().provision(request)
        except asyncio.CancelledError:
            raise UnavailableError("it was cancelled.", hint="-") from None


@mutant("P11", "P17", "P24", "P25")
class GivesUpItsSession(AcmeProvider):
    """Its second await hides the session if it is cancelled there."""

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        avatar = await super().provision(replace(request, claim=lambda _: None))
        try:
            await asyncio.sleep(3.5)
        except asyncio.CancelledError:
            raise RejectedError("it failed.", outcome=Outcome.REJECTED, hint="-") from None
        request.claim(avatar)
        return avatar


@mutant("P15", "P26")
class RaisesKeyErrors(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        try:
            return await super().provision(request)
        except ProtocolError as error:
            if "does not contain" in error.message:
                raise KeyError("id") from None
            raise


# Tokens and secrets.


@mutant("P30")
class MintsForAWeek(AcmeProvider):
    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        return super().payload(replace(request, token_ttl_s=7 * 86_400.0))


@mutant("P30")
class MintsToSubscribe(AcmeProvider):
    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        spec = TokenSpec(
            identity=request.identity,
            can_subscribe=True,
            attributes={"lk.publish_on_behalf": request.agent_identity},
            ttl_s=request.token_ttl_s,
        )
        return {**super().payload(request), "token": SecretStr(request.mint(spec))}


@mutant("P18", "P31", "P32", "P33", "P34")
class SendsTheKeyInTheUrl(AcmeProvider):
    def setup(self) -> None:
        super().setup()
        key = self.settings.api_key.get_secret_value()
        self.create = f"POST /v1/sessions?key={key}"  # type: ignore[misc]


@mutant("P32")
class PrintsTheToken(AcmeProvider):
    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        print("token:", request.avatar_token())
        return super().payload(request)


@mutant("P32")
class LogsTheKey(AcmeProvider):
    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        logging.getLogger("acme").debug("key %s", self.settings.api_key.get_secret_value())
        await super().release(avatar, reason)


@mutant("P33")
class KeepsTheTokenInALocal(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        token = request.avatar_token()
        assert token
        return await super().provision(request)


@mutant("P34")
class RecordsTheToken(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        avatar = await super().provision(replace(request, claim=lambda _: None))
        avatar = replace(avatar, state={"token": request.avatar_token()})
        request.claim(avatar)
        return avatar


@mutant("P34")
class HoldsThePlainKey(AcmeProvider):
    def setup(self) -> None:
        super().setup()
        self.plain = self.settings.api_key.get_secret_value()


# Speech.


@mutant("P30", "P40", "P41", "P42", "P61")
class ReturnsAnotherIdentity(AcmeProvider):
    def read_avatar(self, response: Response, request: ProvisionRequest) -> ProvisionedAvatar:
        return replace(super().read_avatar(response, request), identity="avatar")


@mutant("P40", "P41", "P42")
class SendsAudioToNobody(AcmeProvider):
    def read_avatar(self, response: Response, request: ProvisionRequest) -> ProvisionedAvatar:
        return replace(super().read_avatar(response, request), audio_identity="nobody")


class DeafSink(ByteStreamSink):
    async def cut(self, take: Take) -> None:
        return


@mutant("P41")
class IgnoresCuts(AcmeProvider):
    def create_sink(self, ctx: SinkContext) -> AudioSink:
        return DeafSink(ctx)


@mutant("P42")
class LeavesLostSessionsToTheVendor(AcmeProvider):
    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        if "is lost" not in reason:
            await super().release(avatar, reason)


class AbsentWorkerVendor(FakeVendor):
    """A vendor that fails to end a session whose worker has not joined for 20 s."""

    async def handle(
        self, method: str, path: str, headers: Any, body: bytes, worker: Scenario = QUIET
    ) -> FakeResponse:
        session = self.account.find(path.split("/")[-2])
        if session and not session.worker_joined and self.account.billed_s(session) > 20.0:
            return json_response(500, {"error": "Internal error."})
        return await super().handle(method, path, headers, body, worker)


@mutant("P43", vendor=AbsentWorkerVendor)
class CannotEndAnAbsentWorker(AcmeProvider):
    pass


# Commands and probe.


@mutant("P50")
class AcceptsEveryCommand(AcmeProvider):
    async def control(self, ctx: SinkContext, command: Mapping[str, Any]) -> None:
        return


@mutant("P51", commands={"dance": {}})
class ForgetsItsCommand(AcmeProvider):
    capabilities = replace(AcmeProvider.capabilities, commands=frozenset({"dance"}))


@mutant("P51", commands={"dance": {}})
class SendsNoCommand(AcmeProvider):
    capabilities = replace(AcmeProvider.capabilities, commands=frozenset({"dance"}))

    async def control(self, ctx: SinkContext, command: Mapping[str, Any]) -> None:
        if command["name"] != "dance":
            await super().control(ctx, command)


@mutant("P55")
class ProbesWithoutTheKey(AcmeProvider):
    async def probe(self) -> None:
        return


# Hygiene.


@mutant("P60")
class LeavesATask(AcmeProvider):
    running: ClassVar[list[asyncio.Task[None]]] = []

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        self.running.append(asyncio.create_task(asyncio.sleep(3600.0)))
        return await super().provision(request)


@mutant("P60")
class LeavesAThread(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        threading.Thread(target=time.sleep, args=(3.0,), daemon=True).start()
        return await super().provision(request)


@mutant("P60")
class LeavesASocket(AcmeProvider):
    sockets: ClassVar[list[socket.socket]] = []

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        self.sockets[4:] = [socket.socket()]
        return await super().provision(request)


@mutant("P61")
class SharesItsRequest(AcmeProvider):
    request: ProvisionRequest | None = None

    def setup(self) -> None:
        super().setup()
        self.request = None

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        self.request = request
        return await super().provision(request)

    def read_avatar(self, response: Response, request: ProvisionRequest) -> ProvisionedAvatar:
        assert self.request is not None
        return super().read_avatar(response, self.request)


@mutant("P62")
class Sleeps(AcmeProvider):
    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        time.sleep(0.01)
        return super().payload(request)


@mutant("P62")
class Computes(AcmeProvider):
    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        until_s = time.thread_time() + 0.3
        while time.thread_time() < until_s:
            pass
        await super().release(avatar, reason)
