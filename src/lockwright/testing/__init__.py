"""Lockwright in other people's tests: pytest, Hypothesis, trio."""
