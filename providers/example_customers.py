"""Customers from a YAML file, held in memory: an example to try tools with, not a system of record.

customers:
  - id: cust-1001
    objects:
      - {kind: card, id: card-1001-a, said_as: "4421", record: {type: debit card, status: posted, due: Thursday}}
operations:
  block_card: {about: card, changes: {status: blocked}, answer: {reference: "H {number}"}}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from agent_core.ports import FailureReason, ProviderError


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ExampleObject(_Data):
    """``said_as``: the digits by which its owner names it. ``record``: what there is to know of it."""

    kind: str
    id: str
    said_as: str = ""
    record: dict[str, str]


class ExampleCustomer(_Data):
    """``mobile``: the number of their own phone. ``answers``: question → what they answer to it; made up, as they are."""

    id: str
    mobile: str = ""
    answers: dict[str, str] = {}
    objects: list[ExampleObject] = []


class ExampleOperation(_Data):
    """What a change does to an object of the kind ``about``, and what is answered. ``{number}`` counts changes from 1."""

    about: str
    changes: dict[str, str]
    answer: dict[str, str] = {}


class _File(_Data):
    customers: list[ExampleCustomer]
    operations: dict[str, ExampleOperation] = {}


class ExampleCustomers:
    """Implements ``CustomerRecords``."""

    name = "example-customers"

    def __init__(self, customers: list[ExampleCustomer], operations: Mapping[str, ExampleOperation]) -> None:
        self.customers = {customer.id: customer for customer in customers}
        self.operations = operations  # what may be changed, by the name that a tool's step gives it

    @classmethod
    def load(cls, path: Path) -> ExampleCustomers:
        """Raises ``OSError``, ``ValueError`` for a file that isn't of this shape."""
        try:
            file = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
            return cls(file.customers, file.operations)
        except yaml.YAMLError as error:
            raise ValueError(f"{path}: not YAML: {error}") from None

    async def read(self, customer_id: str, kind: str, object_id: str) -> Mapping[str, str]:
        """Raises ``ProviderError(REFUSED)`` for what isn't this customer's, whether or not there is such an object."""
        customer = self.customers.get(customer_id)
        for thing in customer.objects if customer else ():
            if (thing.kind, thing.id) == (kind, object_id):
                return thing.record
        raise ProviderError(FailureReason.REFUSED, self.name, f"no such {kind} of this customer")
