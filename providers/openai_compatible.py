"""Any model behind OpenAI's chat API, through the openai SDK: OpenAI itself, vLLM, Ollama, the emulator.

The SDK's own retries are off: when and where to ask again is decided above, where the turn's budget is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent_core.metering import Spent, estimated_prompt_tokens, estimated_tokens, note
from agent_core.ports import Allowance, CompletionRequest, CompletionResult, FailureReason, ProviderError, Sentence
from agent_core.sentences import SentenceSplitter
from agent_core.whole_text import whole_text
from providers.chat_chunks import Usage, chunk_of, usage_of
from providers.http_failures import status_error
from providers.prices import Prices, cost_micros
from providers.rate_headers import allowance
from providers.thoughts import ThoughtFilter

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from providers.chat_stream import ChatStream

_LABEL_HEADER = "x-ledgerline-label"  # names the emulator's draw: "label|prompt kind|attempt"
_OPENAI_HOST = "api.openai.com"
# Some servers know no limit, and to judge a book takes seconds in which nothing else is done. A token is four characters or so.
_CHARACTERS_PER_TOKEN = 20
# These are about the address, the model's name or the account, never about the question: no refusal, and another provider may
# well answer. 402 is what OpenRouter and DeepSeek say of an account with nothing left.
_MEANT = dict.fromkeys((402, 404, 405, 410), FailureReason.MISSING)
_MEANT[529] = FailureReason.RATE_LIMITED  # Anthropic's word for overloaded: asked too often, by all customers together


@dataclass(frozen=True, slots=True)
class OpenAISettings:
    """One endpoint. ``models`` maps routed names to the vendor's; ``model`` serves every other routed name."""

    api_key: str = field(repr=False)
    model: str
    url: str | None = None  # with its /v1; None: OpenAI
    name: str = "openai"
    models: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, Prices] = field(default_factory=dict)  # by the vendor's model name
    options: Mapping[str, object] = field(default_factory=dict)  # passed through in the request's body
    stall_ms: int | None = None  # longest silence between pieces of content; None: only the request's own timeout
    emulated: bool = False  # the endpoint is our emulator: name the draw in a header


