"""A judge on the loopback that also speaks OpenAI's files and batches endpoints."""

import email
import email.policy
import json
from collections.abc import Callable
from typing import Any

from tests.judge_server import Answer, Asked, JudgeServer, judge_by_answer
from tests.loopback import Reply


class BatchServer(JudgeServer):
    """A judge that takes batches too; a batch is worked off when it is first looked at."""

    def __init__(self, script: Callable[[Asked], Answer] = judge_by_answer) -> None:
        super().__init__(script)
        self.expires: Callable[[str], bool] = lambda custom_id: False
        """Which requests expire; asked for each one, by its id."""
        self.unanswered: set[str] = set()
        """Methods and paths that are done, but whose answer never comes: `POST /v1/batches`."""
        self.changed: Callable[[bytes], bytes] = bytes
        """What becomes of a file of answers before it can be fetched."""
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.paid: list[str] = []
        """The ids of all requests that were answered, and are billed."""

    def reply(self, method: str, path: str, headers: dict[str, str], data: bytes) -> Reply | None:
        """The response; what is asked for is done, whether the answer comes or not."""
        if not path.startswith(("/v1/files", "/v1/batches")):
            return super().reply(method, path, headers, data)
        body = self.batch_answer(method, path, headers, data)
        return None if f"{method} {path}" in self.unanswered else Reply(body)

    def batch_answer(self, method: str, path: str, headers: dict[str, str], data: bytes) -> bytes:
        """The body of the response."""
        name = path.removeprefix("/v1").partition("?")[0]
        if (method, name) == ("POST", "/files"):
            return json.dumps({"id": self._keep(_uploaded(headers["content-type"], data)), "object": "file"}).encode()
        if (method, name) == ("POST", "/batches"):
            return json.dumps(self._open(json.loads(data))).encode()
        if name == "/batches":
            listed = {"object": "list", "data": list(self.batches.values()), "has_more": False}
            return json.dumps(listed).encode()
        if name.startswith("/batches/"):
            return json.dumps(self._work_off(name.removeprefix("/batches/"))).encode()
        return self.files[name.split("/")[2]]

    def _keep(self, content: bytes) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return name

    def _open(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {
            **asked,
            "id": name,
            "object": "batch",
            "status": "validating",
            "created_at": 0,
        }
        return self.batches[name]

    def _work_off(self, name: str) -> dict[str, Any]:
        batch = self.batches[name]
        if batch["status"] == "validating":
            batch["status"] = "in_progress"
        elif batch["status"] == "in_progress":
            lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
            good, bad = [], []
            for line in lines:
                if self.expires(line["custom_id"]):
                    gone = {"code": "batch_expired", "message": "This request could not be executed in time."}
                    bad.append({"custom_id": line["custom_id"], "response": None, "error": gone})
                else:
                    self._ask(line, good, bad)
            batch["output_file_id"], batch["error_file_id"] = (
                self._keep(self.changed(_jsonl(good))),
                self._keep(_jsonl(bad)),
            )
            batch["status"] = "expired" if any(line["error"] for line in bad) else "completed"
        return batch

    def _ask(self, line: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
        answer = self.script(Asked("POST", line["url"], {}, line["body"]))
        body = json.loads(answer.body(line["body"]["model"]))
        told = {
            "custom_id": line["custom_id"],
            "response": {"status_code": answer.status, "body": body},
            "error": None,
        }
        if answer.status == 200:
            self.paid.append(line["custom_id"])
            good.append(told)
        else:
            bad.append(told)


def _uploaded(content_type: str, data: bytes) -> bytes:
    message = email.message_from_bytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + data, policy=email.policy.HTTP
    )
    part = next(one for one in message.iter_parts() if one.get_filename())  # type: ignore[attr-defined]
    content: bytes = part.get_payload(decode=True)
    return content


def _jsonl(lines: list[Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
