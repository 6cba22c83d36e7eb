"""How Sphinx builds these pages: `sphinx-build -W docs docs/_build`."""

project = "Lockwright"
author = "The Lockwright developers"
extensions = ["myst_parser"]
html_theme = "alabaster"
html_theme_options = {
    "description": "A concurrency model checker for kernel locking designs",
    "fixed_sidebar": True,
}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
nitpicky = True
