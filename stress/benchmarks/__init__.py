"""How fast the explorer is: against peers, against earlier releases, and against a bare loop.

programs    the published programs, at any size
cases       what is explored
yardstick   the bare loop and the plain one, and the measurement
history     what peers and earlier releases took
memory      how much a long search holds
"""
