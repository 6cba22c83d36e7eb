"""Check what was built: check_dist.py DIST_DIR FILES_TXT (one path of the checkout a line)."""

import sys
import tarfile
import zipfile
from pathlib import Path

ENGINE = "src/"


def shipped_by_wheel(wheel: Path) -> set[str]:
    """The wheel's files, without its metadata."""
    names = zipfile.ZipFile(wheel).namelist()
    return {name for name in names if not name.split("/")[0].endswith(".dist-info")}


def shipped_by_sdist(sdist: Path) -> set[str]:
    """The sdist's files, as paths of the checkout."""
    with tarfile.open(sdist) as archive:
        return {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}


def differences(dist: Path, files: set[str]) -> list[str]:
    """What the one wheel and the one sdist in `dist` have too much or too little."""
    (wheel,) = dist.glob("*.whl")
    (sdist,) = dist.glob("*.tar.gz")
    engine = {name.removeprefix(ENGINE) for name in files if name.startswith(ENGINE)}
    in_wheel = shipped_by_wheel(wheel)
    return [
        *(f"the wheel lacks {name}" for name in sorted(engine - in_wheel)),
        *(f"the wheel ships {name}" for name in sorted(in_wheel - engine)),
        *(f"the sdist lacks {name}" for name in sorted(files - shipped_by_sdist(sdist))),
    ]


def main() -> int:
    """Print the differences; 0 when there are none."""
    dist, files = map(Path, sys.argv[1:])
    found = differences(dist, set(files.read_text(encoding="utf-8").splitlines()))
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
