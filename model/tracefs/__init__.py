"""tracefs: the file system under the tracing directory, as far as eventfs hangs on it.

Source: fs/tracefs/inode.c with the eventfs series.
"""
