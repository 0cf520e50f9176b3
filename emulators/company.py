"""A company's own systems over HTTP, a bank's or another's: records, operations with idempotency keys, checks of identity; and an SMS carrier.

    GET  /bank/customers/{customer}/{kind}/{object}      200 the record, 404
    PUT  /bank/operations/{key}                          {kind, customer, object} → 200 {answer}, 409 refused
    GET  /bank/operations/{key}                          200 {answer}, 404: none of that key took effect so far
    PUT  /bank/operations/{key}/undoing                  {undoes, customer, object} → 204, 409
    POST /bank/customers/{customer}/checks               {question, answer} → 200 {passed}

    POST /2010-04-01/Accounts/{account}/Messages.json    Twilio's: To, From, Body as a form → 201 {sid}
    GET  /_phones/{number}                               what that phone was sent, newest last; asks for no key

Keys are asked for as everywhere: a bearer token for the bank, basic auth (account and token) for the carrier. The carrier
sends a message once that comes twice with one ``I-Twilio-Idempotency-Token``.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import Any

from aiohttp import web

from emulators.bank_books import Account, BankBooks, Kind, RefusedError
from emulators.config import CompanySettings
from emulators.cut import cut_connection
from emulators.draws import draw_for
from emulators.faults import DuplicateDelivery, Service, TimeOutAfter
from emulators.state import Admitted, EmulatorState, Refusal


class CompanyApi:
    def __init__(self, state: EmulatorState, settings: CompanySettings) -> None:
        self._state = state
        self.books = books_of(settings)
        self.phones: dict[str, list[str]] = {}
        self._sent: dict[str, str] = {}  # idempotency token → sid

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/bank/customers/{customer}/{kind}/{object}", self.record),
            web.put("/bank/operations/{key}", self.perform),
            web.get("/bank/operations/{key}", self.performed),
            web.put("/bank/operations/{key}/undoing", self.undo),
            web.post("/bank/customers/{customer}/checks", self.check),
            web.post("/2010-04-01/Accounts/{account}/Messages.json", self.message),
            web.get("/_phones/{number}", self.phone),
        ]

    async def record(self, request: web.Request) -> web.Response:
        admitted = self._admit(request, "record")
        if isinstance(admitted, web.Response):
            return admitted
        try:
            found = self.books.read(*(request.match_info[name] for name in ("customer", "kind", "object")))
        except RefusedError:
            return _error(404, "no such record")
        return web.json_response(found)

    async def perform(self, request: web.Request) -> web.Response:
        body = await _body(request, "kind", "customer", "object")
        admitted = self._admit(request, body["kind"] if body else "operation")
        if isinstance(admitted, web.Response):
            return admitted
        if body is None:
            return _error(422, "kind, customer, object: texts")
        key = request.match_info["key"]
        try:
            answer = self.books.perform(key, body["kind"], body["customer"], body["object"])
            if admitted.struck.get(DuplicateDelivery):
                answer = self.books.perform(key, body["kind"], body["customer"], body["object"])
        except RefusedError as error:
            return _error(409, str(error))
        await self._keep_it_from_the_caller(request, admitted)
        return web.json_response({"answer": answer})

    async def performed(self, request: web.Request) -> web.Response:
        admitted = self._admit(request, "looked_up")
        if isinstance(admitted, web.Response):
            return admitted
        answer = self.books.performed(request.match_info["key"])
        return (
            _error(404, "nothing took effect under this key")
            if answer is None
            else web.json_response({"answer": answer})
        )

    async def undo(self, request: web.Request) -> web.Response:
        body = await _body(request, "undoes", "customer", "object")
        admitted = self._admit(request, "undo")
        if isinstance(admitted, web.Response):
            return admitted
        if body is None:
            return _error(422, "undoes, customer, object: texts")
        try:
            self.books.undo(request.match_info["key"], body["customer"], body["object"], body["undoes"])
        except RefusedError as error:
            return _error(409, str(error))
        await self._keep_it_from_the_caller(request, admitted)
        return web.Response(status=204)

    async def check(self, request: web.Request) -> web.Response:
        body = await _body(request, "question", "answer")
        admitted = self._admit(request, "check")
        if isinstance(admitted, web.Response):
            return admitted
        if body is None:
            return _error(422, "question, answer: texts")
        passed = self.books.check(request.match_info["customer"], body["question"], body["answer"])
        return web.json_response({"passed": passed})

    async def message(self, request: web.Request) -> web.Response:
        auth = _basic(request)
        if auth is None or not self._state.accepts(auth[1]) or auth[0] != request.match_info["account"]:
            self._state.refused(Service.SMS, 401)
            return web.json_response({"code": 20003, "message": "Authenticate", "status": 401}, status=401)
        form = await request.post()
        token = request.headers.get("I-Twilio-Idempotency-Token", "")
        draw = draw_for(self._state.config.seed, request.headers, fallback=token, kind="message")
        admitted = self._state.admit(Service.SMS, draw, "sms")
        if isinstance(admitted, Refusal):
            return web.json_response({"message": "turned away"}, status=admitted.status, headers=admitted.headers())
        number, text = str(form.get("To", "")), str(form.get("Body", ""))
        if not number or not text:
            return web.json_response({"code": 21604, "message": "To and Body are required", "status": 400}, status=400)
        sid = self._sent.get(token) if token else None
        if sid is None:
            self.phones.setdefault(number, []).append(text)
            sid = f"SM{sum(map(len, self.phones.values())):032x}"
            if token:
                self._sent[token] = sid
        if admitted.struck.get(TimeOutAfter):
            await self._hang(request, admitted)
        return web.json_response({"sid": sid, "status": "queued"}, status=201)

    async def phone(self, request: web.Request) -> web.Response:
        return web.json_response(self.phones.get(request.match_info["number"], []))

    def _admit(self, request: web.Request, kind: str) -> Admitted | web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self._state.accepts(token):
            self._state.refused(Service.BANK, 401)
            return _error(401, "no such token")
        draw = draw_for(self._state.config.seed, request.headers, fallback=request.path, kind=kind)
        admitted = self._state.admit(Service.BANK, draw, kind)
        if isinstance(admitted, Refusal):
            return web.json_response({"error": "turned away"}, status=admitted.status, headers=admitted.headers())
        return admitted

    async def _keep_it_from_the_caller(self, request: web.Request, admitted: Admitted) -> None:
        """It is done; whether the caller hears so is another matter."""
        if admitted.struck.get(TimeOutAfter):
            await self._hang(request, admitted)

    async def _hang(self, request: web.Request, admitted: Admitted) -> None:
        fault = admitted.struck.get(TimeOutAfter)
        assert fault is not None
        await asyncio.sleep(fault.after_s)
        cut_connection(request)


def books_of(settings: CompanySettings) -> BankBooks:
    accounts = {
        customer.id: Account(
            {(thing.kind, thing.id): dict(thing.record) for thing in customer.objects}, dict(customer.answers)
        )
        for customer in settings.customers
    }
    kinds = {name: Kind(does.about, does.changes, does.answer) for name, does in settings.operations.items()}
    return BankBooks(accounts, kinds, delivery_days=settings.delivery_days)


def _basic(request: web.Request) -> tuple[str, str] | None:
    """Account and token; None where there are none that can be read."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        account, _, token = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (account, token) if scheme.lower() == "basic" else None


async def _body(request: web.Request, *names: str) -> dict[str, str] | None:
    """None where the body isn't JSON with these texts."""
    try:
        body: Any = await request.json()
    except ValueError:
        return None
    whole = isinstance(body, dict) and all(isinstance(body.get(name), str) for name in names)
    return {name: body[name] for name in names} if whole else None


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
