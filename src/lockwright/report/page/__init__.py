"""The report as one HTML file that needs no other: no network, no folder beside it."""

from lockwright.report.page.build import page

__all__ = ["page"]
