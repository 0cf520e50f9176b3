"""A call in which a race shows all that it can: for tests of what is found of it and shown."""

from __future__ import annotations

from schemas import decisions as d
from schemas import facts as f
from schemas import proving as p
from tests.console.told import SPEECH_ENDED_S, Told, candidate

WINNER = candidate("lost_card", attempt=1)


def race(*providers: str) -> Told:
    """t1: one answer is blocked, the first attempt at the other never comes; a hold; "mm-hm" over the reply. t2: the reply
    is cut off. t3: a code is keyed in."""
    told = Told().arrives(*(providers or ("stt:local-recogniser", "llm:vendor-a/m (emulated)", "tts:local-voice:x")))
    told.hears(300, "I lost my card", final=False, opens=True)
    told.asks(310, "lost_card", attempts=2).asks(310, "card_fees")
    told.hears(520, "I lost my card", final=True).say(520, d.TurnCommitted(speculation=1, eager=True))
    told.returns(900, "card_fees").forms(900, "card_fees")
    told.judges(900, "card_fees", "grounding", "unsupported_figure", passed=False)
    told.say(900, d.CandidateDropped(candidate_id=candidate("card_fees"), reason="blocked:grounding"))
    told.holds(951, "Let me check that.")
    told.say(1300, _sentence("lost_card", attempt=1)).returns(1300, "lost_card", attempt=1, provider="vendor-b")
    told.forms(1300, "lost_card", attempt=1)
    told.say(1300, _chosen(WINNER))
    told.say(1302, f.EffectCancelled(ask_id="t1.s1.answer.lost_card", attempt=0, elapsed_ms=990.0, provider="vendor-a"))
    told.say(1500, f.SpeechStarted(candidate_id=WINNER, take=1, since_speech_end_ms=1500.0))
    told.say(2000, f.BackchannelHeard(utterance_id="u-mm", sound_id=WINNER, text="mm-hm"), None)
    told.say(3000, f.SpeechCompleted(candidate_id=WINNER, spoken="About lost_card."))
    _cut_off(told)
    _proved(told)
    return told


def _cut_off(told: Told) -> None:
    told.say(3100, _opened("u-t2"), "t2").say(3100, f.SpeechStarted(candidate_id="t2.reply", take=1), "t2")
    told.say(4000, f.SpeechInterrupted(candidate_id="t2.reply", spoken_so_far="About"), "t2")
    told.say(4000, f.CallerSpeechStarted(utterance_id="u-t3", spoke_over_ms=240.0), None)
    told.say(4000, _opened("u-t3"), "t3")
    told.say(4000, d.InterruptionJudged(utterance_id="u-t3", candidate_id="t2.reply", genuine=True), "t3")


def _proved(told: Told) -> None:
    challenge = p.ChallengeOpened(
        challenge_id="c1", method="phone_code", level="stepped_up", intent="block_card", question="Block my card"
    )
    told.say(4000, challenge, "t3")
    told.say(9000, p.ProofAccepted(challenge_id="c1", method="phone_code", level="stepped_up", lasts_ms=300_000), "t3")


def _opened(utterance_id: str) -> d.TurnOpened:
    """The speech of all of them ended at the same moment, so that every time counts from there."""
    return d.TurnOpened(
        cause="utterance",
        utterance_id=utterance_id,
        speech_ended_at_us=round(SPEECH_ENDED_S * 1e6),
        hold_marks_ms=(950,),
        holding=("h1",),
        give_up_ms=5000,
        hard_ms=6000,
    )


def _sentence(intent: str, attempt: int) -> f.SentenceReturned:
    return f.SentenceReturned(
        ask_id=f"t1.s1.answer.{intent}",
        attempt=attempt,
        index=0,
        last=True,
        text=f"About {intent}.",
        provider="vendor-b",
        model="m",
        elapsed_ms=900.0,
    )


def _chosen(candidate_id: str) -> d.ReplyChosen:
    return d.ReplyChosen(
        candidate_id=candidate_id,
        text="About lost_card.",
        intent="lost_card",
        answers_through=1,
        take=1,
        action="answer",
    )
