"""What reports of tests carry of ours, from a worker too: attributes of plain types."""

from __future__ import annotations

FINDINGS = "lockwright_findings"
"""What the failure told of: of each finding its message and its token."""
EXPLORED = "lockwright_explored"
"""What the test has explored, for the report in a directory."""
REPLAYED = "lockwright_replayed"
"""The executions along a token that the test has made, as text."""
GATHERING = "lockwright-gathering"
REPLAYING = "lockwright-replaying"
"""The plugins of a run that was asked for a report, or to replay."""
