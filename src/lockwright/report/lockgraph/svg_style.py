"""How a picture of a lock graph looks: the style of one that stands alone, and its lines.

In a page the same classes are styled by lockgraph.css, which knows light and dark.
"""

from __future__ import annotations

from lockwright.core.prediction import CONFIRMED, OPEN, REFUTED
from lockwright.report.lockgraph.judging import REPORTED
from lockwright.report.lockgraph.marks import AMBER, GREEN, GREY, RED

CHAR, LINE, PAD = 7.25, 16.0, 9.0  # of 12 pixels monospace
LABEL_CHAR, LABEL_LINE = 6.1, 12.0  # of 10 pixels
BLUE = "#0a54a3"
TONES = {CONFIRMED: "bad", REPORTED: "bad", OPEN: "unsure", "": "unsure", REFUTED: "good"}
"""What a reality is drawn as: red and thick, amber and thick, green and thinner."""

STYLE = f"""\
.lg-ground{{fill:#fff}}
text{{fill:#1c2128}}
.lg-name,.lg-title{{font-weight:bold}}
.lg-more,.lg-said{{fill:{GREY}}}
.lg-box rect{{fill:#f5f6f8;stroke:#8b949e;stroke-width:1}}
.lg-order{{fill:none;stroke:{GREY};stroke-width:1.2}}
.lg-shared{{stroke-dasharray:6 4}}
.lg-label text{{font-size:10px}}
.lg-label rect{{fill:#fff}}
.lg-tip{{fill:{GREY}}}
.lg-bad.lg-order{{stroke:{RED};stroke-width:3}}
.lg-unsure.lg-order{{stroke:{AMBER};stroke-width:2.6}}
.lg-good.lg-order{{stroke:{GREEN};stroke-width:2}}
.lg-bad.lg-box rect{{stroke:{RED};stroke-width:2.5;fill:#fdecea}}
.lg-unsure.lg-box rect{{stroke:{AMBER};stroke-width:2.2;fill:#fdf2d9}}
.lg-good.lg-box rect{{stroke:{GREEN};stroke-width:1.8;fill:#e6f4ea}}
.lg-bad.lg-tip,.lg-bad.lg-label text{{fill:{RED}}}
.lg-unsure.lg-tip,.lg-unsure.lg-label text{{fill:{AMBER}}}
.lg-good.lg-tip,.lg-good.lg-label text{{fill:{GREEN}}}
.lg-gone.lg-box rect{{stroke-dasharray:2 3;stroke-width:2}}
.lg-new.lg-box rect{{stroke-width:2.5}}
.lg-gone.lg-order{{stroke-dasharray:2 3;stroke-width:2}}
.lg-new.lg-order{{stroke-width:2.4}}
.lg-new.lg-order:not(.lg-bad,.lg-unsure,.lg-good){{stroke:{BLUE}}}
.lg-new.lg-box:not(.lg-bad,.lg-unsure,.lg-good) rect{{stroke:{BLUE}}}
.lg-sign circle{{fill:{BLUE}}}
.lg-gone .lg-sign circle,circle.lg-gone{{fill:{GREY}}}
.lg-sign text{{fill:#fff;font-weight:bold}}
"""


def number(value: float) -> str:
    """A length as short as it can be written."""
    return f"{value:.1f}".removesuffix(".0")
