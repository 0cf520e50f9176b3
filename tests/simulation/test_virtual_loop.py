"""The virtual loop: time jumps, real work holds it, frozen processes stand still, deadlocks are named."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from simulation.process import Process
from simulation.virtual_loop import DeadlockError, run_virtual


def test_an_hour_of_sleep_passes_in_order() -> None:
    async def main() -> tuple[list[int], float]:
        loop, woke = asyncio.get_running_loop(), list[int]()
        began = loop.time()

        async def wake(number: int, after_s: float) -> None:
            await asyncio.sleep(after_s)
            woke.append(number)

        await asyncio.gather(wake(3, 3600), wake(1, 1), wake(2, 60))
        return woke, loop.time() - began

    woke, passed_s = run_virtual(main())
    assert woke == [1, 2, 3]
    assert passed_s == pytest.approx(3600)


def test_a_task_that_waits_for_nobody_is_named_at_once() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlockError):
        run_virtual(main())


def test_a_task_left_behind_fails_the_run() -> None:
    left: list[asyncio.Task[None]] = []

    async def main() -> None:
        left.append(asyncio.create_task(asyncio.sleep(5), name="forgotten"))

    with pytest.raises(RuntimeError, match="forgotten"):
        run_virtual(main())


def test_the_clock_stands_still_while_a_thread_works() -> None:
    may_end = threading.Event()

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        timer_fired = loop.create_future()
        loop.call_later(10, timer_fired.set_result, None)
        working = loop.run_in_executor(None, may_end.wait)
        loop.call_soon(may_end.set)
        await working
        ended = loop.time() - began
        await timer_fired
        return ended

    assert run_virtual(main()) == 0


def test_what_comes_late_over_a_socket_comes_before_the_clock_goes_on_too_fast() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        near.setblocking(False)
        began, timer = loop.time(), loop.call_later(1, near.close)
        threading.Timer(0.05, far.send, [b"x"]).start()  # as a kernel that has other things to do
        with near, far:
            assert await loop.sock_recv(near, 1) == b"x"
        timer.cancel()
        return loop.time() - began

    assert run_virtual(main(), fastest=0.001) == 0


def test_where_nothing_comes_the_clock_goes_on_as_fast_as_it_may() -> None:
    async def main() -> tuple[float, float]:
        loop, began_s = asyncio.get_running_loop(), time.monotonic()
        began = loop.time()
        await asyncio.sleep(5)
        return loop.time() - began, time.monotonic() - began_s

    virtual_s, real_s = run_virtual(main(), fastest=100)
    assert virtual_s == 5
    assert real_s >= 0.05


def test_work_in_line_gives_its_result_and_its_error() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 // 0)
        return await loop.run_in_executor(None, lambda: 7)

    assert run_virtual(main(), inline_executor=True) == 7


def test_a_frozen_process_does_nothing_until_it_thaws() -> None:
    async def main() -> list[float]:
        ticks: list[float] = []
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def tick() -> None:
            for _ in range(4):
                await asyncio.sleep(1)
                ticks.append(round(loop.time() - began, 3))

        process = Process("p", lambda process, point, call_id: None)
        process.start(tick())
        await asyncio.sleep(1.5)
        process.freeze()
        await asyncio.sleep(5)
        process.thaw()
        await process.gone()
        return ticks

    assert run_virtual(main()) == [1.0, 6.5, 7.5, 8.5]


def test_a_dead_process_touches_nothing_any_more() -> None:
    async def main() -> list[str]:
        touched: list[str] = []

        async def work(process: Process) -> None:
            try:
                while True:
                    await asyncio.sleep(1)
                    process.at("store")
                    touched.append("stored")
            finally:
                process.at("store")
                touched.append("stored by a dead process")

        process = Process("p", lambda process, point, call_id: None)
        process.start(work(process))
        await asyncio.sleep(2.5)
        process.kill()
        await process.gone()
        return touched

    assert run_virtual(main()) == ["stored", "stored"]
