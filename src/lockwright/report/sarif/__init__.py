"""A report as SARIF, for code scanning."""

from lockwright.report.sarif.build import sarif

__all__ = ["sarif"]
