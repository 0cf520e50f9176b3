"""Guardrails: one file each. A module of this package that defines ``GUARDRAIL`` is found by ``registry.find``."""
