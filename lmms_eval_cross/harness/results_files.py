"""Results and samples as lmms-eval 0.7.3 writes them, computed without it."""

import copy
import json
import math
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import numpy as np

from lmms_eval_cross.benchmark.splits import TASK_VERSION
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.harness.table_labels import table_label, task_metadata
from lmms_eval_cross.runs.run_files import RESULTS_ENDING
from lmms_eval_cross.runs.sample_record import METRICS, RECORD, Provenance, group_mean, mean_score

Row = Mapping[str, Any]
NOT_AVAILABLE: Final = "N/A"
"""What lmms-eval writes for an error that it has not computed."""
_FILTER: Final = "none"
_ZONE: Final = timezone(timedelta(hours=8))
"""lmms-eval's default time zone for file names, Singapore's."""
_STAMP: Final = "%Y%m%d_%H%M%S"


def task_results(alias: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The entry of a task under `results`."""
    entry: dict[str, Any] = {"alias": alias}
    for metric in METRICS:
        items = [row[metric] for row in rows]
        scored = [item for item in items if "score" in item]
        scores = [item["score"] for item in scored]
        entry[f"{metric},{_FILTER}"] = mean_score(items)
        entry[f"{metric}_stderr,{_FILTER}"] = NOT_AVAILABLE
        entry[f"{metric}_stderr_clt,{_FILTER}"] = clt_stderr(scores)
        entry[f"{metric}_stderr_clustered,{_FILTER}"] = clustered_stderr(scores, [item["norm_id"] for item in scored])
    return {**entry, f"{RECORD},{_FILTER}": [], f"{RECORD}_stderr,{_FILTER}": []}


def clt_stderr(scores: Sequence[float]) -> float | str:
    """Standard deviation over the root of n, as lmms-eval computes it."""
    return float(np.std(scores, ddof=1) / np.sqrt(len(scores))) if len(scores) > 1 else NOT_AVAILABLE


def clustered_stderr(scores: Sequence[float], clusters: Sequence[str]) -> float | str:
    """Miller's clustered standard error (arXiv:2411.00640, eq. 4) as lmms-eval computes it.

    Its own terms take n - 1 and the cross terms n; `lmms_eval_cross.stats` has the error that our reports use.
    """
    n = len(scores)
    if n < 2 or len(set(clusters)) < 2:
        return NOT_AVAILABLE
    mean = sum(scores) / n
    deviations = [score - mean for score in scores]
    sums: dict[str, float] = defaultdict(float)
    for cluster, deviation in zip(clusters, deviations, strict=True):
        sums[cluster] += deviation
    squares = sum(deviation**2 for deviation in deviations)
    cross_terms = sum(total**2 for total in sums.values()) - squares
    return math.sqrt(squares / (n - 1) / n + cross_terms / n**2)


def build_results(
    base: Mapping[str, Any],
    rows: Mapping[str, Sequence[Row]],
    provenances: Mapping[str, Provenance],
    sizes: Mapping[str, int],
    incomplete: Collection[str],
) -> dict[str, Any]:
    """results.json of a judged run.

    Args:
        base: results.json of the run as it was; empty if there is none.
        rows: CROSS task -> judged lines.
        provenances: task -> what judged.
        sizes: task -> samples in the prepared data.
        incomplete: the tasks with too few verdicts.
    """
    results: dict[str, Any] = copy.deepcopy(dict(base))
    for task, lines in rows.items():
        indent = results.get("results", {}).get(task, {}).get("alias", task).partition(task)[0]
        label = table_label(task, [provenances[task]], task in incomplete)
        _put(results, "results", task, task_results(indent + label, lines))
        config = results.get("configs", {}).get(task) or {"task": task, "cluster_key": "norm_id"}
        _put(
            results,
            "configs",
            task,
            {**config, "metric_list": _metric_list(), "metadata": task_metadata(provenances[task])},
        )
        _put(results, "higher_is_better", task, dict.fromkeys(METRICS, True))
        _put(results, "n-samples", task, {"original": sizes[task], "effective": len(lines)}, keep=True)
        _put(results, "versions", task, TASK_VERSION, keep=True)
        _put(results, "n-shot", task, 0, keep=True)
        groups = results.setdefault("group_subtasks", {})
        if not any(task in members for members in groups.values()):
            groups.setdefault(task, [])
    for group, tasks in results["group_subtasks"].items():
        if tasks and set(tasks) <= set(rows):
            label = table_label(group, [provenances[task] for task in tasks], bool(set(tasks) & set(incomplete)))
            entry = _group_results(
                label, [results["results"][task] for task in tasks], [len(rows[task]) for task in tasks]
            )
            results["results"][group] = results.setdefault("groups", {})[group] = entry
            results["higher_is_better"][group] = dict.fromkeys(METRICS, True)
    return results


def _put(results: dict[str, Any], section: str, task: str, value: object, keep: bool = False) -> None:
    entries = results.setdefault(section, {})
    entries[task] = entries.get(task, value) if keep else value


def _metric_list() -> list[dict[str, Any]]:
    return [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in METRICS]


def _group_results(alias: str, tasks: Sequence[Mapping[str, Any]], sizes: Sequence[int]) -> dict[str, Any]:
    """The entry of a group; lmms-eval gives groups no errors."""
    entry: dict[str, Any] = {"alias": alias}
    for name in (f"{metric},{_FILTER}" for metric in METRICS):
        entry[name] = group_mean([task[name] for task in tasks], sizes, weight_by_size=True)
        entry["_stderr,".join(name.split(","))] = NOT_AVAILABLE
    return entry


def write_run(
    folder: Path, results: dict[str, Any], rows: Mapping[str, Sequence[Row]], others: Mapping[str, Path]
) -> Path:
    """Write samples and, last, results.json into a folder, under a date that is later than any there.

    Args:
        folder: made if it is missing.
        results: results.json.
        rows: CROSS task -> judged lines.
        others: other task -> samples file, which is copied.

    Returns:
        The results file.

    Raises:
        RunError: the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stamp = _free_stamp(folder, str(results.get("date", "")))
        texts = {task: path.read_text(encoding="utf-8") for task, path in others.items()}
        texts |= {task: "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in rows[task]) for task in rows}
        files = {folder / f"{stamp}_samples_{task}.jsonl": text for task, text in texts.items()}
        target = folder / f"{stamp}{RESULTS_ENDING}"
        files[target] = json.dumps({**results, "date": stamp}, indent=2, ensure_ascii=False)
        _write_new(files)
    except OSError as error:
        raise RunError(
            f"{folder.name} can't be written ({error.strerror}); make room or give -o FOLDER, and judge again: "
            "verdicts that the ledger could keep are not asked for again."
        ) from None
    return target


def _free_stamp(folder: Path, earlier: str) -> str:
    """The time now in lmms-eval's form, or the second after the latest run that is there."""
    taken = [file.name for file in folder.glob(f"*{RESULTS_ENDING}")] + [earlier]
    now = datetime.now(_ZONE).strftime(_STAMP)
    latest = max((name[:15] for name in taken if re.match(r"\d{8}_\d{6}", name)), default="")
    if now > latest:
        return now
    return (datetime.strptime(latest, _STAMP) + timedelta(seconds=1)).strftime(_STAMP)


def _write_new(files: Mapping[Path, str]) -> None:
    """Write files that are not there yet, all or none."""
    written: list[Path] = []
    try:
        for path, text in files.items():
            with path.open("x", encoding="utf-8", errors="backslashreplace") as file:
                written.append(path)
                file.write(text)
    except OSError:
        for path in written:
            path.unlink()
        raise
