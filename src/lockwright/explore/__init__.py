"""Searches: which interleavings to run.  Each search yields one `Run` per execution."""
