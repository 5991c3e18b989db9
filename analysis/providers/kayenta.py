"""Provider `kayenta`: a judgement of Kayenta, Spinnaker's automated canary analysis.

A query is JSON: `config` names the canary configuration by its id, and `scopes` are Kayenta's own,
to which the window is added where they have no `start` and `end`. The value is the score, from 0 to
100. Kayenta judges once; the run's analyses decide when it judges again.

A judgement is started with its key as the execution that it belongs to, so that one whose id was
lost is found among the application's latest.
"""

from datetime import datetime, timedelta
from math import isnan
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from analysis.errors import FailureKind, QueryError
from analysis.model import NoData, Outcome, ProviderSpec, QueryFailure, Sample
from analysis.providers.resumable import CHECK_OPTIONS, ResumableStore
from analysis.providers.series import number
from analysis.providers.store import MOST_WARNINGS, Request
from analysis.providers.windows import Window
from analysis.resuming import Working

_APPLICATION = "tidegate"
_LOOKED_THROUGH = "50"
"""How many of the application's latest executions are searched for one that was started before."""
_STEP_SECONDS = 60
#: Kayenta wants them with every request. What follows from a score is decided by the metric's judge.
_THRESHOLDS = {"pass": 95, "marginal": 75}
#: Its accounts, by the options that name them.
_ACCOUNTS = {
    "configurationAccount": "configurationAccountName",
    "metricsAccount": "metricsAccountName",
    "storageAccount": "storageAccountName",
}
_FULL_SCORE = 100.0
_SIDES = ("controlScope", "experimentScope")


class KayentaProvider(ResumableStore):
    """Have Kayenta judge, and read the score."""

    options: ClassVar[tuple[str, ...]] = (*CHECK_OPTIONS, "application", *_ACCOUNTS)
    root = "the root of a Kayenta server"
    settle = timedelta(minutes=1)
    bucket = timedelta(seconds=_STEP_SECONDS)

    def __init__(self, spec: ProviderSpec) -> None:
        super().__init__(spec)
        self._application = self._options.get("application", _APPLICATION)
        self._accounts = {
            name: self._options[option]
            for option, name in _ACCOUNTS.items()
            if option in self._options
        }
        storage = _ACCOUNTS["storageAccount"]
        self._stored = {name: of for name, of in self._accounts.items() if name == storage}

    async def start(self, query: str, at: datetime, interval: timedelta, key: str) -> str:
        """Start a judgement, unless one of this key is known."""
        config, asked = _asked(query, self.window(at, interval))
        latest = await self.send(
            Request(
                path="/canary/executions",
                parameters={
                    "application": self._application,
                    "limit": _LOOKED_THROUGH,
                    **self._stored,
                },
            )
        )
        if known := self.understand(latest, lambda found: _started_by(key, found)):
            return known
        made = await self.send(
            Request(
                path=f"/canary/{quote(config, safe='')}",
                parameters={
                    "application": self._application,
                    "parentPipelineExecutionId": key,
                    **self._accounts,
                },
                content=orjson.dumps(asked),
                headers={"Content-Type": "application/json"},
            )
        )
        return self.understand(made, lambda said: str(said["canaryExecutionId"]))

    async def poll(self, handle: str, at: datetime) -> Outcome | Working:
        """Ask how far a judgement is."""
        answer = await self.send(
            Request(path=f"/canary/{quote(handle, safe='')}", parameters=self._stored)
        )
        return self.understand(answer, lambda found: self._said(found, at))

    async def cancel(self, handle: str) -> None:
        """Cancel a judgement; one that is over stays in Kayenta's archive."""
        answer = await self._connection.fetch(
            f"{self._address}/pipelines/{quote(handle, safe='')}/cancel", method="PUT"
        )
        if answer.status not in {200, 202, 204, 404}:
            raise self.refused(answer)

    def words(self, payload: Any) -> str:
        """Find what Kayenta says of an error."""
        return str(payload.get("message") or payload.get("error") or "")

    def _said(self, found: Any, at: datetime) -> Outcome | Working:
        """Read what has come of a judgement."""
        status = self.shown(found["status"])
        if not found["complete"]:
            return Working(state=status)
        if status != "succeeded":
            reason = f"Kayenta has ended the judgement as {status}"
            if said := _trouble(found.get("exception")):
                reason = f"{reason}: {self.shown(said)}"
            return QueryFailure(reason=reason, kind=FailureKind.UNAVAILABLE)
        judged = found["result"]["judgeResult"]
        score, groups = judged["score"], judged.get("groupScores") or ()
        why = self.shown(score.get("classificationReason") or "")
        if score["classification"].lower() == "nodata":
            return NoData(reason=why or "Kayenta has found no data to judge")
        value = number(score["score"])
        if value is None or isnan(value):
            return NoData(reason="Kayenta has given no score")
        low = (each for each in groups if each["score"] < _FULL_SCORE)
        told = [f"group {self.shown(each['name'])} has {each['score']:g}" for each in low]
        return Sample(value=value, at=at, warnings=tuple(told[:MOST_WARNINGS]))


def _asked(query: str, window: Window) -> tuple[str, dict[str, Any]]:
    """Give the id of a configuration, and what Kayenta is asked to judge by it.

    Raises:
        QueryError: the query does not say that.
    """
    try:
        said = orjson.loads(query)
        config, scopes = said.pop("config"), said.pop("scopes")
        thresholds = said.pop("thresholds", _THRESHOLDS)
        if said or not isinstance(config, str) or not config or not scopes:
            raise ValueError
        span = {"start": _moment(window.start), "end": _moment(window.end), "step": _STEP_SECONDS}
        asked = {
            name: {side: {**span, **dict(pair[side])} for side in _SIDES}
            for name, pair in scopes.items()
        }
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise QueryError(
            'the query is no judgement of Kayenta; write JSON of the form {"config": "ID", '
            '"scopes": {"default": {"controlScope": {"scope": "…", "location": "…"}, '
            '"experimentScope": {…}}}}, with "thresholds" where it should have any'
        ) from error
    return config, {"scopes": asked, "thresholds": thresholds}


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _started_by(key: str, found: Any) -> str:
    """Find the judgement that was started by a key; empty where there is none."""
    mine = (each for each in found if each.get("parentPipelineExecutionId") == key)
    return next((str(each["pipelineId"]) for each in mine), "")


def _trouble(exception: Any) -> str:
    """Find what has kept Kayenta from judging."""
    match exception:
        case {"details": {"errors": [first, *_]}}:
            return str(first)
        case {"details": {"error": str(error)}}:
            return error
        case _:
            return ""
