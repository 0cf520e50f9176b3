"""Files that hold a secret, as commands read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.commands import keys
from console.failures import UsageError
from console.passphrase import passphrase

NO_TEXT = b"\xb0\x00\xff"


def test_a_file_that_is_no_text_is_refused_by_name_and_none_of_it_is_told(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(NO_TEXT)
    with pytest.raises(UsageError, match=r"secret: the passphrase isn't UTF-8 text$"):
        passphrase(file, is_new=False)
    with pytest.raises(UsageError, match=r"secret: this file isn't UTF-8 text$"):
        keys.run(tokens=file, host="127.0.0.1", port=0, certificate=None, key=None, data=tmp_path, as_json=False)
