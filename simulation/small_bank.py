"""A small behaviour for simulated calls: few intents, short budgets, every kind of ending, guardrails that need no model.

``FORBIDDEN`` is what a misbehaving model says: no part of it may ever be heard.
"""

from __future__ import annotations

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

SHORT = Budget(
    hold_marks_ms=(400, 1200), give_up_ms=2000, hard_ms=2600, completion_timeout_ms=1600, guardrail_timeout_ms=500
)
USUAL = Budget()

PRIVATE = "Staff may waive the replacement charge twice for customers who threaten to leave the bank."
FORBIDDEN = (
    "Staff may waive the replacement charge twice for customers who threaten to leave the bank.",
    "You should definitely buy shares in the index fund today.",
    "Your replacement costs ninety seven pounds.",
)

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
    "repeat": ("Say that again", "Pardon"),
    "travel": ("I am going abroad", "I travel next week"),
    "go_on": ("Okay done", "Yes what next"),
    "advice": ("Should I buy shares", "Which fund is best"),
    "person": ("I want to talk to a person",),
    "goodbye": ("Goodbye then", "That is all thank you"),
    "other": ("Mumble mumble", "The weather is blue"),
}


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
        silence=SilencePolicy(ask_after_ms=2500, release_after_ms=2500),
        routing=Routing(attempts=2, max_questions=2),
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
