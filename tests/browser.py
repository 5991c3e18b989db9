"""A browser: it sends the cookies that it was given, until they are taken from it."""

import aiohttp

CLUSTER, VERSION = "x-upstream-cluster", "x-version"


class Browser:
    """A client of one host behind a proxy; it opens a connection for each request."""

    def __init__(self, url: str, *, host: str, headers: dict[str, str] | None = None) -> None:
        self._url = url
        self._headers = {"Host": host, **(headers or {})}
        self.cookies: dict[str, str] = {}
        self.told: list[str] = []
        """The Set-Cookie headers of the last answer."""

    async def ask(self, header: str = CLUSTER) -> str | None:
        """Ask once; give a header of the answer: by default, which cluster has answered."""
        sent = "; ".join(
            f"{name}={value}" for name, value in {"lang": "de", **self.cookies}.items()
        )
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(self._url, headers={"Cookie": sent, **self._headers}) as answer,
        ):
            await answer.read()
            self.told = answer.headers.getall("Set-Cookie", [])
        for each in self.told:
            pair, _, attributes = each.partition(";")
            name, _, value = pair.partition("=")
            self.cookies.pop(name, None)
            if "Max-Age=0" not in attributes:
                self.cookies[name] = value
        return answer.headers.get(header)

    async def stays(self, header: str = CLUSTER) -> set[str | None]:
        """Ask often; give what the header has said."""
        return {await self.ask(header) for _ in range(20)}
