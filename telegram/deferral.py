"""Puts off what aiogram builds when it is imported: most of the time that a worker took to start.

At the end of `aiogram.types` each of its models is rebuilt, and each rebuild goes through all models that it can
reach; each method is built where it is defined. Pydantic builds a model by itself when it is first used
(`defer_build`, which aiogram sets for its types alone); it only has to find the names in the annotations, which
aiogram imports for type checkers only. So the rebuilds are left out, and the names put where Pydantic looks for them.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

TYPES = "aiogram.types"
METHOD = "aiogram.methods.base"


class _Finder(MetaPathFinder):
    """Has these two modules loaded by `_Loader`, and nothing else."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find the module as Python does."""
        spec = PathFinder.find_spec(name, path, target) if name in _LATER else None
        # one that comes out of an archive is left as it is
        if spec is None or spec.origin is None or type(spec.loader) is not SourceFileLoader:
            return None
        spec.loader = _Loader(name, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        """Run the module without its rebuilds, and see to it that the builds succeed later."""
        with _no_rebuild():
            super().exec_module(module)
        _LATER[self.name](module)


@contextmanager
def _no_rebuild() -> Iterator[None]:
    from pydantic import BaseModel  # noqa: PLC0415 (who never imports aiogram need not load it)

    built = BaseModel.__dict__["model_rebuild"]

    def put_off(model: type[BaseModel], /, **how: Any) -> bool | None:  # noqa: ANN401 (as Pydantic has them)
        if model.__module__.startswith(f"{TYPES}."):
            return None
        done: bool | None = built.__func__(model, **how)
        return done

    BaseModel.model_rebuild = classmethod(put_off)  # type: ignore[assignment, method-assign] # given back below
    try:
        yield
    finally:
        BaseModel.model_rebuild = built  # type: ignore[method-assign] # as it was


def _name_all(types: ModuleType) -> None:
    known = {name: getattr(types, name) for name in types.__all__}
    # what the module itself hands to its rebuilds beside the types
    known["Default"] = types.__dict__["_Default"]
    for name, part in list(sys.modules.items()):
        if name.startswith(f"{TYPES}."):
            part.__dict__.update({key: value for key, value in known.items() if key not in part.__dict__})


def _build_later(method: ModuleType) -> None:
    method.TelegramMethod.model_config["defer_build"] = True


_LATER: Mapping[str, Callable[[ModuleType], None]] = {TYPES: _name_all, METHOD: _build_later}


def put_off_builds() -> None:
    """Have aiogram build its models when they are used, if it is not imported yet."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
