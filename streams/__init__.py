"""The log: codec, inbox and ledger ports with their adapters, the owner of a partition, and the hosts."""
