"""eventfs, one module a design; what they share stands in `common`."""
