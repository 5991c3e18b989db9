"""Admission webhooks: asked over HTTPS, the mutating ones first, about what comes in by HTTP.

What the controllers of the embedded world write in this process is not asked about.
"""

import asyncio
import base64
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import urlsplit

import aiohttp

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.conversion import to_stored
from tidegate_embedded.apiserver.errors import ApiError
from tidegate_embedded.apiserver.patch import json_patched
from tidegate_embedded.apiserver.requests import ApiRequest
from tidegate_embedded.apiserver.resources import Registry
from tidegate_embedded.apiserver.reviewing import Outcome, Overtaken, Review, Steps
from tidegate_embedded.apiserver.storage import Storage
from tidegate_embedded.apiserver.values import Object, from_json, to_json
from tidegate_embedded.apiserver.webhooks.addresses import (
    Address,
    NoAnswer,
    Unreachable,
    address_of,
)
from tidegate_embedded.apiserver.webhooks.reviews import (
    Untold,
    conditions_hold,
    question,
    response_of,
)
from tidegate_embedded.apiserver.webhooks.rules import Hook, hooks_for, object_for

_API_VERSION = "admission.k8s.io/v1"


@dataclass(slots=True)
class _Asking:
    """One request whose writes are asked about, and the warnings it has got so far."""

    request: ApiRequest
    warnings: list[str] = field(default_factory=list)


class Webhooks:
    """Asks the webhooks that are configured in a storage."""

    def __init__(self, registry: Registry, storage: Storage) -> None:
        self._registry = registry
        self._storage = storage
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def asked(
        self, begin: Callable[[], Steps[Outcome]], request: ApiRequest
    ) -> tuple[Outcome, Iterable[str]]:
        """Take the steps of a request to their outcome; returns the webhooks' warnings with it."""
        while True:
            asking = _Asking(request)
            try:
                return await self._taken(begin(), asking), dict.fromkeys(asking.warnings)
            except Overtaken:
                continue

    async def _taken(self, steps: Steps[Outcome], asking: _Asking) -> Outcome:
        answer = None
        try:
            while True:
                review = steps.send(answer)
                hooks = list(hooks_for(review, self._registry, self._storage))
                if review.phase == "Mutating":
                    answer = await self._mutated(review, hooks, asking)
                else:
                    answer = None
                    await self._validated(review, hooks, asking)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome

    async def _validated(self, review: Review, hooks: list[Hook], asking: _Asking) -> None:
        answers = await asyncio.gather(
            *(self._answer(hook, review, asking) for hook in hooks), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def _mutated(self, review: Review, hooks: list[Hook], asking: _Asking) -> Object | None:
        """Ask one after the other, and those that want it again where others changed more since."""
        sent, seen = review.object, []
        for hook in hooks:
            review = await self._patched(hook, review, asking)
            seen.append(review.object)
        for hook, last in zip(hooks, seen, strict=True):
            again = hook.webhook.get("reinvocationPolicy") == "IfNeeded"
            if again and last != review.object:
                review = await self._patched(hook, review, asking)
        return None if review.object == sent else review.object

    async def _patched(self, hook: Hook, review: Review, asking: _Asking) -> Review:
        answer = await self._answer(hook, review, asking)
        item = object_for(hook, review, review.object)
        if not answer or item is None or not answer.get("patch"):
            return review
        try:
            changed = json_patched(item, from_json(base64.b64decode(answer["patch"])))
        except (ApiError, ValueError) as error:
            raise errors.internal(str(error.__cause__ or error)) from error
        if not isinstance(changed, dict):
            raise errors.internal(f"the patch of webhook {hook.name} makes no object")
        stored = changed if review.kind else to_stored(changed, hook.resource)
        return replace(review, object=stored)

    async def _answer(self, hook: Hook, review: Review, asking: _Asking) -> Object:
        """Ask one webhook; an empty answer is of one that has no say. Raises a refusal."""
        asked = question(hook, review, asking.request)
        try:
            if not conditions_hold(hook, asked):
                return {}
            address = address_of(hook.webhook, self._storage)
            answer = response_of(await self._posted(address, asked), asked)
        except (NoAnswer, Untold) as failed:
            if hook.required:
                raise _refusal(hook, review, failed) from failed
            return {}
        asking.warnings += answer.get("warnings") or ()
        if not answer.get("allowed"):
            raise errors.denied(hook.name, answer.get("status") or {})
        return answer

    async def _posted(self, address: Address, asked: Object) -> object:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        review = {"kind": "AdmissionReview", "apiVersion": _API_VERSION, "request": asked}
        try:
            async with self._session.post(
                address.url,
                data=to_json(review),
                headers={
                    "Content-Type": "application/json",
                    "Host": urlsplit(address.shown).netloc,
                },
                ssl=_trusting(address.authority),
                server_hostname=address.server_name,
                timeout=aiohttp.ClientTimeout(total=address.timeout_seconds),
                allow_redirects=False,
            ) as response:
                body = await response.read()
        except TimeoutError as error:
            raise Unreachable(f'Post "{address.shown}": context deadline exceeded') from error
        except (aiohttp.ClientError, ssl.SSLError, OSError) as error:
            raise Unreachable(f'Post "{address.shown}": {error}') from error
        if not 200 <= response.status < 300:
            raise Unreachable(f"the server answered with status {response.status}")
        try:
            return from_json(body)
        except ValueError as error:
            raise Unreachable(f"couldn't get version/kind; json parse error: {error}") from error


def _refusal(hook: Hook, review: Review, failed: NoAnswer | Untold) -> ApiError:
    """Refuse what a webhook should have been asked about."""
    if isinstance(failed, Untold):
        resource = review.resource
        return errors.forbidden(resource.group, resource.plural, review.name, str(failed))
    return errors.internal(f'failed calling webhook "{hook.name}": {failed}')


@lru_cache(maxsize=64)
def _trusting(authority: str) -> ssl.SSLContext:
    """Trust an authority, in PEM; without one, those of the machine."""
    try:
        return ssl.create_default_context(cadata=authority or None)
    except ssl.SSLError as error:
        raise Unreachable(f"unable to load root certificates: {error}") from error
