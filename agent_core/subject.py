"""Who is asking: the authenticated subject of a conversation, with a level that facts raise and time lowers.

known       the channel has a good idea (a registered device)
verified    proved by something that they know, have or are (an app that is logged in)
stepped_up  proved once more, for what needs it
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from schemas.facts import OwnObject, SubjectAuthenticated

_OBJECTS = msgspec.json.Decoder(tuple[OwnObject, ...])


class Level(StrEnum):
    """In rising order."""

    NONE = "none"
    KNOWN = "known"
    VERIFIED = "verified"
    STEPPED_UP = "stepped_up"

    def covers(self, required: Level) -> bool:
        return _RANK[self] >= _RANK[required]


_RANK = {level: rank for rank, level in enumerate(Level)}


def level_named(name: str) -> Level:
    """``NONE`` for a name that this code doesn't know: it must not open anything."""
    try:
        return Level(name)
    except ValueError:
        return Level.NONE


class Authentication(msgspec.Struct, frozen=True):
    """``seq``: of the fact. ``expires_at_us``: the first moment at which it no longer holds; None: it doesn't expire."""

    level: Level
    seq: int
    expires_at_us: int | None

    def holds_at(self, at_us: int) -> bool:
        return self.expires_at_us is None or at_us < self.expires_at_us


class Subject(msgspec.Struct, frozen=True):
    """``authentications``: the newest of each level. ``objects``: what the channel vouches for as theirs."""

    subject_id: str
    authentications: tuple[Authentication, ...] = ()
    objects: tuple[OwnObject, ...] = ()

    def authentication(self, required: Level, at_us: int) -> Authentication | None:
        """The newest that gives at least ``required`` at this moment."""
        holding = [a for a in self.authentications if a.level.covers(required) and a.holds_at(at_us)]
        return max(holding, key=lambda a: a.seq, default=None)

    def ever_held(self, required: Level) -> bool:
        return any(a.level.covers(required) for a in self.authentications)


def authenticated(former: Subject | None, fact: SubjectAuthenticated, seq: int, accepted_at_us: int) -> Subject:
    """The subject after ``fact``: the former one with another level, or somebody else."""
    same = former if former and former.subject_id == fact.subject_id else Subject(fact.subject_id)
    level = level_named(fact.level)
    expires_at_us = None if fact.expires_after_ms is None else accepted_at_us + fact.expires_after_ms * 1000
    others = tuple(a for a in same.authentications if a.level is not level)
    newest = () if level is Level.NONE else (Authentication(level, seq, expires_at_us),)
    return Subject(fact.subject_id, (*others, *newest), read_objects(fact.objects) or same.objects)


def raised(subject: Subject, level: Level, lasts_ms: int | None, seq: int, accepted_at_us: int) -> Subject:
    """The same subject, after a proof."""
    expires_at_us = None if lasts_ms is None else accepted_at_us + lasts_ms * 1000
    others = tuple(a for a in subject.authentications if a.level is not level)
    return Subject(subject.subject_id, (*others, Authentication(level, seq, expires_at_us)), subject.objects)


def write_objects(objects: tuple[OwnObject, ...]) -> str:
    """As they stand in ``SubjectAuthenticated.objects``."""
    return msgspec.json.encode(objects).decode()


def read_objects(text: str) -> tuple[OwnObject, ...]:
    """None of them where the text is empty, malformed, or was forgotten with its conversation's key."""
    try:
        return _OBJECTS.decode(text)
    except msgspec.DecodeError:
        return ()
