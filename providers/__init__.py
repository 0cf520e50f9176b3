"""Adapters to models, speech recognition and voices, one file a vendor, each behind a port of ``agent_core.ports``."""
