"""Benchmarks: what a packet costs (`./dev bench`), and what checking costs (`bench/checks.py`)."""
