"""Latency benchmarks: workers, interleaved rounds, tables and plots."""
