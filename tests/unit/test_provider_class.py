"""Incomplete or misspelt provider classes raise a TypeError that contains the line to write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import new_class
from typing import Any, ClassVar, Generic, TypeVar

import pytest
from pydantic import SecretStr

from avatar_core import (
    AvatarProvider,
    ProviderSettings,
    ProvisionedAvatar,
    ProvisionRequest,
    RendererProvider,
    RestAvatarProvider,
)

T = TypeVar("T")
S = TypeVar("S")


class AcmeSettings(ProviderSettings):
    provider = "acme"

    api_key: SecretStr


class OtherSettings(ProviderSettings):
    provider = "other"


class Whole(AvatarProvider[S]):
    """A base with every method, still generic in its settings."""

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        raise AssertionError("No test calls this method.")

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        return


def create(base: Any, *, payload: bool = True, **attributes: Any) -> type[Any]:
    """Create `class AcmeProvider(base)` with these attributes, as a class statement does."""

    def fill(namespace: dict[str, Any]) -> None:
        namespace.update(attributes)
        if payload and base is not Whole:
            namespace["payload"] = lambda self, request: {}

    return new_class("AcmeProvider", (base,), exec_body=fill)


WHOLE: dict[str, Any] = {"name": "acme", "api_version": (1, 0), "create": "POST /sessions"}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in WHOLE.items() if name not in names}


def test_settings_class_comes_from_the_type_argument() -> None:
    assert create(RestAvatarProvider[AcmeSettings], **WHOLE).settings_cls is AcmeSettings


def test_type_argument_is_found_through_generic_bases() -> None:
    class Middle(Whole[T], Generic[T, S]):
        pass

    class Concrete(Middle[OtherSettings, int]):
        name = "concrete"
        api_version = (1, 0)

    class Heir(Concrete):
        pass

    assert Concrete.settings_cls is OtherSettings
    assert Heir.settings_cls is OtherSettings


@pytest.mark.parametrize(
    ("absent", "line"),
    [
        (["create"], 'does not define create. Write in the class: create = "POST /v1/sessions"'),
        (["name"], 'does not define name. Write in the class: name = "acme"'),
        (["api_version"], "does not define api_version. Write in the class: api_version = (1, 0)"),
        (["name", "create"], 'name = "acme"; create = "POST /v1/sessions"'),
    ],
)
def test_error_for_a_missing_attribute_contains_the_line_to_write(
    absent: list[str], line: str
) -> None:
    with pytest.raises(TypeError) as caught:
        create(RestAvatarProvider[AcmeSettings], **without(*absent))
    assert "AcmeProvider" in str(caught.value)
    assert line in str(caught.value)


@pytest.mark.parametrize("base", [RestAvatarProvider, RestAvatarProvider[Any]])
def test_error_for_a_missing_settings_class_contains_the_line_to_write(base: Any) -> None:
    with pytest.raises(TypeError) as caught:
        create(base, **WHOLE)
    assert "class AcmeProvider(RestAvatarProvider[AcmeSettings])" in str(caught.value)
    assert create(base, **WHOLE, settings_cls=AcmeSettings).settings_cls is AcmeSettings


@pytest.mark.parametrize("wrong", [OtherSettings, dict, "AcmeSettings"])
def test_settings_cls_that_contradicts_the_type_argument_raises(wrong: object) -> None:
    with pytest.raises(TypeError, match="settings_cls = AcmeSettings"):
        create(RestAvatarProvider[AcmeSettings], **WHOLE, settings_cls=wrong)


def test_settings_cls_may_be_a_subclass_of_the_type_argument() -> None:
    class Narrow(AcmeSettings):
        pass

    made = create(RestAvatarProvider[AcmeSettings], **WHOLE, settings_cls=Narrow)
    assert made.settings_cls is Narrow


def test_error_for_a_missing_method_contains_its_signature() -> None:
    with pytest.raises(TypeError) as caught:
        create(RestAvatarProvider[AcmeSettings], payload=False, **WHOLE)
    assert "does not define payload" in str(caught.value)
    assert "def payload(self, request: ProvisionRequest) -> Mapping[str, Any]: ..." in str(
        caught.value
    )
    with pytest.raises(TypeError, match=r"async def release\(self, avatar: ProvisionedAvatar, rea"):
        create(AvatarProvider[AcmeSettings], **without("create"), provision=Whole.provision)


async def _method(self: object) -> None: ...


@pytest.mark.parametrize(
    ("attributes", "line"),
    [
        ({**without("create"), "creat": "POST /x"}, "create = 'POST /x'"),
        ({**WHOLE, "capabilites": 3}, "capabilities = 3"),
        ({**WHOLE, "session_ky": "sessionId"}, "session_key = 'sessionId'"),
        ({**WHOLE, "lookp": _method}, "async def lookup(self, key: str)"),
        ({**WHOLE, "close": _method}, "async def aclose(self)"),
        ({**WHOLE, "set_up": _method}, "def setup(self)"),
    ],
)
def test_error_for_a_misspelt_attribute_contains_the_correct_name(
    attributes: dict[str, Any], line: str
) -> None:
    with pytest.raises(TypeError) as caught:
        create(RestAvatarProvider[AcmeSettings], **attributes)
    wrong = next(name for name in attributes if name not in WHOLE)
    assert f"defines {wrong}, but" in str(caught.value)
    assert line in str(caught.value)


@pytest.mark.parametrize("wrong", ["nane", "nam", "nme"])
def test_error_for_a_misspelt_required_attribute_contains_both_names(wrong: str) -> None:
    with pytest.raises(TypeError) as caught:
        create(RestAvatarProvider[AcmeSettings], **without("name"), **{wrong: "acme"})
    assert f"does not define name. Write in the class: name = 'acme' (not {wrong})" in str(
        caught.value
    )


@pytest.mark.parametrize(
    "extra",
    [
        {"urls": {"eu": "https://eu.acme.io"}},
        {"_creat": "POST /x"},
        {"creates": ("POST /a", "POST /b")},
        {"emotions": frozenset({"calm"})},
        {"provisioned_at": 0.0},
        {"probe_avatar": _method},
        {"endpoints": property(lambda self: ())},
    ],
)
def test_provider_class_may_define_other_attributes(extra: dict[str, Any]) -> None:
    made = create(RestAvatarProvider[AcmeSettings], **WHOLE, **extra)
    assert all(getattr(made, name) is value for name, value in extra.items())


def test_base_class_for_providers_may_be_incomplete() -> None:
    class Generic_(RestAvatarProvider[S]):
        auth = "X-Api-Key"

    class Unfinished(RestAvatarProvider[AcmeSettings]):
        auth = "X-Api-Key"

    class Marked(RestAvatarProvider[AcmeSettings], ABC):
        name = "acme"

        def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
            return {}

    class Stricter(Whole[AcmeSettings]):
        @abstractmethod
        def region(self) -> str: ...

    for base in (Generic_[AcmeSettings], Unfinished, Marked):
        assert create(base, **WHOLE).name == "acme"
    with pytest.raises(TypeError, match=r"def region\(self\) -> str"):
        create(Stricter, payload=False, **WHOLE)


def test_base_class_can_require_attributes_of_its_subclasses() -> None:
    class Drawn(Whole[S]):
        renderer: ClassVar[str]
        _required: ClassVar[Mapping[str, str]] = {
            **AvatarProvider._required,
            "renderer": 'renderer = "module:Class"',
        }

    with pytest.raises(TypeError, match='renderer = "module:Class"'):
        create(Drawn[OtherSettings], payload=False, **without("create"))


def test_renderer_provider_without_a_renderer_raises_type_error() -> None:
    with pytest.raises(TypeError, match="does not define renderer") as caught:
        create(RendererProvider[OtherSettings], payload=False, **without("create"))
    assert 'renderer = "my_package.drawing:MyRenderer"' in str(caught.value)


def test_rest_provider_without_an_api_key_setting_raises_type_error() -> None:
    with pytest.raises(
        TypeError, match=r"OtherSettings has no field api_key.*api_key: pydantic.Secret"
    ):
        create(RestAvatarProvider[OtherSettings], **WHOLE)


@pytest.mark.parametrize("annotation", [str, str | None, "str", SecretStr | str])
def test_settings_class_with_a_plain_text_key_raises_type_error(annotation: Any) -> None:
    with pytest.raises(TypeError) as caught:
        type(ProviderSettings)(
            "LooseSettings",
            (ProviderSettings,),
            {"__module__": __name__, "__annotations__": {"api_key": annotation}},
        )
    assert "LooseSettings.api_key" in str(caught.value)
    assert "api_key: pydantic.SecretStr" in str(caught.value)


def test_settings_class_may_have_an_optional_key() -> None:
    class Optional_(ProviderSettings):
        provider = "acme"

        api_key: SecretStr | None = None

    assert Optional_.load().api_key is None
