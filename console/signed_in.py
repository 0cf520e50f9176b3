"""A caller who is signed in: what a channel that authenticated them puts at the ring. Example customers stand in for a
bank's own systems here."""

from __future__ import annotations

from pathlib import Path

from agent_core.subject import write_objects
from console.failures import UsageError
from console.settings import Settings
from providers.example_customers import ExampleCustomers
from schemas.facts import OwnObject, SubjectAuthenticated

METHOD = "app_session"


def open_customers(settings: Settings) -> ExampleCustomers | None:
    """None where neither settings nor behaviour name a file. Raises ``UsageError``."""
    path = settings.customers or settings.behaviour / "customers" / "example.yaml"
    if settings.customers is None and not path.exists():
        return None
    return _load(path)


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
