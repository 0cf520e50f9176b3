"""A recording is a valid stereo WAV at every moment of the call, and a full disk never ends a call."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from agent_core.audio import AudioError
from agent_core.wav import write_wav
from voice_gateway import recording
from voice_gateway.recording import RecordingFailure, StereoRecorder, repair_recording

FRAME = np.full(320, 1000, "<i2").tobytes()


def channels(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 16_000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def test_each_side_stands_where_it_was_heard(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "deep" / "call.wav", started_at_s=50.0)
    for index in range(100):
        recorder.caller(FRAME, 50.0 + index * 0.02)
        if index == 90:
            recorder.agent(FRAME, 51.0)  # known 0.8 s later
    recorder.close()

    samples = channels(tmp_path / "deep" / "call.wav")
    assert len(samples) == 32_000
    assert np.flatnonzero(samples[:, 1]).tolist() == list(range(16_000, 16_320))
    assert np.all(samples[:, 0] == 1000)


def test_frames_that_come_a_little_early_or_late_join_without_a_gap(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "call.wav", started_at_s=0.0)
    for index in range(100):
        recorder.caller(FRAME, max(0.0, index * 0.02 + (0.013 if index % 2 else -0.009)))
    recorder.close()

    samples = channels(tmp_path / "call.wav")
    assert len(samples) == 32_000
    assert np.all(samples[:, 0] == 1000)


def test_the_file_is_valid_while_the_call_runs(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recorder = StereoRecorder(path, started_at_s=0.0)
    for index in range(500):
        recorder.caller(FRAME, index * 0.02)
        assert len(channels(path)) / 16 == recorder.duration_ms
        assert recorder.duration_ms >= index * 20 - 1300
    recorder.close()
    assert recorder.failure is None
    recorder.caller(FRAME, 20.0)
    recorder.close()
    assert len(channels(path)) == 500 * 320


KILLED = """
import sys
from voice_gateway.recording import StereoRecorder
recorder = StereoRecorder(sys.argv[1], 0.0)
for index in range(10_000_000):
    recorder.caller(b"\\x01\\x02" * 320, index * 0.02)
    if index == 2000:
        print("running", flush=True)
"""


def test_a_killed_process_leaves_a_valid_recording(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"running\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()

    kept = len(channels(path))
    assert kept > 38 * 16_000

    missed_bytes = repair_recording(path)
    assert len(channels(path)) == kept + missed_bytes // 4
    assert repair_recording(path) == 0


def test_samples_behind_a_header_that_was_never_set_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recorder = StereoRecorder(path, started_at_s=0.0)
    for index in range(100):
        recorder.caller(FRAME, index * 0.02)
    recorder.close()
    with path.open("ab") as file:
        file.write(b"\7\0\7\0\7")

    assert repair_recording(path) == 4
    assert channels(path)[-1].tolist() == [7, 7]


def test_only_our_own_recordings_are_repaired(tmp_path: Path) -> None:
    write_wav(tmp_path / "mono.wav", FRAME)
    before = (tmp_path / "mono.wav").read_bytes()
    with pytest.raises(AudioError, match="nothing was changed"):
        repair_recording(tmp_path / "mono.wav")
    assert (tmp_path / "mono.wav").read_bytes() == before


@pytest.mark.parametrize(
    ("code", "failure"),
    [(errno.ENOSPC, RecordingFailure.DISK_FULL), (errno.EIO, RecordingFailure.NOT_WRITABLE)],
)
def test_a_disk_that_fails_ends_the_recording_with_a_reason_and_keeps_what_was_there(
    code: int, failure: RecordingFailure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = StereoRecorder(tmp_path / "call.wav", started_at_s=0.0)
    for index in range(200):
        recorder.caller(FRAME, index * 0.02)

    def fail(*_: object) -> None:
        raise OSError(code, "failed")

    kept_ms = recorder.duration_ms
    with monkeypatch.context() as broken:
        broken.setattr(recording, "_append", fail)
        for index in range(200, 300):
            recorder.caller(FRAME, index * 0.02)
    recorder.close()

    assert recorder.failure is failure
    assert len(channels(tmp_path / "call.wav")) / 16 == kept_ms


def test_what_a_caller_said_is_readable_by_the_owner_of_the_file_alone(tmp_path: Path) -> None:
    StereoRecorder(tmp_path / "call.wav", started_at_s=0.0).close()
    assert (tmp_path / "call.wav").stat().st_mode & 0o777 == 0o600
