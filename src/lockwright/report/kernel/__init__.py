"""Lock reports as the kernel prints them: each file has the layouts of one family.

`format_report()` gives the whole text of one report, the blank line and the rulers included.
"""

from lockwright.report.kernel.layouts import format_report

__all__ = ["format_report"]
