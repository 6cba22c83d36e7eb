"""What every variant has to keep, at the end of every execution that ends well."""

from __future__ import annotations

from invariants.remote import checks
from lockwright.scenario import Check

AT_END: tuple[Check, ...] = checks()