class OpenAICompatible:
    """A ``LanguageModel``. Raises ProviderError MISSING from the constructor where the openai package isn't there."""

    def __init__(self, settings: OpenAISettings) -> None:
        try:
            from openai import AsyncOpenAI
        except ImportError as error:
            raise ProviderError(FailureReason.MISSING, settings.name, "the openai package isn't installed") from error
        self.name = settings.name
        self._settings = settings
        self._client: AsyncOpenAI = AsyncOpenAI(api_key=settings.api_key, base_url=settings.url, max_retries=0)

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        """Stream a completion to its end. Raises ProviderError; cancelling it closes the stream."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        model = self._settings.models.get(request.model, self._settings.model)
        request = request.for_model(model)
        heard = _Heard(self.name, most_characters=request.max_tokens * _CHARACTERS_PER_TOKEN)
        begun = finished = turned_away = False
        try:
            async with self._errors_as_ours(), asyncio.timeout(request.timeout_ms / 1000) as limit:
                deadline_s = limit.when()
                stream = await self._stream(request, model)
                begun = True
                heard.allowance = allowance(stream.response.headers)
                async with stream:
                    async for chunk in stream:
                        if heard.take(chunk) and self._settings.stall_ms is not None and deadline_s is not None:
                            limit.reschedule(min(deadline_s, loop.time() + self._settings.stall_ms / 1000))
                        if heard.text and heard.first_token_ms is None:
                            heard.first_token_ms = (loop.time() - began_s) * 1000
                        if request.on_sentence:
                            for sentence in heard.new_sentences(model, (loop.time() - began_s) * 1000):
                                request.on_sentence(sentence)
            text = heard.finished_text()
            finished = True
        except ProviderError as error:
            error.model = model
            turned_away = not begun and error.reason is not FailureReason.TIMED_OUT  # nothing was made, nothing is paid
            raise
        finally:
            if not finished and not turned_away:
                note(self._spent(request, model, heard))
        return self._result(text, model, heard, total_ms=(loop.time() - began_s) * 1000)

    async def close(self) -> None:
        await self._client.close()

    async def _stream(self, request: CompletionRequest, model: str) -> ChatStream:
        """By the SDK's general ``post``: what it does for chat completions beyond that is to walk through each message of
        the request, and to build a model of each token. That took 4 ms a request and 0.2 ms a token."""
        from providers.chat_stream import ChatStream

        headers = {_LABEL_HEADER: request.label} if self._settings.emulated and request.label else {}
        return await self._client.post(
            "/chat/completions",
            body=self._body(request, model),
            cast_to=object,
            options={"headers": headers, "timeout": request.timeout_ms / 1000},
            stream=True,
            stream_cls=ChatStream,
        )

    def _body(self, request: CompletionRequest, model: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            # OpenAI's newer models refuse max_tokens; many compatible servers know nothing else.
            (
                "max_completion_tokens" if self._client.base_url.host == _OPENAI_HOST else "max_tokens"
            ): request.max_tokens,
        }
        if request.json_schema is not None:
            # Strict mode refuses schemas that leave room for other properties.
            strict = request.json_schema.get("additionalProperties") is False
            schema = {"name": request.purpose, "schema": request.json_schema, "strict": strict}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return {**body, **self._settings.options}

    def _result(self, text: str, model: str, heard: _Heard, total_ms: float) -> CompletionResult:
        usage = heard.usage
        return CompletionResult(
            text=text,
            provider=self.name,
            model=model,
            input_tokens=usage.prompt_tokens if usage else None,
            cached_tokens=usage.cached_tokens if usage else None,
            output_tokens=usage.completion_tokens if usage else None,
            cost_micros=cost_micros(self._settings.prices.get(model), usage),
            first_token_ms=heard.first_token_ms,
            total_ms=total_ms,
            allowance=heard.allowance,
        )

    def _spent(self, request: CompletionRequest, model: str, heard: _Heard) -> Spent:
        """What a stream that came to nothing cost: as the provider says, or as much as was sent and heard."""
        prices = self._settings.prices.get(model)
        if heard.usage:
            cost = cost_micros(prices, heard.usage)
            return Spent(self.name, model, heard.usage.prompt_tokens, heard.usage.completion_tokens, cost, False)
        sent, got = estimated_prompt_tokens(request.messages), estimated_tokens(heard.characters)
        cost = round(sent * prices.input + got * prices.output) if prices else None
        return Spent(self.name, model, sent, got, cost, estimated=True)

    @asynccontextmanager
    async def _errors_as_ours(self) -> AsyncIterator[None]:
        import httpx
        import openai

        try:
            yield
        except TimeoutError as error:
            raise ProviderError(FailureReason.TIMED_OUT, self.name) from error
        except openai.APIStatusError as error:
            raise status_error(self.name, error.status_code, error.response.headers, error.code, _MEANT) from error
        except (openai.APITimeoutError, httpx.TimeoutException) as error:
            raise ProviderError(FailureReason.TIMED_OUT, self.name, type(error).__name__) from error
        except (openai.APIConnectionError, httpx.HTTPError) as error:
            raise ProviderError(FailureReason.UNAVAILABLE, self.name, _cause(error)) from error
        except openai.APIResponseValidationError as error:
            raise ProviderError(FailureReason.INVALID, self.name, "the response isn't a completion") from error
        except openai.APIError as error:  # an error event inside the stream
            raise ProviderError(FailureReason.UNAVAILABLE, self.name, f"error event {error.code or ''}") from error
        except ValueError as error:  # events that aren't JSON, or of another shape
            raise ProviderError(FailureReason.INVALID, self.name, "the stream isn't one of chat completions") from error


class _Heard:
    """What a stream has said so far."""

    def __init__(self, provider: str, most_characters: int) -> None:
        self._provider = provider
        self._most_characters = most_characters
        self.characters = 0
        self._pieces: list[str] = []
        self._thoughts = ThoughtFilter()
        self._sentences = SentenceSplitter()
        self._split = 0  # pieces that the splitter has
        self._refused = False
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.first_token_ms: float | None = None
        self.allowance: Allowance | None = None

    @property
    def text(self) -> bool:
        return bool(self._pieces)

    def take(self, event: object) -> bool:
        """Take one event; True where it brought content: comments and empty deltas bring none. Raises ``ValueError``,
        and ProviderError where it is far more than was asked for."""
        if not isinstance(event, Mapping):
            return False
        chunk = chunk_of(event)
        if chunk.usage:
            self.usage = usage_of(chunk.usage)
        if (choice := chunk.choice()) is None:
            return False
        self.finish_reason = choice.finish_reason or self.finish_reason
        delta = choice.delta
        if delta is None:
            return False
        self._refused = self._refused or bool(delta.refusal)
        if not delta.content:
            return False
        self.characters += len(delta.content)
        if self.characters > self._most_characters:
            raise ProviderError(FailureReason.INVALID, self._provider, "more than the tokens that were asked for")
        if not (answer := self._thoughts.push(delta.content)):
            return False
        self._pieces.append(answer)
        return True

    def new_sentences(self, model: str, took_ms: float) -> list[Sentence]:
        """Those that are certain since the last time; none of an answer that the model declined to give."""
        pieces, self._split = self._pieces[self._split :], len(self._pieces)
        found = self._sentences.push("".join(pieces)) if pieces and not self._refused else []
        return [Sentence(whole_text(text), self._provider, model, self.first_token_ms, took_ms) for text in found]

    def finished_text(self) -> str:
        """The whole text. Raises ProviderError where it is empty, unfinished or refused."""
        if self._refused or self.finish_reason == "content_filter":
            raise ProviderError(FailureReason.REFUSED, self._provider, "the model declined")
        if self.finish_reason is None:
            raise ProviderError(FailureReason.UNAVAILABLE, self._provider, "the stream ended unfinished")
        if self.finish_reason == "length":
            raise ProviderError(FailureReason.INVALID, self._provider, "cut short at the token limit")
        text = whole_text("".join(self._pieces) + self._thoughts.end()).strip()
        if not text:
            raise ProviderError(FailureReason.INVALID, self._provider, "empty completion")
        return text


def _cause(error: BaseException) -> str:
    return type(error.__cause__ or error).__name__
