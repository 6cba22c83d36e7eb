"""Oracles: strategies that are asked, step by step, what happens next."""
