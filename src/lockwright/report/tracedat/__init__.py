"""An interleaving as a trace.dat, which opens in KernelShark and trace-cmd."""

from lockwright.report.tracedat.build import tracedat

__all__ = ["tracedat"]
