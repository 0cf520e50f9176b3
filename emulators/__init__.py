"""Local servers that speak the vendors' protocols, so the real SDKs run with no keys, with faults and latencies on demand."""
