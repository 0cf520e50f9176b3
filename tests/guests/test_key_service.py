"""Keys over HTTP: made once, given to who may have them, never listed; and a store of them that never blocks a loop."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support import DataDirectory, run, unhurried

from schemas.facts import KeyPressed
from streams.codec import FORGOTTEN, Codec, UndecodableError
from streams.fact_writer import FactWriter, fact_event
from streams.key_server import InsecureBindError, serving
from streams.key_tokens import Role, TokensError, read_grants, roles_of
from streams.keys import DataKey, KeysUnavailableError, MemoryKeyStore
from streams.ports import InboxUnavailableError
from streams.remote_keys import ConversationIdError, InsecureUrlError, RemoteKeyStore

TOKENS = {role: f"{role.value}-".ljust(40, "x") for role in Role}
GRANTS = read_grants("\n".join(f"{role} {token}  # of a test" for role, token in TOKENS.items()))


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@asynccontextmanager
async def service(keys: MemoryKeyStore, role: Role = Role.CREATE, **options: Any) -> AsyncIterator[RemoteKeyStore]:
    async with serving(keys, GRANTS) as url, RemoteKeyStore(url, TOKENS[role], **options) as remote:
        yield remote


async def status(url: str, method: str, path: str, token: str | None, body: object = None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, url + path, json=body) as answer,
    ):
        return answer.status


# --- the store -------------------------------------------------------------------------------------------------------


def test_a_conversation_has_the_same_key_on_every_machine() -> None:
    keys = MemoryKeyStore()

    async def scenario() -> tuple[DataKey, DataKey]:
        async with service(keys) as one, service(keys) as other:
            await asyncio.gather(one.prepare(("c1",), create=True), other.prepare(("c1",), create=True))
            return one.create("c1"), other.create("c1")

    one, other = run(scenario())
    assert other.decrypt(one.encrypt(b"words", b"place"), b"place") == b"words"
    assert one.key_id == other.key_id == keys.create("c1").key_id
    assert one.digest_key == keys.create("c1").digest_key


def test_what_a_gateway_sealed_a_worker_on_another_machine_opens() -> None:
    async def scenario() -> str:
        keys = MemoryKeyStore()
        async with service(keys) as gateway, service(keys, Role.READ) as worker:
            sealing, opening = Codec(gateway), Codec(worker)
            await sealing.prepare(("c1",), create=True)
            body, _ = sealing.encode(fact_event("c1", KeyPressed(key="7")))
            await opening.prepare(("c1",))
            return opening.decode(body, "c1").payload.key

    assert run(scenario()) == "7"


def test_keys_are_fetched_many_at_a_time_and_only_those_that_exist() -> None:
    keys = MemoryKeyStore()
    names = [f"c{n}" for n in range(2_500)]
    for name in names[::2]:
        keys.create(name)

    async def scenario() -> list[bool]:
        async with service(keys, Role.READ) as remote:
            await remote.prepare(names)
            return [remote.get(name) is not None for name in names]

    assert run(scenario()) == [n % 2 == 0 for n in range(2_500)]


def test_what_is_at_hand_serves_on_while_the_service_is_down() -> None:
    keys = MemoryKeyStore()

    async def scenario() -> tuple[DataKey, str]:
        async with serving(keys, GRANTS) as url:
            remote = RemoteKeyStore(url, TOKENS[Role.CREATE])
            await remote.__aenter__()
            await remote.prepare(("c1",), create=True)
        try:
            await remote.prepare(("c1",), create=True)
            with pytest.raises(KeysUnavailableError) as refused:
                await remote.prepare(("c2",))
            return remote.create("c1"), str(refused.value)
        finally:
            await remote.__aexit__(None, None, None)

    key, why = run(scenario())
    assert key.key_id == keys.create("c1").key_id
    assert why.startswith("the key service can't be asked")


def test_a_destroyed_key_is_gone_everywhere_once_it_was_kept_long_enough() -> None:
    keys, clock = MemoryKeyStore(), Clock()

    async def scenario() -> list[bool]:
        async with service(keys, keep_s=60.0, now_s=clock) as worker, service(keys, Role.DESTROY) as admin:
            await worker.prepare(("c1",), create=True)
            await admin.destroy("c1")
            known = []
            for clock.now_s in (29.0, 30.0):  # keys are asked for anew at half the age that they may have
                await worker.prepare(("c1",))
                known.append(worker.get("c1") is not None)
            return known

    assert run(scenario()) == [True, False]
    assert keys.get("c1") is None


def test_a_call_goes_on_while_the_service_is_down_but_not_for_ever() -> None:
    clock = Clock()

    async def scenario() -> list[bool]:
        async with serving(MemoryKeyStore(), GRANTS) as url:
            remote = RemoteKeyStore(url, TOKENS[Role.CREATE], keep_s=60.0, now_s=clock)
            await remote.__aenter__()
            await remote.prepare(("c1",), create=True)
        goes_on = []
        for clock.now_s in (30.0, 59.0, 60.0):
            try:
                await remote.prepare(("c1",), create=True)
                goes_on.append(remote.create("c1") is not None)
            except KeysUnavailableError:
                goes_on.append(False)
        await remote.__aexit__(None, None, None)
        return goes_on

    assert run(scenario()) == [True, True, False]


def test_a_key_that_is_made_after_it_was_asked_for_is_found() -> None:
    keys = MemoryKeyStore()

    async def scenario() -> tuple[DataKey | None, DataKey | None]:
        async with service(keys, Role.READ) as remote:
            await remote.prepare(("c1",))
            before = remote.get("c1")
            keys.create("c1")
            await remote.prepare(("c1",))
            return before, remote.get("c1")

    before, after = run(scenario())
    assert before is None
    assert after is not None


def test_a_key_that_nobody_prepared_is_not_taken_for_a_destroyed_one() -> None:
    async def scenario() -> None:
        async with service(MemoryKeyStore()) as remote:
            for ask in (remote.get, remote.create):
                with pytest.raises(KeysUnavailableError):
                    ask("c1")
            await remote.prepare(("c1",))
            assert remote.get("c1") is None
            with pytest.raises(KeysUnavailableError):
                remote.create("c1")

    run(scenario())


@pytest.mark.parametrize("conversation_id", ["", "a/b", "..%2f", "two words", "x" * 201, "\udcff"])
def test_an_id_that_is_none_of_ours_has_no_key_and_stops_nothing(conversation_id: str) -> None:
    async def scenario() -> None:
        async with service(MemoryKeyStore()) as remote:
            await remote.prepare((conversation_id, "c1"), create=True)
            assert remote.get(conversation_id) is None
            assert remote.get("c1") is not None
            with pytest.raises(ConversationIdError):
                remote.create(conversation_id)

    run(scenario())


def test_bytes_that_name_another_conversation_are_refused_before_its_key_is_asked_for() -> None:
    body, _ = Codec(MemoryKeyStore()).encode(fact_event("elsewhere", KeyPressed(key="7")))

    async def scenario() -> None:
        async with service(MemoryKeyStore()) as remote:
            await remote.prepare(("c1",))
            with pytest.raises(UndecodableError):
                Codec(remote).decode(body, "c1")
            with pytest.raises(KeysUnavailableError):
                Codec(remote).decode(body)

    run(scenario())


def test_what_a_forgotten_conversation_said_reads_so_on_other_machines_too() -> None:
    async def scenario() -> str:
        keys = MemoryKeyStore()
        body, _ = Codec(keys).encode(fact_event("c1", KeyPressed(key="7")))
        keys.destroy("c1")
        async with service(keys, Role.READ) as remote:
            await remote.prepare(("c1",))
            return Codec(remote).decode(body, "c1").payload.key

    assert run(scenario()) == FORGOTTEN


def test_a_service_that_never_answers_blocks_no_loop(data: DataDirectory) -> None:
    async def scenario() -> int:
        stuck = asyncio.Event()

        async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await stuck.wait()
            writer.close()
            await writer.wait_closed()

        async def go_on() -> None:
            nonlocal steps
            while True:
                await asyncio.sleep(0.001)
                steps += 1

        steps = 0
        server = await asyncio.start_server(swallow, "127.0.0.1", 0)
        going_on = asyncio.create_task(go_on())
        port = server.sockets[0].getsockname()[1]
        async with RemoteKeyStore(f"http://127.0.0.1:{port}", TOKENS[Role.CREATE], timeout_s=0.2) as remote:
            writer = FactWriter(data.inbox, Codec(remote))
            with pytest.raises(InboxUnavailableError):
                await writer.put(fact_event("c1", KeyPressed(key="7")))
        going_on.cancel()
        await asyncio.gather(going_on, return_exceptions=True)
        stuck.set()
        server.close()
        await asyncio.sleep(0.05)
        return steps

    assert unhurried(scenario()) > 10


# --- the service -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/keys/c1", {Role.READ, Role.CREATE}),
        ("PUT", "/v1/keys/c1", {Role.CREATE}),
        ("POST", "/v1/keys/fetch", {Role.READ, Role.CREATE}),
        ("DELETE", "/v1/keys/c1", {Role.DESTROY}),
        ("POST", "/v1/keys/destroy", {Role.DESTROY}),
    ],
)
def test_each_token_may_do_what_its_role_says_and_no_more(method: str, path: str, allowed: set[Role]) -> None:
    async def scenario() -> tuple[set[Role], list[int]]:
        keys = MemoryKeyStore()
        may, refused = set(), []
        async with serving(keys, GRANTS) as url:
            for role, token in TOKENS.items():
                keys.create("c1")
                answered = await status(url, method, path, token, {"conversation_ids": ["c1"]})
                if answered in (200, 204):
                    may.add(role)
                else:
                    assert answered == 403
            for token in (None, "x" * 40, TOKENS[Role.CREATE][:-1]):
                refused.append(await status(url, method, path, token, {"conversation_ids": ["c1"]}))
        return may, refused

    assert run(scenario()) == (allowed, [401, 401, 401])


def test_no_request_tells_which_keys_there_are() -> None:
    async def scenario() -> set[int]:
        keys = MemoryKeyStore()
        keys.create("c1")
        async with serving(keys, GRANTS) as url:
            return {
                await status(url, "GET", path, TOKENS[Role.CREATE])
                for path in ("/", "/v1", "/v1/keys", "/v1/keys/", "/v1/keys/fetch", "/v1/keys/*")
            }

    assert run(scenario()) <= {400, 404, 405}


@pytest.mark.parametrize(
    "body", [None, [], {}, {"conversation_ids": "c1"}, {"conversation_ids": [1]}, {"conversation_ids": ["c1"] * 1001}]
)
def test_a_request_that_makes_no_sense_is_refused(body: object) -> None:
    async def scenario() -> int:
        async with serving(MemoryKeyStore(), GRANTS) as url:
            return await status(url, "POST", "/v1/keys/fetch", TOKENS[Role.READ], body)

    assert run(scenario()) == 400


def test_a_store_that_takes_nothing_is_told_as_such() -> None:
    class Full(MemoryKeyStore):
        def create(self, conversation_id: str) -> DataKey:
            raise KeysUnavailableError("the disk is full")

    async def scenario() -> str:
        async with service(Full()) as remote:
            with pytest.raises(KeysUnavailableError) as refused:
                await remote.prepare(("c1",), create=True)
            return str(refused.value)

    assert run(scenario()) == "the key service answered 503"


def test_neither_keys_nor_tokens_stand_in_logs_or_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)

    async def scenario() -> tuple[str, DataKey]:
        async with serving(MemoryKeyStore(), GRANTS) as url:
            async with RemoteKeyStore(url, TOKENS[Role.CREATE]) as remote:
                await remote.prepare(("c1",), create=True)
            async with RemoteKeyStore(url, "wrong" * 8) as stranger:
                with pytest.raises(KeysUnavailableError) as refused:
                    await stranger.prepare(("c1",))
            return str(refused.value), remote.create("c1")

    why, key = run(scenario())
    told = caplog.text + why + repr(key)
    assert "refuses this process's token" in why
    for private in (*TOKENS.values(), "wrongwrong", key.secret.hex(), repr(key.secret)):
        assert private not in told


# --- what keys travel over -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "keys.example"])
def test_keys_leave_the_machine_over_tls_alone(host: str) -> None:
    async def scenario() -> None:
        async with serving(MemoryKeyStore(), GRANTS, host=host):
            pass

    with pytest.raises(InsecureBindError):
        run(scenario())
    with pytest.raises(InsecureUrlError):
        RemoteKeyStore(f"http://{f'[{host}]' if ':' in host else host}:1", TOKENS[Role.READ])


def test_over_tls_keys_come_from_who_is_trusted_alone(tmp_path: Path) -> None:
    certificate, private = _certificate(tmp_path)
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate, private)
    trusting = ssl.create_default_context(cafile=str(certificate))

    async def scenario() -> DataKey:
        async with serving(MemoryKeyStore(), GRANTS, tls=served) as url:
            assert url.startswith("https://")
            async with RemoteKeyStore(url, TOKENS[Role.CREATE]) as stranger:
                with pytest.raises(KeysUnavailableError):
                    await stranger.prepare(("c1",), create=True)
            async with RemoteKeyStore(url, TOKENS[Role.CREATE], tls=trusting) as remote:
                await remote.prepare(("c1",), create=True)
                return remote.create("c1")

    assert run(scenario()).key_id


def _certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1, and its private key."""
    private, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    paths = directory / "certificate.pem", directory / "private.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


# --- tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "# none", "read short", "owner " + "x" * 40, "read", "read " + "x" * 40 + " more", "x" * 40]
)
def test_tokens_that_cannot_be_read_are_refused_without_being_told(text: str) -> None:
    with pytest.raises(TokensError) as refused:
        read_grants(text)
    assert "xxxx" not in str(refused.value)
    assert "short" not in str(refused.value)


def test_of_two_tokens_of_a_role_both_hold_while_one_replaces_the_other() -> None:
    grants = read_grants(f"read {'a' * 32}\nread {'b' * 32}\n")
    assert [roles_of(grants, f"Bearer {letter * 32}") for letter in "abc"] == [{Role.READ}, {Role.READ}, set()]


@pytest.mark.parametrize("header", ["", "Bearer", f"Basic {TOKENS[Role.READ]}", TOKENS[Role.READ], "Bearer \udcff"])
def test_a_header_that_bears_no_token_proves_nothing(header: str) -> None:
    assert roles_of(GRANTS, header) == set()


def test_a_token_in_several_lines_has_several_roles() -> None:
    token = "d" * 32
    grants = read_grants(f"create {token}\ndestroy {token}")
    assert roles_of(grants, f"Bearer {token}") == {Role.CREATE, Role.DESTROY}
