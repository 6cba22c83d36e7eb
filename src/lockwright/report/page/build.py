"""A document as one HTML text.

`page` asks `sections` what there is to say, `assets` for the styles and scripts to carry,
`lockgraph` and `film` for what their parts of the page draw, and has the templates lay it out.
Nothing that a document holds is markup: all of it is escaped, and what does not print spelt out.
"""

from __future__ import annotations

import json

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lockwright.core.location import Value
from lockwright.report.document import Document
from lockwright.report.lockgraph.pagedata import graph_data, graph_view, shown_of
from lockwright.report.page.assets import PACKAGE, assets
from lockwright.report.page.film import film_data
from lockwright.report.page.sections import view_of
from lockwright.report.shown import shown, shown_data

MARKUP_IN_JSON = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def page(document: Document) -> str:
    """The report as one self-contained HTML file, the same for the same document."""
    environment = Environment(
        loader=PackageLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_final,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    graph = shown_of(document)
    data = {**film_data(document), "graph": None if graph is None else graph_data(graph)}
    return environment.get_template("page.html.j2").render(
        assets=assets(),
        view=view_of(document),
        graph=None if graph is None else graph_view(graph),
        data=_json(data),
    )


def _final(value: Value) -> Value:
    """What becomes of a value in a template, before it is escaped."""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _json(data: Value) -> Markup:
    """Plain data as JSON that no HTML parser takes for anything else."""
    text = json.dumps(shown_data(data), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Markup(text.translate(MARKUP_IN_JSON))
