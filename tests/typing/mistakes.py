"""Mistakes of users. Each line with an `error:` comment must fail in both type checkers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import SecretStr

import avatar_core
from avatar_core import AvatarFailed, AvatarJoined, AvatarSession, ProviderSettings, testing


class AcmeSettings(ProviderSettings):
    provider: ClassVar[str] = "acme"

    api_key: SecretStr


class OtherSettings(ProviderSettings):
    provider: ClassVar[str] = "other"


def misspelt_names() -> None:
    avatar_core.creat_avatar()  # error: mypy=attr-defined pyright=reportAttributeAccessIssue
    testing.Conversaton()  # error: mypy=attr-defined pyright=reportAttributeAccessIssue
    avatar_core.FakeVendor()  # error: mypy=attr-defined pyright=reportAttributeAccessIssue
    avatar_core.AvatarSettings(requird=True)  # error: mypy=call-arg pyright=reportCallIssue


def log_join(event: AvatarJoined) -> None:
    print(event.join_s)


def handlers(avatar: AvatarSession) -> None:
    avatar.on("state_changed", log_join)  # error: mypy=call-overload pyright=reportArgumentType
    avatar.once("state_changed", log_join)  # error: mypy=call-overload pyright=reportArgumentType
    avatar.on("avatar_eror", print)  # error: mypy=call-overload pyright=reportArgumentType
    avatar.off("avatar_eror", print)  # error: mypy=arg-type pyright=reportArgumentType

    @avatar.on("avatar_joined")  # error: mypy=arg-type pyright=reportArgumentType
    def log_error(event: AvatarFailed) -> None:
        print(event.error)

    @avatar.on("avatar_error")
    def log_reason(event: AvatarFailed) -> None:
        print(event.reason)  # error: mypy=attr-defined pyright=reportAttributeAccessIssue

    log_reason(1)  # error: mypy=arg-type pyright=reportArgumentType


class WrongSettings(avatar_core.RestAvatarProvider[AcmeSettings]):
    name = "acme"
    api_version = (1, 0)
    settings_cls = OtherSettings  # error: mypy=assignment pyright=reportAssignmentType
    create = "POST /v1/sessions"

    def payload(self, request: avatar_core.ProvisionRequest) -> Mapping[str, Any]:
        face = self.settings.face  # error: mypy=attr-defined pyright=reportAttributeAccessIssue
        return {"face": face, "key": self.settings.api_key}


class WrongTypes(avatar_core.RestAvatarProvider[AcmeSettings]):
    name = "acme"
    api_version = "1.0"  # error: mypy=assignment pyright=reportAssignmentType
    capabilities = 24_000  # error: mypy=assignment pyright=reportAssignmentType
    create = b"POST /v1/sessions"  # error: mypy=assignment pyright=reportAssignmentType

    def payload(self, request: avatar_core.ProvisionRequest) -> Mapping[str, Any]:
        return {"key": request.keys}  # error: mypy=attr-defined pyright=reportAttributeAccessIssue


class Incomplete(avatar_core.RestAvatarProvider[AcmeSettings]):
    name = "acme"
    api_version = (1, 0)
    create = "POST /v1/sessions"


def build(settings: OtherSettings) -> None:
    WrongTypes(settings)  # error: mypy=arg-type pyright=reportArgumentType
    Incomplete(AcmeSettings.load())  # error: mypy=abstract pyright=reportAbstractUsage
