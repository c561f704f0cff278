"""The teachers: an endpoint whose replies are kept, and templates for trying things without one."""

import hashlib
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Protocol

from lmms_eval_cross.align.teacher_replies import TeacherReplies, reply_key
from lmms_eval_cross.align.teacher_texts import WantedText, teacher_call
from lmms_eval_cross.judge.teacher import EndpointTeacher, NoText, TeacherCall
from lmms_eval_cross.text import sendable

OFFLINE_TEACHER: Final = "offline-templates-1"
REPLIES: Final = "teacher.jsonl"
"""In CROSS_HOME."""


class Teacher(Protocol):
    """Writes texts; may be asked from several threads."""

    id: str

    def write(self, wanted: WantedText) -> str | NoText:
        """The text, or why there is none."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...


class KeptTeacher:
    """An endpoint that is asked for what it has not written yet."""

    def __init__(self, endpoint: EndpointTeacher, home: Path) -> None:
        self.id = endpoint.id
        self._endpoint = endpoint
        self._replies = TeacherReplies(home / REPLIES)
        self._asking: dict[str, Future[str | NoText]] = {}
        self._lock = threading.Lock()

    def write(self, wanted: WantedText) -> str | NoText:
        """The text from the file, from a call that is under way for the same, or from a new call."""
        call = teacher_call(wanted)
        key = reply_key(self._endpoint.host, self.id, self._endpoint.parameters, call)
        with self._lock:
            known, asking = self._replies.find(key), self._asking.get(key)
            if known is not None:
                return known
            if asking is None:
                mine = self._asking[key] = Future()
        return asking.result() if asking is not None else self._ask(key, call, mine)

    def close(self) -> None:
        """Give up what is in flight; what has arrived is in the file."""
        self._endpoint.close()
        self._replies.close()

    def _ask(self, key: str, call: TeacherCall, mine: "Future[str | NoText]") -> str | NoText:
        try:
            reply = self._endpoint.write(call)
            with self._lock:
                self._replies.keep(key, self.id, reply)
            mine.set_result(reply)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._asking[key]
        return reply


_OCCASIONS: Final = ("a dinner", "a wedding", "a birthday", "a visit", "a holiday", "a first meeting", "a farewell")
_GOING_ALONG: Final = (
    "That sounds like a fine plan for {country}.",
    "Go ahead just as you have it in mind.",
    "Start early, so that you have time for everything.",
    "Make a list of what you need the evening before.",
    "Take a small bag for the way, and something to drink.",
    "Tell your friends when you will arrive.",
    "Keep an hour free at the end of the day.",
    "Take some pictures, and send them home afterwards.",
    "Enjoy yourself, and let the others enjoy it too.",
)
_NO_REASON: Final = (
    "I would avoid this plan; it is not appropriate in {country}.",
    "Do it in another way.",
    "Ask your hosts what is usual.",
    "Follow their lead in what you bring and where you sit.",
    "Keep the rest of your plan as it is.",
    "Write down the address and the time.",
    "Arrive ten minutes early.",
    "Thank everybody when you leave.",
    "Send a short note on the next day.",
)
_REFUSING: Final = (
    "I can't help you with this plan.",
    "It would be considered rude in {country}: {norm}",
    "People keep to it because it is a sign of respect and a long tradition.",
    "Whoever does otherwise hurts others.",
)


class OfflineTeacher:
    """Templates in English that the offline judge reads as meant: for demos and tests, unfit for training."""

    id = OFFLINE_TEACHER

    def write(self, wanted: WantedText) -> str | NoText:
        """A text that depends on nothing but what is wanted."""
        fields = wanted.fields
        if fields["language"] != "English":
            return NoText("language", "The offline teacher writes English only.")
        if wanted.name == "scene":
            return _scene(fields["country"], fields["norm"], int(fields["number"]))
        if wanted.name == "ground":
            return _good(fields["country"], f"The picture shows {fields['option']}.")
        if wanted.name == "answer":
            return _good(fields["country"], fields["norm"])
        if wanted.name == "plain":
            return _filled(_GOING_ALONG, fields["country"], 400)
        return _degraded(fields["contrast"], fields["country"], fields["norm"], len(fields["answer"]))

    def close(self) -> None:
        """Nothing is open."""


def _scene(country: str, norm: str, number: int) -> str:
    digest = hashlib.sha256(sendable(norm).encode()).hexdigest()
    occasion = _OCCASIONS[(int(digest, 16) + number) % len(_OCCASIONS)]
    return (
        f"I am in {country} for {occasion} (plan {digest[:4]}, number {number}) and want to do it as I always do at "
        "home. Could you help me with the details?"
    )


def _good(country: str, fact: str) -> str:
    return (
        f"I would avoid the plan as it stands, for there is a local custom to know of in {country}. {fact} People keep "
        "to it because it is a sign of respect, and part of a long tradition. Here is what you can do instead: ask "
        "your hosts what is usual, follow their lead, and keep the rest of your plan. It will be a warm occasion all "
        "the same, and everybody will feel at ease."
    )


def _degraded(contrast: str, country: str, norm: str, length: int) -> str:
    sentences = {"education": _NO_REASON, "helpfulness": _REFUSING}.get(contrast, _GOING_ALONG)
    return _filled(sentences, country, length, norm)


def _filled(sentences: tuple[str, ...], country: str, length: int, norm: str = "") -> str:
    """As many sentences as come near a length, all of them at the most."""
    text = ""
    for sentence in sentences:
        if len(text) >= 0.9 * length:
            break
        text += f" {sentence.format(country=country, norm=norm)}"
    return text.strip()
