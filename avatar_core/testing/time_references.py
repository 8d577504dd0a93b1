"""Finds what holds a function itself, so that replacing it in its module would not be seen.

`Field(default_factory=time.time)` keeps the function that `time.time` was at that moment, and so
does `from time import time`.
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
    """An attribute that is to hold something else for a while.

    Attributes:
        owner: Whose.
        name: The attribute's.
        previous: What it holds.
        replacement: What it is to hold.
    """

    owner: object
    name: str
    previous: object
    replacement: object

    def replace(self) -> None:
        """Put the replacement in, unless somebody else has changed the attribute."""
        if self._value() is self.previous:
            setattr(self.owner, self.name, self.replacement)

    def restore(self) -> None:
        """Put back what was there, unless somebody else has changed the attribute."""
        if self._value() is self.replacement:
            setattr(self.owner, self.name, self.previous)

    def _value(self) -> object:
        if isinstance(self.owner, type):
            return vars(self.owner).get(self.name)  # getattr would ask a descriptor for its value
        return getattr(self.owner, self.name, None)


class References:
    """All references to some functions, in everything that is imported.

    It looks at names in the modules that define the functions and in those outside the standard
    library, and at the default factories of dataclasses and of pydantic models. The standard
    library needs the true functions, for example to time out while it waits for a thread.

    Args:
        replacements: The functions, and what is to replace each.
    """

    def __init__(self, replacements: Mapping[Function, Function]) -> None:
        self._homes = {function.__module__ for function in replacements}
        self._by_id = {id(pair[0]): pair for pair in replacements.items()}
        self._found: list[Reference] = []
        self._modules: set[str] = set()
        self._classes: WeakSet[type] = WeakSet()

    def replace(self) -> None:
        """Put the replacements in, also in what was imported since the last time."""
        if len(sys.modules) != len(self._modules):
            self._find()
        try:
            for reference in self._found:
                reference.replace()
        except BaseException:
            self.restore()
            raise

    def restore(self) -> None:
        """Put the functions back."""
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
        """A dataclass has a factory in its field, and in a closure of its `__init__`."""
        for field in vars(cls)["__dataclass_fields__"].values():
            yield from self._if_known(field, "default_factory", field.default_factory)
        for cell in getattr(vars(cls).get("__init__"), "__closure__", None) or ():
            content = getattr(cell, "cell_contents", None)  # an empty one has none
            yield from self._if_known(cell, "cell_contents", content)

    def _model_defaults(self, model: Any) -> list[Reference]:
        """A model has a factory in its field, and in the validator that is compiled from it.

        So the model is rebuilt with the replacements, and every difference is noted and undone.
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
