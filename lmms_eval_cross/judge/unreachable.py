"""Why an endpoint can't be reached, each cause in a sentence of its own: address, proxy, certificate."""

import os
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import httpx2
import openai

from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.error_body import one_line

_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def reaching(endpoint: Endpoint) -> Iterator[None]:
    """Turn what keeps an endpoint from being reached into a sentence.

    Raises:
        JudgeSetupError: a client can't be made, or gets no connection.
    """
    try:
        yield
    except openai.APITimeoutError:
        raise JudgeSetupError(
            f"The judge's endpoint {endpoint.host} does not answer in time; start it, or mend CROSS_JUDGE_BASE_URL."
        ) from None
    except openai.APIConnectionError as error:
        raise JudgeSetupError(_of_connection(error, endpoint)) from None
    except ImportError as error:  # the HTTP client looks for its optional packages when it is made
        raise JudgeSetupError(_of_missing_package(error, endpoint)) from None
    except (OSError, ssl.SSLError) as error:
        raise JudgeSetupError(_of_certificates(error)) from None


def _of_connection(error: BaseException, endpoint: Endpoint) -> str:
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"The certificate of the judge's endpoint {endpoint.host} is not trusted ({cause.verify_message}); set "
                "SSL_CERT_FILE to a file with the certificate of its authority, or mend CROSS_JUDGE_BASE_URL."
            )
    variable, address = _proxy(endpoint)
    if variable and not any(isinstance(cause, httpx2.ReadError | httpx2.RemoteProtocolError) for cause in causes):
        return (
            f"The judge's endpoint {endpoint.host} can't be reached through the proxy {address} of {variable}; start "
            f"the proxy, unset {variable}, or name the endpoint in NO_PROXY."
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return f"The judge's endpoint {endpoint.host} speaks no TLS; mend CROSS_JUDGE_BASE_URL, perhaps to http://."
    return f"The judge's endpoint {endpoint.host} can't be reached; start it or mend CROSS_JUDGE_BASE_URL."


def _of_missing_package(error: ImportError, endpoint: Endpoint) -> str:
    variable, address = _proxy(endpoint)
    return (
        f"{variable or 'A proxy variable'} names the proxy {address or 'of SOCKS'}, and a package for it is not "
        f"installed ({one_line(str(error))[:120]}); type `pip install socksio`, or unset the variable."
    )


def _of_certificates(error: OSError) -> str:
    for name in _CERTIFICATES:
        path = os.environ.get(name)
        if path:
            return f"{name} is {one_line(path)}, which can't be read as certificates ({_why(error)}); mend or unset it."
    return f"The certificates of this machine can't be read ({_why(error)}); set SSL_CERT_FILE to a file of them."


def _why(error: OSError) -> str:
    return one_line(error.strerror or str(error))[:120]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it came from."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _proxy(endpoint: Endpoint) -> tuple[str, str]:
    """The variable and address of the proxy that is in force for an endpoint, without its password; empty if none."""
    parts = urlsplit(endpoint.base_url)
    proxies = urllib.request.getproxies()
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return "", ""
    for scheme in (parts.scheme, "all"):
        if proxies.get(scheme):
            address = urlsplit(proxies[scheme])
            place = f":{address.port}" if address.port else ""
            return f"{scheme.upper()}_PROXY", f"{address.scheme}://{address.hostname}{place}"
    return "", ""
