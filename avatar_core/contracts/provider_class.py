"""The check of a provider class, which runs when Python creates the class."""

from __future__ import annotations

import difflib
import inspect
from abc import ABC
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

MISSPELT_RATIO = 0.88
"""A name is a misspelling if its similarity to a name that avatar-core reads is at least this
ratio of `difflib`."""
MISSPELT_REQUIRED_RATIO = 0.7
"""The ratio of `difflib` for the misspelling of a required name that the class lacks."""


def check_provider_class(cls: type[Any], root: type[Any], required: Mapping[str, str]) -> None:
    """Check that a provider class is complete and spelt correctly, and set its `settings_cls`.

    A base class of other providers may be incomplete. A class counts as a base class if it is
    generic, if it lists `ABC` among its bases, or if it lacks both the attribute `name` and a
    method.

    Args:
        cls: The new class.
        root: The generic class whose type argument is the settings class.
        required: An example line of code for each attribute that the class must have, by the name
            of the attribute.

    Raises:
        TypeError: An attribute or a method is missing or misspelt, or `settings_cls` contradicts
            the type argument. The message contains the line to write.
    """
    _set_settings_class(cls, root)
    _refuse_misspellings(cls, required)
    methods = _abstract_methods(cls)
    is_base = bool(cls.__parameters__) or ABC in cls.__bases__
    if is_base or (methods and not hasattr(cls, "name")):
        return
    if methods:
        heads = "; ".join(_head_of(cls, name) for name in methods)
        raise TypeError(
            f"{cls.__name__} does not define {_join(methods)}. Write in the class: {heads}"
        )
    if not hasattr(cls, "settings_cls"):
        base = next(base.__name__ for base in cls.__bases__ if issubclass(base, root))
        stem = cls.__name__.removesuffix("Provider")
        raise TypeError(
            f"{cls.__name__} does not name the class of its settings. "
            f"Write: class {cls.__name__}({base}[{stem}Settings])"
        )
    if absent := [name for name in required if not hasattr(cls, name)]:
        lines = "; ".join(_line_of(cls, name, required[name]) for name in absent)
        raise TypeError(
            f"{cls.__name__} does not define {_join(absent)}. Write in the class: {lines}"
        )


def type_argument(cls: type[Any], root: type[Any]) -> Any:
    """Return the type argument that a class passes to its generic base class.

    Args:
        cls: A subclass of `root`.
        root: A generic class with one type parameter.

    Returns:
        The argument for the type parameter of `root`: a class, or a type variable if `cls` is
        generic. None if `cls` passes no argument.
    """
    for base in vars(cls).get("__orig_bases__", cls.__bases__):
        origin, arguments = get_origin(base) or base, get_args(base)
        if origin is root:
            return arguments[0] if arguments else None
        if isinstance(origin, type) and issubclass(origin, root):
            argument = type_argument(origin, root)
            if not isinstance(argument, TypeVar):
                return argument
            parameters: tuple[Any, ...] = getattr(origin, "__parameters__", ())
            return dict(zip(parameters, arguments, strict=False)).get(argument)
    return None


def _set_settings_class(cls: type[Any], root: type[Any]) -> None:
    """Set the settings class from the type argument, or compare a declared class with it.

    Raises:
        TypeError: The declared settings class contradicts the type argument.
    """
    argument = type_argument(cls, root)
    if not isinstance(argument, type) or argument is Any:
        return
    if not hasattr(cls, "settings_cls"):
        cls.settings_cls = argument
    declared = cls.settings_cls
    if not (isinstance(declared, type) and issubclass(declared, argument)):
        name = getattr(declared, "__name__", repr(declared))
        raise TypeError(
            f"{cls.__name__} has the type argument {argument.__name__}, but settings_cls is "
            f"{name}. Write in the class: settings_cls = {argument.__name__}"
        )


def _refuse_misspellings(cls: type[Any], required: Mapping[str, str]) -> None:
    """Raise an error for names of the class that are similar to names of its bases.

    Raises:
        TypeError: A name is probably misspelt. The message contains the line to write.
    """
    own = vars(cls)
    inherited = {name for base in cls.__mro__[1:] for name in vars(base)} | set(required)
    inherited = {name for name in inherited if not name.startswith("_")}
    for name, value in own.items():
        if name.startswith("_") or name in inherited or isinstance(value, property):
            continue
        is_method = _is_method(value)
        candidates = [
            other
            for other in inherited - own.keys()
            if _is_method(getattr(cls, other, None)) == is_method and other + "s" != name
        ]
        if near := difflib.get_close_matches(name, candidates, n=1, cutoff=MISSPELT_RATIO):
            line = _head_of(cls, near[0]) if is_method else f"{near[0]} = {value!r:.80}"
            raise TypeError(
                f"{cls.__name__} defines {name}, but avatar-core reads {near[0]}. "
                f"Write in the class: {line}"
            )


def _is_method(value: object) -> bool:
    return callable(value) or isinstance(value, classmethod | staticmethod)


def _abstract_methods(cls: type[Any]) -> list[str]:
    """Return the names of the methods that are still abstract.

    `ABCMeta` sets `__abstractmethods__` only after the class was created.
    """
    names = {
        *(name for base in cls.__bases__ for name in getattr(base, "__abstractmethods__", ())),
        *(name for name, value in vars(cls).items() if _is_abstract(value)),
    }
    return sorted(name for name in names if _is_abstract(getattr(cls, name, None)))


def _is_abstract(value: object) -> bool:
    return bool(getattr(value, "__isabstractmethod__", False))


def _head_of(cls: type[Any], method: str) -> str:
    """Return the first line of the definition of an inherited method."""
    function = getattr(cls, method)
    keyword = "async def" if inspect.iscoroutinefunction(function) else "def"
    return f"{keyword} {method}{inspect.signature(function)}: ...".replace("'", "")


def _line_of(cls: type[Any], name: str, example: str) -> str:
    """Return the line that sets a required attribute, with the value of a misspelt attribute."""
    values = {
        own: value
        for own, value in vars(cls).items()
        if not own.startswith("_") and not _is_method(value)
    }
    if near := difflib.get_close_matches(name, values, n=1, cutoff=MISSPELT_REQUIRED_RATIO):
        return f"{name} = {values[near[0]]!r:.80} (not {near[0]})"
    vendor = cls.__name__.removesuffix("Provider").lower() or "vendor"
    return example.replace("<vendor>", vendor)


def _join(names: list[str]) -> str:
    return " and ".join(names)
