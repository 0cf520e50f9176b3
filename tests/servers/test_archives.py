"""An archive is unpacked only if its bytes are those that were chosen."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest

from servers.archives import Archive, unpacked
from servers.jars import JarsMissingError


def fetched(directory: Path, *, sha256: str | None = None) -> Archive:
    """An archive that lies where the resolver keeps what it has fetched, with one file in it."""
    place = directory / "maven/org/example/tool/1.0/tool-1.0-all.tar.gz"
    place.parent.mkdir(parents=True)
    (directory / "tool.jar").write_bytes(b"jar")
    with tarfile.open(place, "w:gz") as files:
        files.add(directory / "tool.jar", "lib/tool.jar")
    return Archive("org.example", "tool", "1.0", "all", sha256 or hashlib.sha256(place.read_bytes()).hexdigest())


def test_it_is_unpacked_once_and_then_found(tmp_path: Path) -> None:
    archive = fetched(tmp_path)
    for _ in range(2):
        assert (unpacked(archive, tmp_path) / "lib/tool.jar").read_bytes() == b"jar"
    assert not list(tmp_path.rglob("*.tar.gz"))


def test_other_bytes_than_expected_are_refused_and_not_kept(tmp_path: Path) -> None:
    archive = fetched(tmp_path, sha256="0" * 64)
    with pytest.raises(JarsMissingError, match="sha256"):
        unpacked(archive, tmp_path)
    assert not (tmp_path / archive.name).exists()
    assert not list(tmp_path.rglob("*.tar.gz"))
