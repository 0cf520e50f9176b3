"""A Merkle tree as RFC 6962, section 2.1 has it: SHA-256, leaves and nodes told apart by their first byte."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """``leaves``: their hashes, in order. Of none: the hash of nothing."""
    if not leaves:
        return hashlib.sha256().digest()
    level = list(leaves)
    while len(level) > 1:  # a last one without a partner goes up as it is: the same tree as the RFC's recursion
        paired = [_node(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def path_to(leaves: Sequence[bytes], index: int) -> list[tuple[str, bytes]]:
    """From the leaf up: on which side the sibling stands (``left`` or ``right``), and its hash."""
    path: list[tuple[str, bytes]] = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(("left" if sibling < index else "right", level[sibling]))
        paired = [_node(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(paired) * 2 :]
        index //= 2
    return path


def root_by(leaf: bytes, path: Sequence[tuple[str, bytes]]) -> bytes:
    """The root that a path leads to."""
    for side, sibling in path:
        leaf = _node(sibling, leaf) if side == "left" else _node(leaf, sibling)
    return leaf


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
