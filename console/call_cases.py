"""A recorded call, ready to be asked why one of its turns went as it did."""

from __future__ import annotations

from console.failures import FailedError, UsageError, tell_damage
from console.workspace import Workspace
from processors.deciders import cascade
from projections.effective_log import conversation_steps
from projections.recompute import Recomputer, into_steps
from projections.recorded_behaviour import recorded_behaviours
from projections.why.case import Case, turn_of
from projections.why.why import case_of
from schemas.event import Event
from streams.behaviours import BehaviourMissingError


class CallCases:
    """Read it while the workspace is open."""

    def __init__(self, workspace: Workspace, call_id: str, steps: list[tuple[Event, ...]]) -> None:
        self._workspace, self._call_id, self._steps = workspace, call_id, steps
        self.events = [event for step in steps for event in step]
        self._behaviour_of = recorded_behaviours(workspace.behaviours)

    def case(self, wanted: str) -> Case:
        """``wanted``: a turn, as ``projections.why.case.turn_of`` reads it. Raises ``UsageError``, ``FailedError``."""
        turn, known = turn_of(self.events, wanted)
        if turn is None:
            raise UsageError(f"{self._call_id} has no turn {wanted!r}: it has {', '.join(known) or 'none'}")
        recomputer = Recomputer(cascade(), self._behaviour_of, self._workspace.keys)
        versions = self._workspace.behaviours.versions()
        try:
            return case_of(
                self.events,
                turn,
                self._steps,
                versions,
                self._behaviour_of,
                None if recomputer.forgotten(self._call_id) else recomputer,
            )
        except BehaviourMissingError as error:
            raise FailedError(str(error)) from None


async def open_cases(workspace: Workspace, call_id: str) -> CallCases:
    await workspace.codec.prepare([call_id])
    delivered = await conversation_steps(workspace.stores.ledger, workspace.codec, call_id, tell_damage)
    return CallCases(workspace, call_id, into_steps(delivered))
