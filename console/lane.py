"""A lane, as the command line names it, and the settings of what runs in it."""

from __future__ import annotations

from typing import Any, NamedTuple

from console.failures import UsageError
from console.settings import Settings
from streams.kafka.url import LogUrlError, parse
from streams.lanes import LaneEffects, LaneFacts, LaneNameError, lane_address


class Lane(NamedTuple):
    name: str
    facts: LaneFacts
    effects: LaneEffects

    @property
    def takes_outcomes(self) -> bool:
        """Who asks nobody lives on what production was answered."""
        return self.facts is LaneFacts.LIVE and self.effects is LaneEffects.OFF


def lane_of(name: str, facts: str | None, effects: str | None) -> Lane:
    """``facts``: live unless said. ``effects``: unless said off for live facts, and simulated for a lane's own, which
    nobody else answers. Raises ``UsageError``."""
    facts = facts or LaneFacts.LIVE
    if facts not in list(LaneFacts):
        raise UsageError(f"--facts is {' or '.join(LaneFacts)}, not {facts!r}")
    usual = LaneEffects.OFF if facts == LaneFacts.LIVE else LaneEffects.SIMULATED
    if effects is not None and effects not in list(LaneEffects):
        raise UsageError(f"--effects is {', '.join(LaneEffects)}, not {effects!r}")
    return Lane(name, LaneFacts(facts), LaneEffects(effects) if effects else usual)


def of_lane(settings: Settings, name: str, effects: LaneEffects = LaneEffects.ON) -> Settings:
    """The same keys and vendors on the lane's own log. No registry: a lane registers nothing. Raises ``UsageError``."""
    production = settings.log.kafka()
    if production is None:
        raise UsageError("lanes run beside a log on Kafka: --log kafka://HOST:PORT, or LEDGERLINE_LOG__URL")
    try:
        address = lane_address(production, name)
        parse(address)
    except (LaneNameError, LogUrlError) as error:
        raise UsageError(str(error)) from None
    changed: dict[str, Any] = {"log": settings.log.model_copy(update={"url": address, "registry": None})}
    if effects is LaneEffects.SIMULATED:
        changed["llm"] = settings.llm.model_copy(update={"provider": "local"})
    return settings.model_copy(update=changed)
