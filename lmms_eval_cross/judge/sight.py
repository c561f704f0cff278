"""Find out whether a judge sees pictures: it is shown a word, and has to say which.

Servers exist that take a picture and drop it; their verdicts look like any other's.
"""

import asyncio
import hashlib
import io
import random
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.errors import JudgeSetupError, LedgerError
from lmms_eval_cross.judge.client import JudgeClient
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.error_body import one_line
from lmms_eval_cross.judge.job import judge_identity
from lmms_eval_cross.judge.replies import NoReply, Reply
from lmms_eval_cross.judge.request import IMAGE, Request, image_url
from lmms_eval_cross.judge.thinking import split_thinking
from lmms_eval_cross.judge.ways import as_sent, client_for
from lmms_eval_cross.ledger.spend import load_quirks, save_quirks
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.settings import Settings

WORDS: Final = (
    *("anchor", "basket", "button", "candle", "carpet", "copper", "cotton", "fiddle", "garlic", "ginger", "hammer"),
    *("jacket", "kettle", "ladder", "lemon", "magnet", "marble", "needle", "onion", "pepper", "pillow", "pocket"),
    *("rabbit", "ribbon", "saddle", "saucer", "spider", "tunnel", "velvet", "walnut", "window", "zipper"),
)
"""None that a model would say for a picture that it can't see."""
QUESTION: Final = "Which word is written in the picture? Reply with that word alone."
READINGS: Final = 3
_TRIES: Final = 4
"""Of one reading, where the endpoint is busy."""
_PAUSE_SECONDS: Final = 1.0
_SIZE: Final = (640, 256)
_FEW_TOKENS: Final = 60
"""The question alone has about 30; the smallest picture that any model counts adds as many."""
_SEES: Final = "sees"


def check_sight(settings: Settings, endpoint: Endpoint, ledger: Ledger) -> None:
    """Have the judge read a word in a picture, once for an endpoint, model and profile; the ledger remembers it.

    Raises:
        JudgeSetupError: the judge read none of three words, takes no pictures, or can't be asked now.
    """
    identity = judge_identity(settings)
    place = (endpoint.host, identity.model, f"sight:{identity.way}")
    if settings.judge_sees == "assume" or _SEES in (load_quirks(ledger, *place) or ()):
        return
    words = random.sample(WORDS, READINGS)
    with ThreadPoolExecutor(1) as thread:  # whoever asks may have a loop of their own
        thread.submit(asyncio.run, _read_words(settings, endpoint, words)).result()
    with suppress(LedgerError):  # the next run asks again
        save_quirks(ledger, *place, frozenset({_SEES}))


def picture_of(word: str) -> StoredImage:
    """A picture that shows a word."""
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    draw.text((_SIZE[0] // 2, _SIZE[1] // 2), word, "black", ImageFont.load_default(120), anchor="mm")
    file = io.BytesIO()
    image.save(file, "PNG")
    return StoredImage(hashlib.sha256(file.getvalue()).hexdigest(), "image/png", file.getvalue())


async def _read_words(settings: Settings, endpoint: Endpoint, words: Sequence[str]) -> None:
    """Show one word after another until one is read."""
    client = client_for(endpoint, settings.judge_model, settings.judge_timeout)
    try:
        for word in words:
            reply = await _answer(client, as_sent(endpoint, _request(settings, word)))
            if isinstance(reply, Reply) and _names(reply, word):
                return
    finally:
        await client.close()
    raise JudgeSetupError(_blind(settings, endpoint, words[-1], reply))


async def _answer(client: JudgeClient, request: Request) -> Reply | NoReply:
    """One reading, tried again while the endpoint is busy.

    Raises:
        JudgeSetupError: the endpoint gives no reply at all.
    """
    for _ in range(_TRIES):
        reply = await client.ask(request)
        if isinstance(reply, Reply) or not reply.may_pass:
            break
        pause = reply.limits.retry_after
        await asyncio.sleep(min(30.0, _PAUSE_SECONDS if pause is None else pause))
    if isinstance(reply, NoReply) and reply.reason in {"unavailable", "rejected"}:
        raise JudgeSetupError(
            f"The judge {client.model} at {client.endpoint.host} was shown a picture to find out whether it sees: "
            f"{reply.detail.rstrip('.')}; choose a model that takes pictures, or try again later."
        )
    return reply


def _request(settings: Settings, word: str) -> Request:
    """The question in the order of the profile's messages."""
    content = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": IMAGE}}]
    if settings.judge_profile != "official":
        content.reverse()
    parameters = judge_identity(settings).request
    return Request([{"role": "user", "content": content}], parameters, image_url(picture_of(word)))


def _names(reply: Reply, word: str) -> bool:
    return re.search(rf"\b{word}\b", split_thinking(reply.text).words, re.IGNORECASE) is not None


def _blind(settings: Settings, endpoint: Endpoint, word: str, reply: Reply | NoReply) -> str:
    said = one_line(split_thinking(reply.text or "").words)[:80]
    told = f"it answered {said!r}" if said else "it answered nothing"
    if 0 < reply.usage.prompt_tokens < _FEW_TOKENS:
        told += f" and counted {reply.usage.prompt_tokens} tokens, too few for a picture"
    return (
        f"The judge {settings.judge_model} at {endpoint.host} does not see pictures: shown the word {word!r}, {told}, "
        "and two words before it fared no better; choose a model that sees, or set CROSS_JUDGE_SEES=assume if you know "
        "that this one does."
    )
