"""Compiles a module in Cython (``streams.native_build`` says which there are).

Nothing needs one: without it, or where it was compiled from another source, Python does what it does. It takes Cython (the extra
``compiled``) and a C compiler: what ``CC`` names, ``cc``, ``gcc`` or ``clang``, or Zig's, which comes as a wheel (``pip install
ziglang``).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path

from schemas.native_module import SHARED, source_digest

_COMPILERS = ("cc", "gcc", "clang")


class CannotBuildError(Exception):
    """What is missing, and what to do."""


def build(source: Path, directory: Path) -> Path:
    """The module, in ``directory``. Raises ``CannotBuildError``."""
    if find_spec("Cython") is None:
        raise CannotBuildError("Cython isn't here: pip install cython")
    compiler = _compiler()
    include = Path(sysconfig.get_paths()["include"])
    if not (include / "Python.h").is_file():
        raise CannotBuildError(f"{include} has no Python.h: on Debian and Ubuntu, apt-get install python3-dev")
    module = directory / f"{source.stem}{sysconfig.get_config_var('EXT_SUFFIX')}"
    with tempfile.TemporaryDirectory(prefix="ledgerline-build-") as name:
        written, made = Path(name) / f"{source.stem}.c", Path(name) / module.name
        shared = ["-I", str(SHARED.parent)]
        named = ["--module-name", source.stem]
        _run([sys.executable, "-m", "cython", "-3", *shared, *named, str(source), "-o", str(written)])
        dynamic = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
        digest = f'-DSOURCE_DIGEST="{source_digest(source)}"'
        _run([*compiler, "-O2", "-shared", "-fPIC", *dynamic, digest, f"-I{include}", str(written), "-o", str(made)])
        beside = module.with_suffix(".new")
        shutil.copy(made, beside)
        beside.replace(module)  # whole or not at all, and never into a file that a process has mapped
    return module


def _compiler() -> list[str]:
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    for name in _COMPILERS:
        if shutil.which(name):
            return [name]
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise CannotBuildError("no C compiler is here (CC, cc, gcc, clang): pip install ziglang brings one")


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CannotBuildError(f"{command[0]} doesn't start: {error.strerror}") from None
    if done.returncode:
        raise CannotBuildError(f"{shlex.join(command[:3])} failed:\n{done.stderr.strip()}")
