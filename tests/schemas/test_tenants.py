"""An id names its tenant, and nothing else does."""

from __future__ import annotations

import pytest

from schemas.tenants import DEFAULT_TENANT, owned_by, tenant_of


@pytest.mark.parametrize("tenant", ["bank-a", "7", "x" * 63, DEFAULT_TENANT])
def test_an_id_names_the_tenant_that_owns_it(tenant: str) -> None:
    assert tenant_of(owned_by(tenant, "call-1")) == tenant


def test_the_default_tenants_ids_are_as_they_were() -> None:
    assert owned_by(DEFAULT_TENANT, "call-1") == "call-1"


@pytest.mark.parametrize("tenant", ["", "Bank", "a~b", "-a", "a/b", "x" * 64])
def test_what_could_be_mistaken_for_another_id_is_no_tenants_name(tenant: str) -> None:
    with pytest.raises(ValueError, match="no tenant's name"):
        owned_by(tenant, "call-1")


@pytest.mark.parametrize("conversation_id", ["call-1", "~call-1", "Bank~call-1", "thread.12~x", ""])
def test_ids_from_elsewhere_are_the_default_tenants(conversation_id: str) -> None:
    assert tenant_of(conversation_id) == DEFAULT_TENANT
