"""Finds references to a function, so that a replacement of the function can reach all of them.

`Field(default_factory=time.time)` keeps the function object of `time.time`, and so does `from time
import time`. A replacement in the module `time` alone would not change these references.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from weakref import WeakSet

Function = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Reference:
    """An attribute that refers to a function, and the function that replaces it for some time.

    Attributes:
        owner: The object that has the attribute.
        name: The name of the attribute.
        previous: The original value of the attribute.
        replacement: The value that replaces `previous`.
    """

    owner: object
    name: str
    previous: object
    replacement: object

    def replace(self) -> None:
        """Set the attribute to `replacement`, unless its value is not `previous` any more."""
        if self._value() is self.previous:
            setattr(self.owner, self.name, self.replacement)

    def restore(self) -> None:
        """Set the attribute to `previous`, unless its value is not `replacement` any more."""
        if self._value() is self.replacement:
            setattr(self.owner, self.name, self.previous)

    def _value(self) -> object:
        if isinstance(self.owner, type):
            return vars(self.owner).get(self.name)  # getattr would return a descriptor's value
        return getattr(self.owner, self.name, None)


class References:
    """All references to some functions in the modules that Python has imported.

    The search covers names in the modules that define the functions and in modules outside of the
    standard library, and the default factories of dataclasses and pydantic models. Other modules of
    the standard library keep the true functions, for example to wait for a thread with a timeout.

    Args:
        replacements: The replacement of each function.
    """

    def __init__(self, replacements: Mapping[Function, Function]) -> None:
        self._homes = {function.__module__ for function in replacements}
        self._by_id = {id(pair[0]): pair for pair in replacements.items()}
        self._found: list[Reference] = []
        self._modules: set[str] = set()
        self._classes: WeakSet[type] = WeakSet()

    def replace(self) -> None:
        """Replace all references, including those in modules imported since the last call.

        Raises:
            Exception: An attribute could not be set; all references are restored before.
        """
        if len(sys.modules) != len(self._modules):
            self._find()
        try:
            for reference in self._found:
                reference.replace()
        except BaseException:
            self.restore()
            raise

    def restore(self) -> None:
        """Restore the original functions in all references."""
        for reference in self._found:
            reference.restore()

    def _find(self) -> None:
        for title in sys.modules.keys() - self._modules:
            if title in self._homes or title.partition(".")[0] not in sys.stdlib_module_names:
                self._found += self._names(sys.modules[title])
        self._modules = set(sys.modules)
        pydantic = sys.modules.get("pydantic")
        new = _subclasses(object).difference(self._classes)
        for cls in new:
            if "__dataclass_fields__" in vars(cls):
                self._found += self._dataclass_defaults(cls)
            elif pydantic and issubclass(cls, pydantic.BaseModel):
                self._found += self._model_defaults(cls)
        self._classes.update(new)

    def _names(self, module: ModuleType) -> Iterator[Reference]:
        for name, value in list(getattr(module, "__dict__", {}).items()):
            yield from self._if_known(module, name, value)

    def _dataclass_defaults(self, cls: type) -> Iterator[Reference]:
        """Yield the references of a dataclass: in its fields, and in a closure of `__init__`."""
        for field in vars(cls)["__dataclass_fields__"].values():
            yield from self._if_known(field, "default_factory", field.default_factory)
        for cell in getattr(vars(cls).get("__init__"), "__closure__", None) or ():
            content = getattr(cell, "cell_contents", None)  # an empty cell lacks the attribute
            yield from self._if_known(cell, "cell_contents", content)

    def _model_defaults(self, model: Any) -> list[Reference]:
        """Return the references of a pydantic model: in its fields, and in its compiled validator.

        The method rebuilds the model with the replacements, records every attribute that changed,
        and restores the attributes.
        """
        found = [
            reference
            for field in getattr(model, "model_fields", {}).values()
            for reference in self._if_known(field, "default_factory", field.default_factory)
        ]
        if not found or model.model_rebuild(raise_errors=False) is False:
            return []
        before = dict(vars(model))
        try:
            for reference in found:
                reference.replace()
            model.model_rebuild(force=True)
            after = dict(vars(model))
        finally:
            for reference in found:
                reference.restore()
        found += [
            Reference(model, name, before[name], value)
            for name, value in after.items()
            if name in before and value is not before[name]
        ]
        for reference in found:
            reference.restore()
        return found

    def _if_known(self, owner: object, name: str, value: object) -> Iterator[Reference]:
        if pair := self._by_id.get(id(value)):
            yield Reference(owner, name, *pair)


def _subclasses(cls: type) -> set[type]:
    found = {cls}
    new = [cls]
    while new:
        children: list[type] = type.__subclasses__(new.pop())
        new += (child for child in children if child not in found)
        found.update(children)
    return found
