"""The address of a log, as somebody gives it."""

from __future__ import annotations

import pytest

from streams.kafka.url import KafkaUrl, LogUrlError, parse


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("sqlite", None),
        ("", None),
        ("kafka", KafkaUrl("127.0.0.1:9092")),
        ("kafka://a,b:9093/shop-1?partitions=16&replication=3", KafkaUrl("a:9092,b:9093", "shop-1.", 16, 3)),
        ("KAFKA://[::1]:9094", KafkaUrl("[::1]:9094")),
    ],
)
def test_an_address_is_read(url: str, read: KafkaUrl | None) -> None:
    assert parse(url) == read


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("kafka://", "no address of a log"),
        ("kafka://[::1", "no address of a log"),
        ("postgresql://h/x", "no address of a log"),
        ("kafka://h:99999", "no HOST:PORT"),
        ("kafka://h/a_b", "letters, digits and dashes"),
        ("kafka://h?partitions=²", "a number from 1"),
        ("kafka://h?colour=1", "no such part"),
    ],
)
def test_what_is_no_address_is_refused_by_name(url: str, said: str) -> None:
    with pytest.raises(LogUrlError, match=said):
        parse(url)


@pytest.mark.parametrize("url", ["kafka://user:hunter2@h:9092", "postgresql://user:hunter2@h/x"])
def test_a_password_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(LogUrlError, match="neither user nor password") as refused:
        parse(url)
    assert "hunter2" not in str(refused.value)
