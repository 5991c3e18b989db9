"""How a store lets requests in, beyond a token or a password: one seam for every store that needs it.

The option `auth` of a template names the way, and the Secret holds what it needs. Without keys the
controller's own identity asks, and goes to hosts of its cloud alone.
"""

from analysis.errors import QueryError
from analysis.http.exchange import Signer, can_be_called, secure_host
from analysis.identities import aws, entra, google, oauth2
from analysis.identities.tokens import TokenSigner
from analysis.model import ProviderSpec

#: What templates say of it.
OPTIONS = ("audience", "auth", "resource", "scope", "service", "tokenUrl")
#: What it may need of a Secret.
KEYS = (*oauth2.KEYS, *aws.KEYS, "serviceAccountKey", "tenant_id", "tls.crt", "tls.key")

_WAYS = ("azure", "google", "oauth2", "sigv4")
_AZURE = "https://prometheus.monitor.azure.com"
_AWS = "aps"


def check_login(spec: ProviderSpec) -> None:
    """Find out whether the way in that a spec names exists, and has what it needs.

    Raises:
        QueryError: it does not, or has not; says what to write.
    """
    options, keys = dict(spec.options), dict(spec.credentials.others)
    way = options.get("auth", "")
    match way:
        case "":
            if unused := sorted(set(options) & set(OPTIONS)):
                raise QueryError(
                    f"provider.options.{unused[0]}: it is read with the option auth alone; write "
                    f"one of {', '.join(_WAYS)} there"
                )
        case "oauth2":
            if not can_be_called(options.get("tokenUrl", "")):
                raise QueryError("provider.options.tokenUrl: oauth2 needs one; write its address")
            if missing := [key for key in oauth2.KEYS if not keys.get(key)]:
                raise QueryError(f"oauth2 needs the key {missing[0]} of a Secret; add it")
        case "sigv4":
            if not spec.region:
                raise QueryError("provider.region: sigv4 needs one; write one such as us-east-1")
            aws.AwsSigner.check()
        case "google":
            google.check()
            ours = secure_host(spec.address) == google.HOST
            if not keys.get("serviceAccountKey") and not ours:
                raise QueryError(
                    f"the controller's own account is for https://{google.HOST}; write such an "
                    "address, or give serviceAccountKey in a Secret"
                )
        case "azure":
            entra.check(keys, spec.address)
        case _:
            raise QueryError(f"provider.options.auth: write one of {', '.join(_WAYS)}")


def login(spec: ProviderSpec, post: oauth2.Post) -> Signer | None:
    """Give what says who asks; None where a header does. `post` is the way to tokens."""
    options = dict(spec.options)
    keys = {key: value.strip() for key, value in spec.credentials.others}
    match options.get("auth", ""):
        case "oauth2":
            more = {name: text for name, text in options.items() if name in {"audience", "scope"}}
            return TokenSigner(
                oauth2.client_credentials(keys, options["tokenUrl"], post, more=more)
            )
        case "sigv4":
            service = options.get("service", _AWS)
            return aws.AwsSigner(region=spec.region, service=service, keys=keys)
        case "google":
            key = keys.get("serviceAccountKey")
            return TokenSigner(google.of_key(key, post) if key else google.own)
        case "azure":
            resource = options.get("resource", _AZURE)
            return TokenSigner(entra.source(keys, resource, post))
        case _:
            return None


def places(spec: ProviderSpec) -> tuple[str, ...]:
    """Name the addresses that are presented something of the Secret."""
    elsewhere = dict(spec.options).get("tokenUrl", "")
    return (spec.address, elsewhere) if elsewhere else (spec.address,)
