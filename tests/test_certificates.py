"""A judge behind TLS whose certificate nobody vouches for."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.probe import probe
from tests.judge_server import JudgeServer

pytestmark = pytest.mark.long

MODEL = "gpt-4o-2024-08-06"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate that was signed by its own key, with that key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: TLS is not tried")
    path = tmp_path / "own.pem"
    made = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1".split()
    subprocess.run(["openssl", *made, "-keyout", path, "-out", tmp_path / "cert"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (tmp_path / "cert").read_bytes())
    return path


@pytest.fixture
def behind_tls(certificate: Path) -> Iterator[Endpoint]:
    """A judge that has it."""
    server = JudgeServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
    with server:
        yield Endpoint(f"https://{server.host}/v1", "k", "CROSS_JUDGE_API_KEY", False)


def test_a_certificate_that_nobody_vouches_for_has_its_own_sentence(behind_tls: Endpoint) -> None:
    with pytest.raises(JudgeSetupError, match=r"is not trusted .self.signed certificate.; set SSL_CERT_FILE"):
        probe(behind_tls, MODEL)


def test_it_is_trusted_once_its_authority_is_named(
    behind_tls: Endpoint, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    probe(behind_tls, MODEL)


def test_tls_to_a_server_that_speaks_none_has_its_own_sentence(judge_server: JudgeServer) -> None:
    plain = Endpoint(f"https://{judge_server.host}/v1", "k", "CROSS_JUDGE_API_KEY", False)
    with pytest.raises(JudgeSetupError, match="speaks no TLS; mend CROSS_JUDGE_BASE_URL, perhaps to http://"):
        probe(plain, MODEL)
