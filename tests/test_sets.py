"""Dimensions, splits, profiles, facets and failure reasons are written once: what repeats them is compared here.

docs/recipes.md has the places to touch; each of them fails a test of this file until it is.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml

from lmms_eval_cross.align.examining import contrast_of
from lmms_eval_cross.align.examples import CONTRASTS
from lmms_eval_cross.api import COLUMNS
from lmms_eval_cross.benchmark.native_rubric import load_native_rubric
from lmms_eval_cross.benchmark.records import (
    DIMENSIONS,
    FACETS,
    OFFICIAL_NAMES,
    FailureReason,
    Sample,
    Setting,
    Subset,
)
from lmms_eval_cross.benchmark.release import FILES, LANGUAGES
from lmms_eval_cross.benchmark.splits import DEMO, GROUPS, SPLITS
from lmms_eval_cross.cli.cost import cost
from lmms_eval_cross.compare.rounds import SampleFacts
from lmms_eval_cross.data.official import _RECORDS
from lmms_eval_cross.judge.offline_judge import SCORED
from lmms_eval_cross.judge.profiles import PROFILES
from lmms_eval_cross.report.browser import LANGUAGE_TAGS
from lmms_eval_cross.runs.sample_record import METRICS
from lmms_eval_cross.settings import ProfileName
from lmms_eval_cross.trust.agreement_report import SLICES
from lmms_eval_cross.trust.facet_file import KEYS
from lmms_eval_cross.trust.facet_names import TAKEN
from lmms_eval_cross.trust.guidance import GUIDANCE
from tests.conftest import ROOT

TASKS = ROOT / "tasks"


class Hooks(yaml.SafeLoader):
    """Reads a hook as its name."""


Hooks.add_constructor("!function", lambda loader, node: node.value)


def task_file(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.load((TASKS / name).read_text(encoding="utf-8"), Hooks)
    return read


def first_column(page: str, head: str) -> set[str]:
    """The names in the first column of the table of a docs page whose head row begins so."""
    table = (ROOT / "docs" / page).read_text(encoding="utf-8").partition(f"\n| {head} |")[2].partition("\n\n")[0]
    return set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))


# ---- dimensions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "key"), [("_cross_template_yaml", "metric_list"), ("_cross_groups_yaml", "aggregate_metric_list")]
)
def test_lmms_eval_is_given_every_dimension_and_the_coverage(file: str, key: str) -> None:
    assert tuple(row["metric"] for row in task_file(file)[key]) == METRICS


def test_every_dimension_has_a_name_in_the_release() -> None:
    assert tuple(OFFICIAL_NAMES.values()) == DIMENSIONS


def test_every_dimension_has_a_prompt_of_our_own() -> None:
    raw = yaml.safe_load((ROOT / "lmms_eval_cross/benchmark/native.yml").read_text(encoding="utf-8"))
    assert tuple(raw["dimensions"]) == DIMENSIONS
    assert tuple(load_native_rubric().prompts) == DIMENSIONS


def test_the_offline_judge_scores_every_dimension() -> None:
    assert tuple(SCORED) == DIMENSIONS


def test_a_pair_may_differ_in_every_dimension_and_in_the_picture() -> None:
    assert (*DIMENSIONS, "picture") == CONTRASTS
    assert all(contrast_of(frozenset({name})) == name for name in DIMENSIONS)


# ---- splits ---------------------------------------------------------------------------------------------------------


def test_every_split_has_a_task_file_that_reads_it() -> None:
    for task, split in SPLITS.items():
        told = task_file(f"{task}.yaml")
        assert (told["task"], told["include"]) == (task, "_cross_template_yaml")
        assert told["metadata"] == f"lmms_eval_cross.utils.metadata.{split}"
        assert told["dataset_kwargs"]["data_files"] == {"test": f"lmms_eval_cross.utils.files.{split}"}


def test_every_group_has_a_task_file_that_names_its_tasks() -> None:
    for group, tasks in GROUPS.items():
        told = task_file(f"{group}.yaml")
        assert (told["group"], told["include"], told["task"]) == (group, "_cross_groups_yaml", list(tasks))


def test_every_subset_of_the_release_has_files_and_a_way_to_read_a_record() -> None:
    subsets = set(get_args(Subset)) - {DEMO}
    assert {file.subset for file in FILES} == subsets
    assert set(_RECORDS) == subsets
    assert {file.setting for file in FILES} == set(get_args(Setting))


def test_every_language_of_the_release_has_a_tag_for_the_page() -> None:
    assert set(LANGUAGE_TAGS) == LANGUAGES


# ---- facets ---------------------------------------------------------------------------------------------------------


def test_every_facet_is_known_of_a_sample_and_of_a_baseline_file() -> None:
    assert set(FACETS) <= set(Sample.__dataclass_fields__)
    assert all(hasattr(SampleFacts("casa/english/Iran_27/2", "n", "Iran", "English"), facet) for facet in FACETS)
    assert set(SLICES) <= set(FACETS)


def test_a_facet_of_a_user_can_not_have_the_name_of_a_column_of_the_data_frame() -> None:
    assert set(COLUMNS) | set(KEYS) <= TAKEN


def test_annotators_have_an_example_for_every_question() -> None:
    assert set(GUIDANCE) == set(DIMENSIONS)


# ---- profiles and reasons -------------------------------------------------------------------------------------------


def test_every_profile_is_laid_out_offered_and_described() -> None:
    names = set(get_args(ProfileName))
    assert set(PROFILES) - {"rules"} == names
    assert set(choices(cost, "profiles")) == names
    assert first_column("judging.md", "profile") == names


def choices(command: click.Command, parameter: str) -> Iterator[str]:
    (found,) = [each.type for each in command.params if each.name == parameter]
    assert isinstance(found, click.Choice)
    yield from found.choices


def test_every_reason_of_a_failure_is_described() -> None:
    assert first_column("judging.md", "reason") == set(get_args(FailureReason))
    schema = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    assert [reason for reason in get_args(FailureReason) if f"`{reason}`" not in schema] == []


@pytest.mark.parametrize("page", ["README.md", "docs/judging.md", "docs/schema.md", "docs/api.md"])
def test_the_pages_name_every_dimension(page: str) -> None:
    words = (Path(ROOT) / page).read_text(encoding="utf-8")
    assert [name for name in DIMENSIONS if name not in words] == []
