"""Providers with one wrong statement each, and the ids of the checks that must fail."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from avatar_core import (
    AudioSink,
    AvatarError,
    CapacityError,
    Outcome,
    ProtocolError,
    ProvisionedAvatar,
    ProvisionError,
    ProvisionRequest,
    RejectedError,
    Response,
    SafeRetry,
    SinkContext,
    Take,
    TokenSpec,
    UnavailableError,
)
from avatar_core.playback.byte_stream import ByteStreamSink
from avatar_core.testing import FakeResponse, FakeVendor, ProviderSuite, Scenario, json_response
from tests.suites.import_livekit import ImportsLivekit
from tests.suites.import_network import ConnectsAtImport
from tests.suites.right import AcmeSuite, LookupSuite
from tests.suites.right_providers import AcmeProvider, AcmeSettings, LookupProvider

QUIET = Scenario()
MUTANTS: dict[type[ProviderSuite], tuple[str, ...]] = {}
"""The ids of the checks that must fail, by the suite of the mutant."""


INSTALLED: dict[type[ProviderSuite], str] = {}
"""The target of the entry point, where it is not the provider of the suite."""


def mutant(
    *ids: str, like: type[ProviderSuite] = AcmeSuite, installs: str = "", **attributes: Any
) -> Any:
    """Add the suite of a mutant to `MUTANTS`."""

    def add(cls: type[Any]) -> type[Any]:
        suite = type(f"{cls.__name__}Suite", (like,), {"provider": cls, **attributes})
        suite.__module__ = like.__module__
        MUTANTS[suite] = ids
        INSTALLED[suite] = installs
        return cls

    return add


# Discovery.


@mutant("P02")
class FromTheFuture(AcmeProvider):
    api_version = (2, 0)


@mutant("P02")
class UnderscoredName(AcmeProvider):
    name = "acme_two"


# Settings.


@mutant("P04")
class RaisesInSetup(AcmeProvider):
    def setup(self) -> None:
        raise KeyError("no GPU")


class GuessingSettings(AcmeSettings):
    @model_validator(mode="before")
    @classmethod
    def _guess(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {"api_key": "guess-1", **values}


@mutant("P05")
class GuessesTheKey(AcmeProvider):
    settings_cls = GuessingSettings


class UnprefixedSettings(AcmeSettings):
    model_config = SettingsConfigDict(env_prefix="")
    api_key: SecretStr = Field(validation_alias="ACME_API_KEY")
    face_id: str = Field("face-0", validation_alias="ACME_FACE_ID")
    api_url: str | None = Field(None, validation_alias="ACME_API_URL")


@mutant("P06")
class OverlooksMisspellings(AcmeProvider):
    settings_cls = UnprefixedSettings


class QuotingSettings(AcmeSettings):
    @field_validator("face_id")
    @classmethod
    def _check(cls, value: str) -> str:
        if not value.startswith("face-"):
            raise ValueError(f"There is no face {value}.")
        return value


@mutant("P07")
class QuotesValues(AcmeProvider):
    settings_cls = QuotingSettings


# Creation.


@mutant("P10")
class ReturnsADictionary(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> Any:
        return vars(await super().provision(replace(request, claim=lambda _: None)))


@mutant("P10")
class NeverClaims(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        return await super().provision(replace(request, claim=lambda _: None))


@mutant("P11")
class ClaimsLate(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        avatar = await super().provision(replace(request, claim=lambda _: None))
        await asyncio.sleep(0)
        request.claim(avatar)
        return avatar


@mutant("P12")
class PretendsToHaveAKey(AcmeProvider):
    def setup(self) -> None:
        super().setup()
        self.capabilities = replace(self.capabilities, safe_retry=SafeRetry.KEY)


@mutant("P12", "P13", "P14", "P15", "P16")
class RetriesAfterUnknown(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        try:
            return await super().provision(request)
        except ProvisionError as error:
            if error.outcome is not Outcome.UNKNOWN:
                raise
            return await super().provision(request)


@mutant("P13", "P16")
class RetriesAfterRefusal(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        try:
            return await super().provision(request)
        except CapacityError:
            return await super().provision(request)


@mutant("P13")
class MistakesPaymentForCapacity(AcmeProvider):
    error_phrases: ClassVar = {"out of credits": CapacityError}


@mutant("P12", "P14")
class BelievesInLostConnections(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        try:
            return await super().provision(request)
        except UnavailableError as error:
            if "no complete response" in error.message:
                error.outcome = Outcome.NOT_SENT
            raise


@mutant("P12", "P15", "P26", like=LookupSuite)
class BelievesInUnusableResponses(LookupProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        try:
            return await super().provision(request)
        except ProtocolError as error:
            if error.outcome is Outcome.UNKNOWN:
                raise RejectedError("it failed.", outcome=Outcome.REJECTED, hint="-") from None
            raise


@mutant("P17", "P18")
class AsksTwice(AcmeProvider):
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        avatar = await super().provision(request)
        await self.rest.call("GET", "/v1/sessions", timeout_s=request.deadline_s)
        return avatar


@mutant("P18")
class SendsAnotherBody(AcmeProvider):
    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        return {**super().payload(request), "quality": "high"}


@mutant("P12", "P19", like=LookupSuite)
class FindsTheWrongSession(LookupProvider):
    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        return await super().lookup("suite-room-00000002")


# Release.


@mutant("P20")
class HidesThatItEnds(AcmeProvider):
    def setup(self) -> None:
        super().setup()
        self.capabilities = replace(self.capabilities, ends_session=False)


@mutant("P21")
class RefusesAnUnknownSession(AcmeProvider):
    ended_statuses = ()


@mutant("P22")
class RemembersItsSessions(AcmeProvider):
    def setup(self) -> None:
        super().setup()
        self.sessions: set[str] = set()

    def read_avatar(self, response: Response, request: ProvisionRequest) -> ProvisionedAvatar:
        avatar = super().read_avatar(response, request)
        self.sessions.add(avatar.session_id)
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        if avatar.session_id in self.sessions:
            await super().release(avatar, reason)


@mutant("P23")
class IgnoresFailedEnds(AcmeProvider):
    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        try:
            await super().release(avatar, reason)
        except AvatarError:
            return


# Discovery of a class that its distribution does not offer.


@mutant("P01", installs="tests.suites.right_providers:AcmeProvider")
class IsNotTheEntryPoint(AcmeProvider):
    pass


MUTANTS[type("ImportsLivekitSuite", (AcmeSuite,), {"provider": ImportsLivekit})] = ("P03",)
MUTANTS[type("ConnectsAtImportSuite", (AcmeSuite,), {"provider": ConnectsAtImport})] = ("P03",)


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
