"""The arguments of a plugin: JSON in `AVATAR_LIVEKIT_<PLUGIN>`, with the plugin's own names."""

from __future__ import annotations

import inspect
import json
import os
import typing
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, get_args, get_origin

from livekit.agents.types import NotGiven
from pydantic import SecretStr, TypeAdapter, ValidationError

from avatar_core.agents.bridge.misspelling import PREFIX, refuse_misspellings
from avatar_core.agents.bridge.plugins import module_name
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import SettingsError

IDENTITY, NAME, CONNECTION = (
    "avatar_participant_identity",
    "avatar_participant_name",
    "conn_options",
)
OURS = frozenset({IDENTITY, NAME, CONNECTION})
"""The parameters of a plugin whose values avatar-core sets."""


def variable_of(plugin: str) -> str:
    """Return the name of the environment variable with the arguments of a plugin.

    Args:
        plugin: The name of the plugin.

    Returns:
        The name, for example `AVATAR_LIVEKIT_ANAM`.
    """
    return f"{PREFIX}{module_name(plugin).upper()}"


def parameters_of(session_cls: type[Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a plugin's constructor, without `self`.

    Args:
        session_cls: The class `AvatarSession` of the plugin.

    Returns:
        The parameters by name.
    """
    parameters = inspect.signature(session_cls.__init__).parameters
    return {name: one for name, one in parameters.items() if name != "self"}


def accepts(session_cls: type[Any], name: str) -> bool:
    """Return whether the constructor of a plugin has a parameter.

    Args:
        session_cls: The class `AvatarSession` of the plugin.
        name: The name of the parameter.

    Returns:
        True if the constructor declares the parameter by name.
    """
    return name in parameters_of(session_cls)


def read_arguments(plugin: str, session_cls: type[Any]) -> dict[str, Any]:
    """Read the arguments of a plugin from the environment, and build their values.

    A value for a parameter whose type is a dataclass is a JSON object with the fields of the
    dataclass. A parameter that is not set keeps the plugin's own default, which may be a variable
    of the vendor.

    Args:
        plugin: The name of the plugin.
        session_cls: The class `AvatarSession` of the plugin.

    Returns:
        The arguments by name.

    Raises:
        SettingsError: The variable contains no JSON object, an argument is unknown, missing or
            invalid, or a similar variable is set. The message quotes no value.
    """
    variable, owner = variable_of(plugin), f"livekit:{plugin}"
    parameters = parameters_of(session_cls)
    named = [
        name
        for name, one in parameters.items()
        if name not in OURS and one.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    open_ended = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    refuse_misspellings(plugin, variable, named)
    values = _parse(os.environ.get(variable, ""), variable, owner)
    unknown = sorted(
        name for name in values if name in OURS or (name not in named and not open_ended)
    )
    if unknown:
        raise SettingsError(
            f"{variable}: the plugin has no argument {', '.join(unknown)} that you can set.",
            provider=owner,
            hint=f"Use these arguments: {', '.join(named) or 'none'}.",
            code=ErrorCode.UNKNOWN_SETTING,
        )
    required = [name for name in named if parameters[name].default is inspect.Parameter.empty]
    if missing := [name for name in required if name not in values]:
        raise SettingsError(
            f"{variable}: the plugin needs the argument {', '.join(missing)}.",
            provider=owner,
            hint=f"Set {variable} to a JSON object, like {_example(missing)}.",
            code=ErrorCode.MISSING_SETTING,
        )
    return _build(values, _types_of(session_cls), variable, owner)


def secrets_of(arguments: Mapping[str, Any]) -> list[SecretStr]:
    """Return the values that an error message must not quote.

    Args:
        arguments: The arguments of a plugin.

    Returns:
        Each text among the arguments and in their dataclasses, and the values of all environment
        variables whose name contains KEY, SECRET or TOKEN.
    """
    found = {
        value
        for name, value in os.environ.items()
        if value and any(part in name.upper() for part in ("KEY", "SECRET", "TOKEN"))
    }
    return [SecretStr(text) for text in {*found, *_texts(arguments.values())}]


def _texts(values: Iterable[Any]) -> set[str]:
    found: set[str] = set()
    for value in values:
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, Mapping):
            found |= _texts(value.values())
        elif isinstance(value, list | tuple):
            found |= _texts(value)
        elif hasattr(value, "__dataclass_fields__"):
            found |= _texts(vars(value).values())
    return found


def _parse(text: str, variable: str, owner: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    values: Any = None
    with suppress(ValueError, RecursionError):
        values = json.loads(text)
    if not isinstance(values, dict):
        del text, values  # so that no frame of the traceback contains a value
        raise SettingsError(
            f"{variable}: the value must be a JSON object.",
            provider=owner,
            hint='Write the arguments of the plugin by name, like {"avatar_id": "..."}.',
            code=ErrorCode.INVALID_SETTING,
        )
    return values


def _build(
    values: dict[str, Any], types: Mapping[str, Any], variable: str, owner: str
) -> dict[str, Any]:
    built: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in values.items():
        if name not in types:
            built[name] = value
            continue
        if unknown := _unknown_fields(types[name], value):
            faults.append(unknown)
            continue
        try:
            built[name] = TypeAdapter(types[name]).validate_python(value)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False, include_context=False)
            faults += [
                f"{'.'.join(str(part) for part in (name, *fault['loc']))}: "
                f"{_plain(str(fault['msg']))}"
                for fault in found
            ]
        except Exception:
            built[name] = value  # the type is none that pydantic can check; the plugin checks it
    if faults:
        del values, built
        raise SettingsError(
            f"{variable}: {'; '.join(faults)}.",
            provider=owner,
            hint="Correct the value in the environment.",
            code=ErrorCode.INVALID_SETTING,
        )
    return built


def _unknown_fields(kind: Any, value: Any) -> str:
    """Return a clause about the fields of an object that its dataclass does not have."""
    fields = next(
        (one.__dataclass_fields__ for one in (kind, *get_args(kind)) if _is_dataclass(one)), None
    )
    if fields is None or not isinstance(value, dict):
        return ""
    unknown = sorted(name for name in value if name not in fields)
    return f"there is no field {', '.join(unknown)}; use {', '.join(fields)}" if unknown else ""


def _is_dataclass(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")


def _plain(message: str) -> str:
    return message.replace("Input should be", "must be").partition(", unable to")[0]


def _types_of(session_cls: type[Any]) -> dict[str, Any]:
    """Return the type of each parameter, without `NotGiven`."""
    try:
        hints = typing.get_type_hints(session_cls.__init__, localns=dict(vars(session_cls)))
    except Exception:
        return {}  # a plugin may name types that exist for type checkers only
    return {name: _without_not_given(kind) for name, kind in hints.items() if name != "return"}


def _without_not_given(kind: Any) -> Any:
    if get_origin(kind) is None or NotGiven not in get_args(kind):
        return kind
    rest = tuple(one for one in get_args(kind) if one is not NotGiven)
    return typing.Union[rest]  # noqa: UP007 - the members are known only at run time


def _example(names: list[str]) -> str:
    return json.dumps(dict.fromkeys(names, "..."))
