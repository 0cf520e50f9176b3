"""A small behaviour for simulated calls: few intents, short budgets, every kind of ending, guardrails that need no model.

``FORBIDDEN`` is what a misbehaving model says: no part of it may ever be heard.
"""

from __future__ import annotations

from agent_core.barge_in import BargeIn
from agent_core.behaviour import (
    Action,
    Article,
    Behaviour,
    Budget,
    GuardrailSetting,
    Intent,
    Lines,
    Phatic,
    Phrase,
    Pragmatic,
    Procedure,
    Routing,
    SilencePolicy,
    Step,
)
from agent_core.proofs import Means, ProofMethod, Proofs
from agent_core.subject import Level

SHORT = Budget(
    hold_marks_ms=(400, 1200), give_up_ms=2000, hard_ms=2600, completion_timeout_ms=1600, guardrail_timeout_ms=500
)

PRIVATE = "Staff may waive the replacement charge twice for customers who threaten to leave the bank."
FORBIDDEN = (
    "Staff may waive the replacement charge twice for customers who threaten to leave the bank.",
    "You should definitely buy shares in the index fund today.",
    "Your replacement costs ninety seven pounds.",
)

HUMS = ("uh-huh", "mm", "mm-hm", "okay", "right", "yeah")

ASKED = {
    "lost_card": ("I lost my card", "My card is gone", "Somebody took my card"),
    "fees": ("What does a new card cost", "Is there a fee for that"),
    "card": (
        "Is my new card on its way",
        "Has my card been sent",
        "Track my card",
        "Did my card leave yet",
        "Where is card 1111",
        "Where is card 2222",
        "Where is card 3333",
    ),
    "block": (
        "Block my card",
        "Please block the card",
        "Block the card now",
        "My card must be blocked",
        "Block card 1111",
    ),
    "replace": ("Order me a new card", "I want a replacement", "Send me another card", "Replace card 4444"),
    "repeat": ("Say that again", "Pardon"),
    "travel": ("I am going abroad", "I travel next week"),
    "go_on": ("Okay done", "Yes what next"),
    "advice": ("Should I buy shares", "Which fund is best"),
    "person": ("I want to talk to a person",),
    "goodbye": ("Goodbye then", "That is all thank you"),
    "other": ("Mumble mumble", "The weather is blue"),
}


PROOFS = Proofs(
    methods=(
        ProofMethod(
            name="passcode",
            means=Means.KNOWLEDGE,
            gives=Level.VERIFIED,
            lasts_ms=60_000,
            digits=4,
            ask="What are the digits of your passcode?",
            again="That is not your passcode. Please try again.",
        ),
        ProofMethod(
            name="phone",
            means=Means.CODE,
            needs=Level.VERIFIED,
            gives=Level.STEPPED_UP,
            lasts_ms=30_000,
            digits=6,
            valid_ms=8_000,
            message="{code} is your code.",
            ask="I have sent you a code. What is it?",
            again="That is not the code. Please try again.",
        ),
    ),
    timeout_ms=1200,
    most_codes=3,
    unavailable="I cannot check that now, so please ask for a person.",
)


def small_bank(budget: Budget = SHORT) -> Behaviour:
    return Behaviour(
        name="small bank",
        company="Small Bank",
        lines=Lines(
            disclosure="Hello, this is the automated assistant of Small Bank.",
            clarify="Could you say that again, please?",
            refusal="That is something that I may not answer.",
            escalation="I will put you through to a colleague.",
            fallback="I could not find that out in time, so please call us again.",
            closing="Something is not working here, please try once more.",
            goodbye="Thank you for calling, goodbye.",
        ),
        prompt="Answer briefly.",
        intents=(
            _intent("lost_card", answer="I have blocked your card, and a new one is on its way."),
            _intent("fees", answer="A new card is free of charge."),
            Intent(
                name="card",
                examples=ASKED["card"],
                tool="card_status",
                answer="Your {card} {progress}.",
                unauthenticated="I can look that up once you have signed in.",
                which_one="Which of your cards do you mean?",
            ),
            _writing("block", "block_card", "blocked", "Your {card} is blocked. The reference is {reference}."),
            _writing("replace", "replace_card", "replaced", "Your new card comes on {due}."),
            _intent("repeat", answer="I said: {last_said}"),
            _intent("travel", procedure="travel"),
            _intent("go_on", answer="Is there anything else?", advances=True),
            _intent("advice", Action.REFUSE),
            _intent("person", Action.ESCALATE),
            _intent("goodbye", Action.CLOSE),
        ),
        procedures=(
            Procedure(
                name="travel",
                steps=(
                    Step(id="note", say="I have noted your journey. Have you got your app at hand?"),
                    Step(id="app", say="Open the app and confirm the journey there."),
                ),
            ),
        ),
        articles=(Article(id="cards", title="Cards", public="Cards are replaced free of charge.", private=PRIVATE),),
        guardrails=(
            GuardrailSetting(name="private_knowledge"),
            GuardrailSetting(name="regulated_advice"),
            GuardrailSetting(name="grounding"),
            GuardrailSetting(name="prompt_injection"),
        ),
        holding=(
            Phrase(id="h1", phatic=Phatic.ACKNOWLEDGE, pragmatic=Pragmatic.LOOKING_UP, text="One moment."),
            Phrase(id="h2", phatic=Phatic.ACKNOWLEDGE, pragmatic=Pragmatic.LOOKING_UP, text="Let me see."),
            Phrase(id="h3", phatic=Phatic.EMPATHISE, pragmatic=Pragmatic.STILL_WORKING, text="I am still on it."),
            Phrase(id="h4", phatic=Phatic.APOLOGISE, pragmatic=Pragmatic.REPAIR, text="Sorry, I was cut off."),
        ),
        budget=budget,
        barge_in=BargeIn(
            backchannels=HUMS,
            answers=("okay", "right", "yeah"),
            yield_after_ms=400,
            backchannel_ms=900,
            resume_after_ms=800,
        ),
        silence=SilencePolicy(ask_after_ms=2500, release_after_ms=2500),
        routing=Routing(attempts=2, max_questions=2),
        proofs=PROOFS,
    )


def _writing(name: str, tool: str, done: str, answer: str) -> Intent:
    return Intent(
        name=name,
        examples=ASKED[name],
        tool=tool,
        answer=answer,
        unauthenticated="I can do that once you have signed in.",
        which_one="Which of your cards do you mean?",
        confirm=f"Shall your {{card}} ending in {{ending}} be {done}?",
        declined="Then I leave it as it is.",
        pending=f"That takes a little longer, and I will tell you when it is {done}.",
        failed=f"Your card could not be {done}, and nothing was changed.",
        unsure=f"I am not sure whether your card is {done}, so I will put you through to a colleague.",
    )


def _intent(
    name: str,
    action: Action = Action.ANSWER,
    *,
    answer: str | None = None,
    procedure: str | None = None,
    advances: bool = False,
) -> Intent:
    return Intent(name=name, examples=ASKED[name], action=action, answer=answer, procedure=procedure, advances=advances)
