"""Results and samples as lmms-eval 0.7.3 writes them, computed without it."""

import copy
import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.benchmark.splits import TASK_VERSION
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.harness.table_labels import table_label, task_metadata
from lmms_eval_cross.outside import read_text
from lmms_eval_cross.runs.made_at import STAMP, stamp_now
from lmms_eval_cross.runs.run_places import RESULTS_ENDING
from lmms_eval_cross.runs.sample_record import METRICS, Provenance, group_mean, mean_score
from lmms_eval_cross.stats.panel_agreement import PanelAgreement

Row = Mapping[str, Any]
NOT_AVAILABLE: Final = "N/A"
"""What lmms-eval writes for an error that it has not computed."""
_FILTER: Final = "none"


@dataclass(frozen=True)
class JudgedTask:
    """What results.json says of one CROSS task is made of this."""

    rows: Sequence[Row]
    """The judged lines."""
    provenance: Provenance
    samples: int
    """How many the prepared data have."""
    incomplete: bool
    """It has too few verdicts."""
    agreement: Mapping[Dimension, PanelAgreement] = field(default_factory=dict)
    """Of a panel how far its members agree; else empty."""


def task_results(alias: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The entry of a task under `results`."""
    entry: dict[str, Any] = {"alias": alias}
    for metric in METRICS:
        items = [row[metric] for row in rows]
        scores, clusters = _scores(items)
        entry[f"{metric},{_FILTER}"] = mean_score(items)
        entry[f"{metric}_stderr,{_FILTER}"] = NOT_AVAILABLE
        entry[f"{metric}_stderr_clt,{_FILTER}"] = clt_stderr(scores)
        entry[f"{metric}_stderr_clustered,{_FILTER}"] = clustered_stderr(scores, clusters)
    return entry


def _scores(items: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[str]]:
    """The scores of those that have one, and the norm of each."""
    scores: list[float] = []
    clusters: list[str] = []
    for item in items:
        if "score" in item:
            scores.append(item["score"])
            clusters.append(item["norm_id"])
    return scores, clusters


def clt_stderr(scores: Sequence[float]) -> float | str:
    """Standard deviation over the root of n, as lmms-eval computes it."""
    if len(scores) < 2:
        return NOT_AVAILABLE
    return float(np.std(scores, ddof=1) / np.sqrt(len(scores)))


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


def build_results(base: Mapping[str, Any], tasks: Mapping[str, JudgedTask]) -> dict[str, Any]:
    """results.json of a judged run.

    Args:
        base: results.json of the run as it was; empty if there is none.
        tasks: by name, the CROSS tasks of the run.
    """
    results: dict[str, Any] = copy.deepcopy(dict(base))
    for name, task in tasks.items():
        _put_task(results, name, task)
    for group, members in results["group_subtasks"].items():
        if members and set(members) <= tasks.keys():
            _put_group(results, group, members, tasks)
    return results


def _put_task(results: dict[str, Any], name: str, task: JudgedTask) -> None:
    """Write a task's entries; what the run as it was says of sizes and versions stays."""
    entries, configs = results.setdefault("results", {}), results.setdefault("configs", {})
    indent = entries.get(name, {}).get("alias", name).partition(name)[0]
    label = table_label(name, [task.provenance], task.incomplete)
    entries[name] = task_results(indent + label, task.rows) | agreement_metrics(task.agreement)
    config = configs.get(name) or {"task": name, "cluster_key": "norm_id"}
    metadata = task_metadata(task.provenance) | agreement_metadata(task.agreement)
    configs[name] = {**config, "metric_list": _metric_list(), "metadata": metadata}
    results.setdefault("higher_is_better", {})[name] = dict.fromkeys(METRICS, True)
    sizes = {"original": task.samples, "effective": len(task.rows)}
    results.setdefault("n-samples", {}).setdefault(name, sizes)
    results.setdefault("versions", {}).setdefault(name, TASK_VERSION)
    results.setdefault("n-shot", {}).setdefault(name, 0)
    groups = results.setdefault("group_subtasks", {})
    if name not in chain.from_iterable(groups.values()):
        groups.setdefault(name, [])


def agreement_metrics(agreement: Mapping[Dimension, PanelAgreement]) -> dict[str, Any]:
    """How far a panel agrees, in percent, as it stands beside each mean under `results`; nothing of a single judge."""
    return {f"{name}_agreement,{_FILTER}": of_panel.agreement for name, of_panel in agreement.items()}


def agreement_metadata(agreement: Mapping[Dimension, PanelAgreement]) -> dict[str, Any]:
    """The same with intervals and counts, as it stands under `configs.<task>.metadata`."""
    if not agreement:
        return {}
    return {"panel_agreement": {name: asdict(of_panel) for name, of_panel in agreement.items()}}


def _metric_list() -> list[dict[str, Any]]:
    return [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in METRICS]


def _put_group(results: dict[str, Any], group: str, members: Sequence[str], tasks: Mapping[str, JudgedTask]) -> None:
    """Write the entries of a group whose tasks are all ours; lmms-eval gives groups no errors."""
    provenances, sizes, incomplete = [], [], False
    for name in members:
        task = tasks[name]
        provenances.append(task.provenance)
        sizes.append(len(task.rows))
        incomplete = incomplete or task.incomplete
    entry: dict[str, Any] = {"alias": table_label(group, provenances, incomplete)}
    for metric in METRICS:
        means = [results["results"][name][f"{metric},{_FILTER}"] for name in members]
        entry[f"{metric},{_FILTER}"] = group_mean(means, sizes, weight_by_size=True)
        entry[f"{metric}_stderr,{_FILTER}"] = NOT_AVAILABLE
    entry |= _agreement_of_group([tasks[name].agreement for name in members], sizes)
    results["results"][group] = results.setdefault("groups", {})[group] = entry
    results["higher_is_better"][group] = dict.fromkeys(METRICS, True)


def _agreement_of_group(
    of_tasks: Sequence[Mapping[Dimension, PanelAgreement]], sizes: Sequence[int]
) -> dict[str, float | None]:
    """The tasks' agreement, weighted as their means are."""
    entry: dict[str, float | None] = {}
    for key in agreement_metrics(of_tasks[0]):
        entry[key] = group_mean([agreement_metrics(of_task).get(key) for of_task in of_tasks], sizes, True)
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
        stamp = _free_stamp(folder, stamp_now(results), str(results.get("date", "")))
        samples = _samples_texts(rows, others)
        files = {folder / f"{stamp}_samples_{task}.jsonl": text for task, text in samples.items()}
        target = folder / f"{stamp}{RESULTS_ENDING}"
        files[target] = json.dumps({**results, "date": stamp}, indent=2, ensure_ascii=False)
        _write_new(files)
    except FileExistsError:
        raise RunError(
            f"Another command wrote a run into {folder} at this moment; judge again, which asks for nothing twice."
        ) from None
    except OSError as error:
        raise RunError(
            f"{folder} can't be written ({error.strerror}); make room or give -o FOLDER, and judge again: "
            "verdicts that the ledger could keep are not asked for again."
        ) from None
    except ValueError as error:
        raise RunError(f"A samples file of another task can't be read ({error}); move it away.") from None
    return target


def _samples_texts(rows: Mapping[str, Sequence[Row]], others: Mapping[str, Path]) -> dict[str, str]:
    """Task -> JSONL of its samples, the copied ones first."""
    texts = {task: read_text(path) for task, path in others.items()}
    for task, lines in rows.items():
        texts[task] = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return texts


def _free_stamp(folder: Path, now: str, earlier: str) -> str:
    """Now in lmms-eval's form, or the second after the latest run that is there; RunError if there is none."""
    latest = ""
    for name in (earlier, *(file.name for file in folder.glob(f"*{RESULTS_ENDING}"))):
        if re.match(r"\d{8}_\d{6}", name):
            latest = max(latest, name[:15])
    if now > latest:
        return now
    try:
        return (datetime.strptime(latest, STAMP) + timedelta(seconds=1)).strftime(STAMP)
    except (ValueError, OverflowError):
        raise RunError(
            f"{folder} has results of {latest}, and no date comes after; move them away or give -o FOLDER."
        ) from None


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
