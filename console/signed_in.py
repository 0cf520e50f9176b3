"""A caller who is signed in: what a channel that authenticated them puts at the ring. Example customers stand in for a
bank's own systems here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from agent_core.company_ports import IdentityChecks, Messenger, Operations
from agent_core.ports import CustomerRecords
from agent_core.subject import write_objects
from agent_core.tool_fixtures import Fixtures, load_fixtures
from console.failures import UsageError
from console.settings import Settings
from providers.core_banking import CoreBanking
from providers.example_company import ExampleCompany
from providers.example_customers import ExampleCustomers
from providers.twilio_sms import TwilioSms
from schemas.facts import OwnObject, SubjectAuthenticated

METHOD = "app_session"


class Company(NamedTuple):
    """``newest_message``: what the caller's phone got last, where it is an emulated one."""

    records: CustomerRecords
    operations: Operations
    checks: IdentityChecks
    messenger: Messenger
    newest_message: Callable[[], str] = lambda: ""

    async def close(self) -> None:
        for part in {id(part): part for part in self[:4]}.values():
            if isinstance(part, CoreBanking | TwilioSms):
                await part.close()


def open_customers(settings: Settings) -> ExampleCustomers | None:
    """None where neither settings nor behaviour name a file. Raises ``UsageError``."""
    path = settings.customers or settings.behaviour / "customers" / "example.yaml"
    if settings.customers is None and not path.exists():
        return None
    return _load(path)


def open_company(settings: Settings) -> Company | None:
    """The company's own systems: those that settings name, or the example customers in memory. ``UsageError``."""
    customers = open_customers(settings)
    tools = settings.tools
    if tools.company_url:
        bank = CoreBanking(tools.company_url, _secret(tools.company_token))
        if not tools.sms_account:
            raise UsageError(
                "tools.company_url needs tools.sms_account, sms_token and sms_from: codes are sent by them"
            )
        sms = TwilioSms(tools.sms_account, _secret(tools.sms_token), tools.sms_from, url=tools.sms_url)
        return Company(bank, bank, bank, sms)
    if customers is None:
        return None
    example = ExampleCompany(customers)
    return Company(example, example, example, example, example.newest_message)


def open_fixtures(path: Path) -> Fixtures:
    """Raises ``UsageError``."""
    try:
        return load_fixtures(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""


def signed_in(settings: Settings, customer_id: str, level: str) -> SubjectAuthenticated:
    """Raises ``UsageError`` for a customer that isn't known."""
    customers = open_customers(settings)
    if customers is None:
        raise UsageError("--signed-in needs customers: LEDGERLINE_CUSTOMERS=FILE (an example: examples/bank/customers)")
    customer = customers.customers.get(customer_id)
    if customer is None:
        known = ", ".join(sorted(customers.customers))
        raise UsageError(f"--signed-in {customer_id}: no such customer; there are {known}")
    objects = tuple(OwnObject(kind=thing.kind, id=thing.id, said_as=thing.said_as) for thing in customer.objects)
    return SubjectAuthenticated(subject_id=customer_id, level=level, method=METHOD, objects=write_objects(objects))


def _load(path: Path) -> ExampleCustomers:
    try:
        return ExampleCustomers.load(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
