"""An application that is published as an archive, by Maven coordinates: fetched once, checked, unpacked."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tarfile
from pathlib import Path
from typing import NamedTuple

from servers.jars import JarsMissingError


class Archive(NamedTuple):
    """A ``.tar.gz``. ``sha256``: of its bytes as they were when this version was chosen."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}"


def unpacked(archive: Archive, directory: Path) -> Path:
    """Where its files lie: in a directory of its own in ``directory``. Later starts need no network.

    Raises ``JarsMissingError``.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    place = directory / archive.name
    with (directory / "lock").open("w") as lock:  # of servers that start together one fetches
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            fetched, partial = _fetched(archive, directory / "maven"), directory / f"{archive.name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            with tarfile.open(fetched) as files:
                if hasattr(tarfile, "data_filter"):  # Python 3.11.4; the bytes are known, so before it none is missed
                    files.extraction_filter = tarfile.data_filter
                files.extractall(partial)
            partial.rename(place)
            fetched.unlink()
    return place


def _fetched(archive: Archive, cache: Path) -> Path:
    """From the repositories that jgo is set to use, Maven Central first. jgo's command line knows jars alone."""
    try:
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL
        from jgo.maven import MavenContext
    except ImportError:
        raise JarsMissingError("jgo is missing: install ledgerline[kafka]") from None
    repositories = {"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories
    project = MavenContext(repo_cache=cache, remote_repos=repositories).project(archive.group, archive.artifact)
    artifact = project.at_version(archive.version).artifact(archive.classifier, "tar.gz")
    try:
        fetched = Path(artifact.resolve())
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo's own for a file that nobody has
        raise JarsMissingError(f"{archive.name} can't be fetched: {error}") from None
    with fetched.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != archive.sha256:
        fetched.unlink()
        raise JarsMissingError(
            f"{archive.name} isn't what it was: sha256 {found}, expected {archive.sha256}. If an earlier fetch was "
            "interrupted, start again: it is fetched anew"
        )
    return fetched
