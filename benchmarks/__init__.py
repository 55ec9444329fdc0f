"""Nine workloads, each timed against PyTorch and JAX on the same numbers."""
