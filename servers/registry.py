"""A real schema registry on loopback: ``python -m servers.registry``.

Apicurio, which speaks Confluent's API. It keeps all it knows in memory: for development and tests.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

from servers import foreground
from servers.archives import Archive, unpacked
from servers.child import Child, StartFailedError
from servers.foreground import ROOT
from servers.jars import java
from servers.ports import HOST, free_port

ARCHIVE = Archive(  # 142 MB
    "io.apicurio",
    "apicurio-registry-app",
    "2.6.13.Final",
    "all",
    "3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba",
)
USUAL_PORT = 8081
_JAVA_OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # starts in 3 s, 190 MB


class RegistryServer:
    """``directory``: of its log. ``port``: a free one where it is None."""

    def __init__(self, directory: Path, *, jars: Path = ROOT / "jars", port: int | None = None) -> None:
        self._directory = directory.resolve()
        self._jars, self._given = jars, port
        self._port = port or free_port()
        self._child = Child("the registry", self._directory / "registry.log")

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}/apis/ccompat/v7"

    @property
    def pid(self) -> int | None:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.running

    @property
    def logs(self) -> str:
        return str(self._child.log)

    def start(self) -> None:
        """Returns when it answers. Raises ``StartFailedError``, ``JarsMissingError``."""
        self._directory.mkdir(parents=True, exist_ok=True)
        program = unpacked(ARCHIVE, self._jars) / f"{ARCHIVE.name}-runner.jar"
        try:
            self._launch(program)
        except StartFailedError:
            if self._given:
                raise
            self._port = free_port()  # somebody may have taken the port that was free
            self._launch(program)

    def stop(self, *, at_once: bool = False) -> None:
        (self._child.kill if at_once else self._child.stop)()

    def _launch(self, program: Path) -> None:
        place = (f"-Dquarkus.http.host={HOST}", f"-Dquarkus.http.port={self._port}")
        self._child.start([str(java()), *_JAVA_OPTIONS, *place, "-jar", str(program)])
        self._child.wait(self._answers)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def main() -> int:
    """The registry in the foreground. Exit code: 0 when told to stop, 1 when it failed."""
    parser = foreground.arguments(
        "servers.registry", "A real schema registry on loopback.", directory="registry", usual_port=USUAL_PORT
    )
    told = parser.parse_args()
    server = RegistryServer(told.data, port=foreground.port_of(parser, told, USUAL_PORT))
    return foreground.run(server, told, lambda: _announcement(server))


def _announcement(server: RegistryServer) -> str:
    return "\n".join(
        [
            f"The registry answers at {server.url} (in memory; log: {server.logs})",
            f"  export LEDGERLINE_LOG__REGISTRY={server.url}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
