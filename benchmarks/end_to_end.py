"""The whole main job at full size: time and peak memory of `prepare` and of a judged run.

    python -m benchmarks.end_to_end [--keep FOLDER]

The run replays answers; the judge is a server on the loopback that reads every request and answers at once. The same
run with the offline judge stands beside it, so that the judge's side can be told from lmms-eval's own. How fast a run
judges beside a bare loop is told by benchmarks/run_speed.py.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fullsize import write_fullsize

REPLY = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Reasons.\nScore: 1"}}
        ],
    }
).encode()


@dataclass(frozen=True)
class Measured:
    """What a command took."""

    seconds: float
    peak_megabytes: float


def measure(command: list[str], environment: dict[str, str]) -> Measured:
    """Run a command; its wall time, and the largest resident size of any process in it."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status or b"Traceback" in errors:
        sys.exit(f"{' '.join(command[:6])} failed:\n{errors.decode()[-2000:]}")
    return Measured(time.perf_counter() - started, usage.ru_maxrss / 1024)


async def _serve(port: "multiprocessing.Queue[int]") -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(lengths[0].partition(b":")[2]) if lengths else 0)
            body = b'{"id": "gpt-4o-2024-08-06", "object": "model"}' if head.startswith(b"GET") else REPLY
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=2**26)
    port.put(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _head(reader: asyncio.StreamReader) -> bytes:
    """The head of the next request, empty when the client has gone."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def _judge(port: "multiprocessing.Queue[int]") -> None:
    asyncio.run(_serve(port))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="work in this folder and leave the copy of CROSS there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        _run(arguments.keep or Path(temporary), Path(temporary))


def _run(place: Path, temporary: Path) -> None:
    source, home = place / "CROSS", temporary / "home"
    if not (source / "code").is_dir():
        write_fullsize(source)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CROSS_", "OPENAI_"))}
    environment |= {"CROSS_HOME": str(home), "HF_HOME": str(temporary / "hf"), "HF_HUB_OFFLINE": "1"}
    cross = [sys.executable, "-m", "lmms_eval_cross", "prepare", "--source", str(source)]
    prepared, again = measure(cross, environment), measure(cross, environment)
    answers = _write_answers(home, temporary / "answers.jsonl")
    offline = measure(_lmms_eval(answers, temporary / "offline"), {**environment, "CROSS_JUDGE": "offline"})
    port: multiprocessing.Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=_judge, args=(port,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{port.get()}/v1"
    judged = measure(
        _lmms_eval(answers, temporary / "judged"),
        {
            **environment,
            "CROSS_JUDGE_BASE_URL": url,
            "CROSS_JUDGE_API_KEY": "sk-benchmark",
            "CROSS_JUDGE_SEES": "assume",
        },
    )
    server.terminate()
    _require_full_coverage(temporary / "offline", temporary / "judged")
    print("| what | seconds | peak memory (MB) |\n| --- | ---: | ---: |")
    for what, taken in (
        ("`prepare`, 1,284 records and 282 images", prepared),
        ("`prepare` again", again),
        ("run, offline judge", offline),
        ("run, 5,136 judge calls", judged),
    ):
        print(f"| {what} | {taken.seconds:.1f} | {taken.peak_megabytes:,.0f} |")
    print(f"\nThe judge's side takes {judged.peak_megabytes - offline.peak_megabytes:,.0f} MB more.")


def _lmms_eval(answers: Path, output: Path) -> list[str]:
    model = ["--model", "cross_replay", "--model_args", f"responses={answers}"]
    return [sys.executable, "-m", "lmms_eval", *model, "--tasks", "cross", "--output_path", str(output)]


def _require_full_coverage(*outputs: Path) -> None:
    """lmms-eval exits with 0 whatever happens: only results show that a run was a run."""
    from tests.runs import read_results

    for output in outputs:
        coverage = read_results(output)["groups"]["cross"]["coverage,none"]
        if coverage != 100:
            sys.exit(f"{output.name}: coverage {coverage}")


def _write_answers(home: Path, path: Path) -> Path:
    from lmms_eval_cross.data.prepared import require_prepared
    from tests.runs import rows_of, write_responses

    return write_responses(path, [row["sample_id"] for row in rows_of(require_prepared(home))])


if __name__ == "__main__":
    main()
