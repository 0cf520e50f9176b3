"""A call isn't stopped by a collection of what was loaded before it."""

from __future__ import annotations

import gc

from console.garbage import spare_what_is_loaded


def test_what_is_loaded_before_the_ring_is_left_out_of_later_collections() -> None:
    loaded = [[n] for n in range(1000)]
    try:
        spare_what_is_loaded()
        assert gc.get_freeze_count() > len(loaded)
        collected = {id(item) for item in gc.get_objects()}
        assert not collected & {id(item) for item in loaded}
    finally:
        gc.unfreeze()
