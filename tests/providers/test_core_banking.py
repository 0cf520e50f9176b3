"""The clients of a company's own systems, against the emulated ones: what is done, what isn't, and what isn't known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from support import unhurried

from agent_core.company_ports import Operation
from agent_core.ports import FailureReason, ProviderError
from emulators.bank_books import BankBooks
from emulators.config import EmulatorConfig
from emulators.server import EmulatorServer
from providers.core_banking import CoreBanking
from providers.twilio_sms import TwilioSms
from tests.providers.vendor_server import serving

KEY = "a-test-key"
CARD = {"type": "debit card", "ending": "4421", "status": "delivered"}
COMPANY = {
    "customers": [
        {
            "id": "ada",
            "objects": [{"kind": "card", "id": "card-1", "record": CARD}],
            "answers": {"passcode": "4215"},
        },
        {"id": "ben", "objects": [{"kind": "card", "id": "card-2", "record": CARD}]},
    ]
}
BLOCK = Operation("k1", "block_card", "ada", "card-1")


@asynccontextmanager
async def bank(
    *faults: dict[str, Any], timeout_s: float = 5.0, company: dict[str, Any] = COMPANY
) -> AsyncIterator[tuple[CoreBanking, BankBooks]]:
    config = {"accepted_keys": [KEY], "company": company, "faults": list(faults)}
    server = EmulatorServer(EmulatorConfig.model_validate(config))
    await server.start()
    client = CoreBanking(f"{server.url}/bank", KEY, timeout_s=timeout_s)
    try:
        assert server.company is not None
        yield client, server.company.books
    finally:
        await client.close()
        await server.stop()


async def reason(awaited: Any) -> FailureReason:
    with pytest.raises(ProviderError) as failure:
        await awaited
    return failure.value.reason


def test_an_operation_is_done_once_however_often_it_is_asked_under_its_key() -> None:
    async def main() -> None:
        async with bank() as (client, books):
            first = await client.perform(BLOCK)
            assert await client.perform(BLOCK) == first
            assert await client.performed("k1") == first
            assert [effect.key for effect in books.effects] == ["k1"]
            assert (await client.read("ada", "card", "card-1"))["status"] == "blocked"

    unhurried(main())


def test_a_request_that_arrives_twice_is_done_once() -> None:
    async def main() -> None:
        async with bank({"fault": "duplicate_delivery"}) as (client, books):
            await client.perform(BLOCK)
            assert len(books.effects) == 1

    unhurried(main())


def test_what_was_done_though_nobody_heard_of_it_is_found_by_its_key() -> None:
    async def main() -> None:
        async with bank({"fault": "time_out_after", "times": 2}) as (client, books):  # the client itself tries twice
            assert await reason(client.perform(BLOCK)) is FailureReason.UNAVAILABLE
            assert len(books.effects) == 1
            assert await client.performed("k1") == books.performed("k1")

    unhurried(main())


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    async def main() -> None:
        async with bank({"fault": "time_out_after", "after_s": 5.0}, timeout_s=0.2) as (client, _):
            assert await reason(client.perform(BLOCK)) is FailureReason.TIMED_OUT

    unhurried(main())


def test_a_broken_bank_has_done_nothing_and_the_client_doesnt_claim_to_know() -> None:
    async def main() -> None:
        async with bank({"fault": "server_error", "service": "bank", "times": 1}) as (client, books):
            assert await reason(client.perform(BLOCK)) is FailureReason.UNAVAILABLE
            assert books.effects == []
            assert await client.performed("k1") is None

    unhurried(main())


def test_what_is_anothers_and_what_there_isnt_are_refused_alike() -> None:
    async def main() -> None:
        async with bank() as (client, books):
            for operation in (
                BLOCK.__class__("k2", "block_card", "ada", "card-2"),
                BLOCK.__class__("k3", "block_card", "ada", "no-card"),
                BLOCK.__class__("k4", "sell_the_house", "ada", "card-1"),
            ):
                assert await reason(client.perform(operation)) is FailureReason.REFUSED
            assert await reason(client.read("ada", "card", "card-2")) is FailureReason.REFUSED
            assert books.effects == []

    unhurried(main())


def test_what_can_be_changed_and_of_what_stands_in_the_configuration() -> None:
    company = {
        "customers": [{"id": "ada", "objects": [{"kind": "meter", "id": "m-1", "record": {"reading": "none"}}]}],
        "operations": {
            "note_reading": {"about": "meter", "changes": {"reading": "noted"}, "answer": {"note": "N {number}, {day}"}}
        },
    }
    noted = Operation("k1", "note_reading", "ada", "m-1")

    async def main() -> None:
        async with bank(company=company) as (client, _):
            assert await client.perform(noted) == {"note": "N 1, Thursday"}
            assert await client.read("ada", "meter", "m-1") == {"reading": "noted"}
            await client.undo(Operation("u1", "note_reading", "ada", "m-1"), "k1")
            assert await client.read("ada", "meter", "m-1") == {"reading": "none"}
            assert await reason(client.perform(Operation("k2", "block_card", "ada", "m-1"))) is FailureReason.REFUSED

    unhurried(main())


def test_half_of_a_character_in_a_record_is_replaced_for_no_log_could_hold_it() -> None:
    halved = {**CARD, "type": "debit \ud83d"}

    async def main() -> None:
        async with serving("/customers/ada/card/card-1", answered) as url:
            client = CoreBanking(url, KEY)
            assert await client.read("ada", "card", "card-1") == {**CARD, "type": "debit \ufffd"}
            await client.close()

    async def answered(request: web.Request) -> web.Response:
        return web.json_response(halved)

    unhurried(main())


def test_a_wrong_token_is_told_from_a_refusal() -> None:
    async def main() -> None:
        async with bank() as (client, _):
            stranger = CoreBanking(client._url, "wrong")
            assert await reason(stranger.perform(BLOCK)) is FailureReason.UNAUTHORISED
            await stranger.close()

    unhurried(main())


def test_what_was_done_is_taken_back_once() -> None:
    async def main() -> None:
        async with bank() as (client, books):
            await client.perform(BLOCK)
            undoing = Operation("u1", "block_card", "ada", "card-1")
            await client.undo(undoing, "k1")
            await client.undo(undoing, "k1")
            assert [(effect.key, effect.undoes) for effect in books.effects] == [("k1", ""), ("u1", "k1")]
            assert (await client.read("ada", "card", "card-1"))["status"] == "delivered"

    unhurried(main())


def test_an_operation_that_arrives_after_it_was_undone_is_refused_for_good() -> None:
    async def main() -> None:
        async with bank() as (client, books):
            await client.undo(Operation("u1", "block_card", "ada", "card-1"), "k1")
            assert await reason(client.perform(BLOCK)) is FailureReason.REFUSED
            assert books.effects == []

    unhurried(main())


def test_an_answer_is_checked_where_it_is_held() -> None:
    async def main() -> None:
        async with bank() as (client, _):
            assert await client.check("ada", "passcode", "4215")
            for customer, question, answer in (
                ("ada", "passcode", "0000"),
                ("ada", "other", ""),
                ("nobody", "passcode", ""),
            ):
                assert not await client.check(customer, question, answer)

    unhurried(main())


@pytest.mark.parametrize("named", ["", ".", ".."])
def test_an_id_that_would_lead_to_another_address_is_refused_and_nobody_is_asked(named: str) -> None:
    asked: list[str] = []

    async def main() -> None:
        async with serving("/{path:.*}", answered, method="*") as url:
            client = CoreBanking(url, KEY)
            for awaited in (
                client.read("ada", "card", named),
                client.read("ada", named, "card-1"),
                client.read(named, "card", "card-1"),
                client.check(named, "passcode", "4215"),
                client.performed(named),
            ):
                assert await reason(awaited) is FailureReason.REFUSED
            assert asked == []
            await client.read("ada", "card", "../...")
            assert asked == ["/customers/ada/card/..%2F..."]
            await client.close()

    async def answered(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.json_response({"passed": True, "answer": {}} if request.method == "POST" else CARD)

    unhurried(main())


def test_a_message_reaches_its_phone_once_for_each_key() -> None:
    async def main() -> None:
        server = EmulatorServer(EmulatorConfig.model_validate({"accepted_keys": [KEY]}))
        await server.start()
        carrier = TwilioSms("AC1", KEY, "Bank", url=server.url)
        stranger = TwilioSms("AC1", "wrong", "Bank", url=server.url)
        try:
            await carrier.send("+44 1", "421556 is your code.", key="a")
            await carrier.send("+44 1", "421556 is your code.", key="a")
            await carrier.send("+44 1", "999888 is your code.", key="b")
            assert server.company is not None
            assert server.company.phones == {"+44 1": ["421556 is your code.", "999888 is your code."]}
            with pytest.raises(ProviderError) as failure:
                await stranger.send("+44 1", "a code", key="c")
            assert failure.value.reason is FailureReason.UNAUTHORISED
            assert "+44" not in str(failure.value)
        finally:
            await carrier.close()
            await stranger.close()
            await server.stop()

    unhurried(main())
