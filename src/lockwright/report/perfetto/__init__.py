"""Interleavings as trace-event JSON, which opens in Perfetto."""

from lockwright.report.perfetto.build import perfetto

__all__ = ["perfetto"]
