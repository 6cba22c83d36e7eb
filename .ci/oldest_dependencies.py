"""Print each runtime dependency of pyproject.toml, pinned to its lower bound."""

import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"

project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
sys.stdout.writelines(f"{name.replace('>=', '==')}\n" for name in project["dependencies"])
