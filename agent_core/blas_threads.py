"""How many threads the linear algebra takes. Its idle threads spin: on a busy machine two are slower than one."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np  # noqa: F401  (loads the library that the controller looks for)


def limited(threads: int | None) -> AbstractContextManager[Any]:
    """Within this context at most ``threads``, process-wide; None, or no threadpoolctl installed, changes nothing."""
    controller = _controller() if threads is not None else None
    if controller is None:
        return nullcontext()
    limit: AbstractContextManager[Any] = controller.limit(limits=threads)
    return limit


@cache
def _controller() -> Any:
    """The loaded libraries' controller: looking for them takes milliseconds, so once. None without threadpoolctl."""
    try:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return None
    return ThreadpoolController()
