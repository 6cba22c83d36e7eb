"""Watches on a remote file system: inotify on FUSE, and the three ways that were proposed.

A guest kernel (`mark.py`, `group.py`, `notification.py`, `fsnotify.py`, `inotify.py`: fs/notify as
it is), a FUSE connection (`transport.py`), a server with watches of its own (`server.py`,
`host.py`) and, between the two, what this is about: `remote.py` has the hooks, `per_group.py`,
`aggregated.py` and `changed.py` the proposals.  `ledger.py` writes down what was promised.
"""
