"""One lock graph from anything: explorations, real reports, the kernel's own dumps.

`LockGraph` holds the facts; `search` finds cycles and paths, `sources` fills a graph, `text`,
`dot`, `graphml` and `svg` show it.  Nothing here costs anything before it is used: networkx is
imported by the functions that need it.
"""

from lockwright.report.lockgraph.graph import Edge, Judgement, LockClass, LockGraph, Measure, Way

__all__ = ["Edge", "Judgement", "LockClass", "LockGraph", "Measure", "Way"]
