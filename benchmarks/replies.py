"""How replies of a judge are read: python -m benchmarks.replies [--seeds 5]. docs/judging.md has the table.

A thousand honest replies a seed, made from parts (`tests/honest_replies.py`), and hostile answers that an honest judge
copies behind its verdict in many ways (`tests/injections.py`). No endpoint is asked.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from typing import Final

from lmms_eval_cross.judge.reply import ParsedScore, parse_reply
from tests.honest_replies import SEED, honest_replies
from tests.injections import injections

REPLIES: Final = 1_000
QUOTED: Final = ("{}", '"{}"', "```\n{}\n```", "<response>\n{}\n</response>", "> {}", "The answer says:\n{}")


def outcome(text: str, meant: int) -> str:
    """How a reply is read, beside what its judge means by it."""
    read = parse_reply(text)
    if not isinstance(read, ParsedScore):
        return read.reason
    return "as meant" if read.number == meant else "another score"


def hostile_replies() -> Iterator[tuple[str, int]]:
    """A verdict, and behind it an answer that asks for the other one."""
    for injection in injections():
        for quoted in QUOTED:
            for score in (0, 1):
                yield f"Score: {score}\n\n{quoted.format(injection.text[-3_000:])}", score


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(SEED, SEED + parser.parse_args().seeds)
    honest = Counter(outcome(reply.text, reply.score) for seed in seeds for reply in honest_replies(REPLIES, seed))
    hostile = Counter(outcome(text, score) for text, score in hostile_replies())
    print("| replies | count | as meant | ambiguous | other failures | another score |\n|---|--:|--:|--:|--:|--:|")
    for name, counts in (("honest, of many styles", honest), ("a verdict, and a hostile answer behind it", hostile)):
        total = counts.total()
        known = {kind: counts.pop(kind, 0) for kind in ("as meant", "ambiguous", "another score")}
        shares = [f"{100 * share / total:.1f}%" for share in (known["as meant"], known["ambiguous"], counts.total())]
        print(f"| {name} | {total:,} | {' | '.join(shares)} | {known['another score']} |")


if __name__ == "__main__":
    main()
