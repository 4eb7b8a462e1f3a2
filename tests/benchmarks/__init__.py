"""Benchmarks (`make bench`): ratios to the bare model passes and to Captum. They report, and never judge."""
