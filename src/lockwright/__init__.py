"""Lockwright: a concurrency model checker and stress tester for kernel locking designs."""

__version__ = "0.8.0"
