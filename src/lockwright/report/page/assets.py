"""The style sheets and scripts that the page carries, and the digests that let them run.

Source: W3C, "Content Security Policy Level 3", section 2.3.1 (hash sources).
"""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

from markupsafe import Markup

PACKAGE = "lockwright.report.page"
BASE = "vendor/pico.fluid.classless.min.css"
STYLES = (
    "static/style.css",
    "static/timeline.css",
    "static/lockgraph.css",
)
HEAD = "static/head.js"
SCRIPTS = (
    "vendor/preact.umd.js",
    "vendor/preact-hooks.umd.js",
    "vendor/htm.umd.js",
    "vendor/panzoom.min.js",
    "static/app.js",
    "static/timeline_model.js",
    "static/timeline_drawn.js",
    "static/timeline_panel.js",
    "static/timeline.js",
    "static/lockgraph_panel.js",
    "static/lockgraph.js",
    "static/mount.js",
)
VERSIONS = "vendor/VERSIONS.toml"
SOURCE_MAP = re.compile(r"\n?(//# sourceMappingURL=.*|/\*# sourceMappingURL=.*?\*/)\n?$")
"""A developer's tools would look for that file beside the page."""


@dataclass(frozen=True, slots=True)
class Library:
    """What others made: its name, version and licence, and the licence's text."""

    name: str
    version: str
    licence: str
    notice: str


@dataclass(frozen=True, slots=True)
class Assets:
    """What stands in the page's style and script elements, and the policy that allows these."""

    styles: tuple[Markup, ...]
    head: Markup
    scripts: tuple[Markup, ...]
    libraries: tuple[Library, ...]

    @property
    def policy(self) -> str:
        """The content security policy: these scripts and styles, pictures within, nothing else."""
        return "; ".join(
            [
                "default-src 'none'",
                f"script-src {_digests([self.head, *self.scripts])}",
                f"style-src {_digests(self.styles)}",
                "img-src data:",
                "base-uri 'none'",
                "form-action 'none'",
            ]
        )


def assets() -> Assets:
    """All of them, as installed."""
    return Assets(
        (_layer(BASE), *map(_inline, STYLES)),
        _inline(HEAD),
        tuple(map(_inline, SCRIPTS)),
        tuple(_libraries()),
    )


def _libraries() -> Iterable[Library]:
    for each in tomllib.loads(_text(VERSIONS))["library"]:
        notice = _text(f"vendor/{each['licence_file']}").strip("\n")
        yield Library(each["name"], each["version"], each["licence"], notice)


def _inline(name: str) -> Markup:
    return Markup(SOURCE_MAP.sub("", _text(name)))


def _layer(name: str) -> Markup:
    """A style sheet that all others overrule, however precise its selectors are."""
    return Markup(f"@layer base {{{_inline(name)}}}")


def _text(name: str) -> str:
    return (files(PACKAGE) / name).read_text(encoding="utf-8")


def _digests(texts: Iterable[str]) -> str:
    return " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in texts
    )
