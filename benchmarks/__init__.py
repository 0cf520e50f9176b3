"""Every figure that the product claims, measured: ``python -m benchmarks``. One file a benchmark."""
