"""One id for the ranks of a run that `lmms-eval-cross run` did not start.

No variable of a launcher tells a run from others: torchrun's id is `none` unless somebody gives one, and a Slurm job,
an address and a port have many runs one after another. The store by which the ranks met is theirs alone: the first to
come writes an id there, and all read it.
"""

import os
from datetime import timedelta
from pkgutil import resolve_name
from typing import Any, Final

from lmms_eval_cross.harness.run_command import RUN_ID, new_run_id
from lmms_eval_cross.say import tell

_KEY: Final = "lmms_eval_cross.run"
_PATIENCE: Final = timedelta(seconds=30)


def agree_on_run() -> None:
    """Have this process's run bear the id of all its ranks; a process alone keeps its own."""
    if os.environ.get(RUN_ID) or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return
    try:
        os.environ[RUN_ID] = _first_written(new_run_id())
    except (KeyError, ValueError, RuntimeError) as error:  # what the store raises is a RuntimeError
        tell(
            f"The ranks of this run could not agree on an id ({error}): each has a line of its own in `ledger show`. "
            "Start them by `lmms-eval-cross run -- ...`, or set CROSS_RUN_ID to a new word for each run."
        )


def _first_written(word: str) -> str:
    """The word that is in the ranks' store, which is ours if nobody came before.

    Raises:
        KeyError, ValueError, RuntimeError: the ranks have met in no store, or elsewhere.
    """
    distributed = resolve_name("torch.distributed")
    if not distributed.is_initialized():
        raise RuntimeError("they have not met")
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store: Any = distributed.TCPStore(host, port, is_master=False, timeout=_PATIENCE, wait_for_workers=False)
    return bytes(store.compare_set(_KEY, "", word)).decode()
