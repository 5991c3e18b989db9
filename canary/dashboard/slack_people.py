"""Who presses in Slack: a member whom the identities name, or whose mail address they let stand for a user.

Slack says what an address is, and is asked at each press, so that who has left acts no more. A member
who can change their address could take another person's: so an address that was another member's, and
a member who had another address, are refused for as long as this process lives.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from analysis.errors import EgressRefused
from canary.dashboard.chat_people import ChatPeople, MailRules, Person
from canary.dashboard.gate_answers import AnswerRefused
from canary.notifiers import NotifierConfig
from canary.notifiers.sessions import Redirected, guarded_session

log = logging.getLogger(__name__)

_SECONDS = 5
_MOST_REMEMBERED = 10_000
_BY_ID = "ask an administrator to name {named} in the dashboard's identities"
_SAID_OF_ALL = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted")
"""What Slack says of every member: left, a bot, or a guest."""
_SAID_OF_SOME = ("is_stranger", "is_workflow_bot")

_CLIENT_LOG = logging.getLogger(f"{__name__}.client")
_CLIENT_LOG.disabled = True
"""The client logs whole answers, with people's addresses."""


class SlackMembers:
    """What Slack says of its members."""

    def __init__(self, api: str, token: str) -> None:
        self._api = api
        self._token = token

    async def about(self, member: str) -> Mapping[str, Any]:
        """Ask for a member.

        Raises:
            AnswerRefused: Slack says nothing of them.
        """
        try:
            async with guarded_session(NotifierConfig(address=self._api)) as session:
                client = AsyncWebClient(
                    token=self._token,
                    base_url=self._api,
                    timeout=_SECONDS,
                    session=session,
                    retry_handlers=[],
                    logger=_CLIENT_LOG,
                )
                answer = await client.users_info(user=member)
        except SlackApiError as error:
            answer = error.response.data
            if not isinstance(answer, Mapping):  # It is the text of a page.
                raise self._silent(error) from error
            said = str(answer.get("error"))
            log.warning(
                "Slack does not tell a mail address: %s; the bot's token needs the scopes "
                "users:read and users:read.email",
                said,
            )
            raise AnswerRefused(f"Slack does not say who you are: {said}") from error
        except (
            *(SlackClientError, aiohttp.ClientError, OSError, TimeoutError, ValueError),
            *(Redirected, EgressRefused),
        ) as error:
            raise self._silent(error) from error
        user = answer.get("user")
        return user if isinstance(user, Mapping) else {}

    def _silent(self, error: Exception) -> AnswerRefused:
        log.warning("Slack does not tell a mail address: %s", type(error).__name__)
        return AnswerRefused("Slack does not say who you are now; press again")


class SlackPeople:
    """Finds who presses."""

    def __init__(self, people: ChatPeople, members: SlackMembers | None) -> None:
        self._people = people
        self._members = members
        self._addresses: OrderedDict[str, str] = OrderedDict()
        """By members: the first that Slack gave."""
        self._owners: OrderedDict[str, str] = OrderedDict()
        """By addresses: the first member that had it."""

    async def find(self, team: str, member: str) -> Person | None:
        """Find which user a member is; None where nothing says so.

        Raises:
            AnswerRefused: Slack says of them what keeps their address from counting.
            UnreadableIdentities: the file of identities cannot be used.
        """
        named = f"{team}/{member}"
        if (person := self._people.find(named)) is not None:
            return person
        rules = self._people.mails()
        if rules is None or self._members is None:
            return None
        return self._by_mail(rules, team, member, await self._members.about(member))

    def _by_mail(
        self, rules: MailRules, team: str, member: str, told: Mapping[str, Any]
    ) -> Person | None:
        named = f"{team}/{member}"
        remedy = _BY_ID.format(named=named)
        if (told.get("id"), told.get("team_id")) != (member, team):
            raise AnswerRefused(f"Slack knows no member {named} of this workspace: {remedy}")
        of_all, of_some = map(told.get, _SAID_OF_ALL), map(told.get, _SAID_OF_SOME)
        if any(each is not False for each in of_all) or any(of_some):
            raise AnswerRefused(
                f"a guest, a bot, or who has left, is not known by a mail address: {remedy}"
            )
        if told.get("is_email_confirmed") is not True:
            raise AnswerRefused(f"Slack has not confirmed your mail address: {remedy}")
        profile = told.get("profile")
        address = profile.get("email") if isinstance(profile, Mapping) else None
        if not isinstance(address, str) or not address:
            log.warning("Slack tells no mail address: the app needs the scope users:read.email")
            raise AnswerRefused(f"Slack does not tell your mail address: {remedy}")
        person = rules.find(address)
        if person is None:
            raise AnswerRefused(
                f"your mail address is in no domain of the dashboard's identities: {remedy}"
            )
        self._pin(named, person.user, remedy)
        return person

    def _pin(self, named: str, user: str, remedy: str) -> None:
        """Keep a member and a user together.

        Raises:
            AnswerRefused: one of them was seen with another.
        """
        before, owner = self._addresses.get(named, user), self._owners.get(user, named)
        if (before, owner) != (user, named):
            log.warning(
                "a member of Slack comes with a mail address that is not the one of before",
                extra={"chat_user": named, "user": user, "before": before, "owner": owner},
            )
            raise AnswerRefused(f"your mail address in Slack is not the one of before: {remedy}")
        for kept, key, value in ((self._addresses, named, user), (self._owners, user, named)):
            kept[key] = value
            kept.move_to_end(key)
            if len(kept) > _MOST_REMEMBERED:
                kept.popitem(last=False)
