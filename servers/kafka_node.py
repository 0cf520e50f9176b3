"""One Kafka node as a process, over a directory of its own: configuration, data, log."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from servers.child import Child, StartFailedError
from servers.jars import class_path, java
from servers.kafka_layout import Layout
from servers.ports import listens

# slf4j-simple: without a logging backend the broker says nothing at all.
COORDINATES = "org.apache.kafka:kafka_2.13:4.1.0+org.slf4j:slf4j-simple:1.7.36"
# A collector for few processors. Each pause over the 100 MB that it would fill first lasted 40 ms, and some caller's turn met
# it; over 16 MB it lasts 5. The last: no full collections while it starts.
_JAVA_OPTIONS = ("-XX:+UseSerialGC", "-Xmn16m", "-XX:MetaspaceSize=96m")
# Starts in 3 s. Compiled a second time, a request costs half, some 15,000 requests later; until then the compiler has more.
_COMPILED_ONCE = ("-XX:TieredStopAtLevel=1",)
_STARTED = "Kafka Server started"


class KafkaNode(Child):
    def __init__(self, number: int, directory: Path, jars: Path, *, heap_mb: int, lasting: bool) -> None:
        self._directory = directory.resolve()
        super().__init__(f"broker {number}", self._directory / "kafka.log")
        self.number, self._jars, self._heap_mb = number, jars, heap_mb
        self._port, self._options = 0, list[str]()
        self._compiled = () if lasting else _COMPILED_ONCE

    def prepare(self, layout: Layout, cluster_id: str) -> None:
        """Writes the configuration, and formats the data directory where it is new.

        Raises ``StartFailedError``, ``JarsMissingError``.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        data = self._directory / "data"
        self._properties.touch(0o600)  # it may hold passwords
        self._properties.write_text(layout.properties(self.number, data))
        if layout.cuttable:
            hosts = self._directory / "hosts"
            hosts.write_text(layout.hosts(self.number))
            self._options = [f"-Djdk.net.hosts.file={hosts}"]
        self._port = layout.ports[self.number - 1].clients
        if (data / "meta.properties").exists():
            return
        users = layout.security.format_arguments() if layout.security else ()
        tool = self._java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._properties), *users)
        formatted = subprocess.run(tool, capture_output=True, text=True, check=False)
        if formatted.returncode:
            said = (formatted.stderr or formatted.stdout).strip().splitlines()
            raise StartFailedError(f"{data} can't be formatted: {said[-1] if said else 'unknown'}")

    def launch(self) -> None:
        shutil.rmtree(self._temporary, ignore_errors=True)  # of one that was killed
        self._temporary.mkdir()
        self.start(self._java("kafka.Kafka", str(self._properties)))

    def wait_until_it_answers(self) -> None:
        """Raises ``StartFailedError``."""
        self.wait(lambda: _STARTED in self.log.read_text(errors="replace") and listens(self._port))

    @property
    def _temporary(self) -> Path:
        """Its codecs unpack native libraries there, and one that is killed leaves them: in /tmp they would stay for ever."""
        return self._directory / "tmp"

    @property
    def _properties(self) -> Path:
        return self._directory / "server.properties"

    def _java(self, *arguments: str) -> list[str]:
        own = (f"-Xmx{self._heap_mb}m", f"-Djava.io.tmpdir={self._temporary}")
        options = (*own, *_JAVA_OPTIONS, *self._compiled, *self._options)
        return [str(java()), *options, "-cp", class_path(COORDINATES, self._jars), *arguments]
