"""``ledgerline debug``: a model finds out what happened in a call; without one, it prints what it would send."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from console.agent import make_model
from console.call_cases import open_cases
from console.debug_tools import DebugTools
from console.debugger import Debugged, Looked, UnreadableModelError, arguments_text, as_sent, as_text, debug, opening
from console.failures import FailedError, UsageError
from console.find_call import find_call
from console.output import print_json, tell
from console.settings import Settings, load_settings
from console.vendors import models_in_use
from console.workspace import open_workspace
from projections.why.why import lines, why


def run(
    *, call_id: str, question: str, turn: str, most_steps: int, data: Path | None, log: str | None, as_json: bool
) -> int:
    if not question.strip():
        raise UsageError("--question: what do you want to know?")
    found = asyncio.run(_debug(load_settings(data, log), call_id, question, turn, most_steps))
    if as_json:
        print_json(found)
    else:
        tell("\n".join(_told(found)))
    return 0 if found.answer is not None or found.model is None else 1


async def _debug(settings: Settings, wanted: str, question: str, turn: str, most_steps: int) -> Debugged:
    async with open_workspace(settings, create=False) as workspace:
        call_id = await find_call(workspace, wanted)
        cases = await open_cases(workspace, call_id)
        case = cases.case(turn)
        tools = DebugTools(cases.events, case.behaviour, lambda name: why(cases.case(name)))
        messages = opening(question, "\n".join(lines(why(case))), tools.involved(case.turn.turn_id))
        if not settings.llm.all() or case.behaviour is None:
            return Debugged(call_id=call_id, question=question, model=None, would_send=as_sent(messages))
        model = make_model(settings.llm, case.behaviour)
        try:
            step, looked = await debug(model, case.behaviour.routing.model, messages, tools, most_steps, _tell)
        except UnreadableModelError as error:
            raise FailedError(str(error)) from None
        finally:
            await model.close()
    cited = tuple(dict.fromkeys(step.events or ())) if step else ()
    return Debugged(
        call_id=call_id,
        question=question,
        model=", ".join(models_in_use(settings.llm)),
        answer=step.answer if step else None,
        cited=tuple(seq for seq in cited if tools.holds(seq)),
        not_there=tuple(seq for seq in cited if not tools.holds(seq)),
        looked=tuple(looked),
    )


def _tell(looked: Looked) -> None:
    print(f"ledgerline: the model looks up {arguments_text(looked)}", file=sys.stderr)


def _told(found: Debugged) -> Iterator[str]:
    if found.model is None:
        yield "no language model is configured (OPENAI_API_KEY, or LEDGERLINE_LLM__URL); one would be sent this:\n"
        yield as_text(found.would_send)
        return
    yield found.answer if found.answer is not None else "the model came to no answer in its --steps"
    if found.cited:
        yield f"\nevents: {', '.join(map(str, found.cited))} (ledgerline show {found.call_id} --at SEQ)"
    if found.not_there:
        yield f"it also cites events that this call doesn't have: {', '.join(map(str, found.not_there))}"
