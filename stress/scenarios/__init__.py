"""Named scenarios, one module a design."""
