"""How many files a worker may have open. Each partition costs it connections, and one that has run out of them owns nothing."""

from __future__ import annotations

import resource

from console.failures import FailedError

_ANYWAY, _A_PARTITION = (
    60,
    12,
)  # 91 are open with 8 partitions and nobody on the line; a broker that comes back costs more


def allow_open_files(partitions: int) -> None:
    """As many as so many partitions need, where the system lets us. Raises ``FailedError``."""
    needed = _ANYWAY + _A_PARTITION * partitions
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise FailedError(
            f"a worker of a log with {partitions} partitions needs up to {needed} open files, and may open {hard}: raise the "
            f"limit (ulimit -n {needed}, or LimitNOFILE of its service)"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
