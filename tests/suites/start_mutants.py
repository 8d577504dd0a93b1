"""Providers with one wrong statement before or during the creation or the end of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from avatar_core import (
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
    UnavailableError,
)
from tests.suites.mutant_table import mutant
from tests.suites.right_providers import AcmeProvider, AcmeSettings, LookupProvider

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


@mutant("P12", "P15", "P26", like="LookupSuite")
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


@mutant("P12", "P19", like="LookupSuite")
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
    sessions: ClassVar[set[str]] = set()

    def read_avatar(self, response: Response, request: ProvisionRequest) -> ProvisionedAvatar:
        avatar = super().read_avatar(response, request)
        self.sessions.add(avatar.session_id)
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        if avatar.session_id in self.sessions:
            await super().release(avatar, reason)


@mutant("P22")
class EndsWithTheKeyOfTheStart(AcmeProvider):
    """It refuses to end a session without the attribute that `provision` has set."""

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        self.started = request.key
        return await super().provision(request)

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        await super().release(avatar, f"{reason} of {self.started}")


@mutant("P23")
class IgnoresFailedEnds(AcmeProvider):
    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        try:
            await super().release(avatar, reason)
        except AvatarError:
            return


@mutant("P23")
class TakesARefusedKeyForAnEnd(AcmeProvider):
    ended_statuses = (401, 404, 409, 410)


@mutant("P23")
class TakesARateLimitForAnEnd(AcmeProvider):
    ended_statuses = (404, 409, 410, 429)


# Discovery of a class that its distribution does not offer.


@mutant("P01", installs="tests.suites.right_providers:AcmeProvider")
class IsNotTheEntryPoint(AcmeProvider):
    pass
