"""Are the modules that setup.py compiles the compiled ones here, and all of them?"""

import sys
from importlib.util import find_spec
from pathlib import Path

SETUP = Path(__file__).parent.parent / "setup.py"


def modules() -> list[str]:
    """The names of MODULES in setup.py."""
    lines = SETUP.read_text(encoding="utf-8").partition("MODULES = (")[2].partition("\n)")[0]
    paths = [line.strip(' ",') for line in lines.split("\n") if line.strip()]
    return [f"lockwright.{path.removesuffix('.py').replace('/', '.')}" for path in paths]


def interpreted(names: list[str]) -> list[str]:
    """Those that Python would load from their source."""
    specs = [(name, find_spec(name)) for name in names]
    return [name for name, spec in specs if spec is None or str(spec.origin).endswith(".py")]


def main() -> int:
    """Print those that are not; 0 when there are none."""
    found = interpreted(modules())
    sys.stderr.writelines(f"{name} is not compiled\n" for name in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
