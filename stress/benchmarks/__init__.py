"""How fast the explorer is, against a bare loop over the same coroutines in the same run.

cases       what is explored
yardstick   the bare loop, and the measurement
memory      how much a long search holds
"""
