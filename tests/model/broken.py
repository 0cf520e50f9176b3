"""Production code with one rule taken out, in this process and for a while: to see that the checks would notice.

The text that is replaced must be in the source, once: a break of code that has moved on fails loudly.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from streams import effective, owner, takeover
from streams.effective import EffectiveReader


class Break(NamedTuple):
    name: str
    module: ModuleType
    old: str
    new: str


EQUAL_EPOCH_TAKES = Break(
    "an announcement of an equal epoch takes the partition",
    effective,
    "took.epoch > self.epoch",
    "took.epoch >= self.epoch",
)
HALF_A_STEP_STAYS = Break(
    "half a step outlives its owner",
    effective,
    "took.epoch, event.event_id\n            self.void += len(self._held)\n            self._held = []\n",
    "took.epoch, event.event_id\n",
)
VOID_IS_DELIVERED = Break(
    "records of lower epochs are delivered", effective, "if event.epoch != self.epoch:", "if event.epoch > self.epoch:"
)
GAP_ISNT_READ = Break(
    "an append is acknowledged before the gap in front of it was read",
    owner,
    "if receipt.first != self._end or receipt.last - receipt.first >= appended.size:",
    "if False:",
)
FACT_IS_TAKEN_AGAIN = Break(
    "a fact that was taken is taken again",
    owner,
    "        if fact.event_id in opened.seen:\n            return\n",
    "",
)
APPEND_IS_TAKEN_FOR_A_REIGN = Break(
    "an owner decides though another announced itself first",
    takeover,
    "if scan.effective.reign == took.event_id:",
    "if True:",
)
ALL = (
    EQUAL_EPOCH_TAKES,
    HALF_A_STEP_STAYS,
    VOID_IS_DELIVERED,
    GAP_ISNT_READ,
    FACT_IS_TAKEN_AGAIN,
    APPEND_IS_TAKEN_FOR_A_REIGN,
)


@contextmanager
def broken(broken_by: Break) -> Iterator[None]:
    """While entered, all of the program runs with it."""
    changed = list(_changed_functions(broken_by))
    before = [function.__code__ for _, function, _ in changed]
    try:
        for _, function, code in changed:
            function.__code__ = code
        yield
    finally:
        for (_, function, _), code in zip(changed, before, strict=True):
            function.__code__ = code


def broken_reader(broken_by: Break) -> type[EffectiveReader]:
    """The filter with it, beside the whole one."""
    methods = {
        function.__name__: FunctionType(code, vars(effective), function.__name__, function.__defaults__)
        for holder, function, code in _changed_functions(broken_by)
        if holder is EffectiveReader
    }
    return type("BrokenReader", (EffectiveReader,), methods)


def _changed_functions(broken_by: Break) -> Iterator[tuple[Any, FunctionType, CodeType]]:
    """Each function of the module, where it is held, and its code in the changed source."""
    module = broken_by.module
    source = inspect.getsource(module)
    assert source.count(broken_by.old) == 1, f"{broken_by.old!r} stands {source.count(broken_by.old)} times"
    changed: dict[str, Any] = {"__name__": module.__name__}
    exec(
        compile(source.replace(broken_by.old, broken_by.new), str(module.__file__), "exec", dont_inherit=True), changed
    )
    for name, found in vars(module).items():
        if getattr(found, "__module__", None) != module.__name__:
            continue
        if isinstance(found, FunctionType):
            yield module, found, changed[name].__code__
        elif isinstance(found, type):
            for method, function in vars(found).items():
                if isinstance(function, FunctionType) and method in vars(changed[name]):
                    yield found, function, vars(changed[name])[method].__code__
