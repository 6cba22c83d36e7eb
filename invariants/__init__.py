"""What the designs must keep; each a check at the end of an execution that gives sentences.

They read `world.state`, a `model.tracing.setup.Tracing`, without the machine seeing it.
"""
