"""Which recipe makes preference pairs of what --from names."""

from collections.abc import Sequence
from pathlib import Path

from lmms_eval_cross.align.build_pairs import DegradedAnswers
from lmms_eval_cross.align.build_pictures import SharedRequests, TwoPictureList
from lmms_eval_cross.align.build_sampled import SampledAnswers
from lmms_eval_cross.align.building import BuildRecipe
from lmms_eval_cross.align.dataset import MANIFEST, AlignDataset, open_dataset
from lmms_eval_cross.align.examples import Contrast
from lmms_eval_cross.align.norm_list import ENDINGS
from lmms_eval_cross.errors import AlignError, listing
from lmms_eval_cross.settings import Settings


def dpo_recipe(paths: Sequence[Path], contrasts: Sequence[Contrast], settings: Settings) -> BuildRecipe:
    """A list of two pictures, an SFT dataset (degraded, or by picture), or runs.

    Raises:
        AlignError: it is nothing that pairs are made from.
        RunError: a run can't be read.
    """
    first = paths[0]
    if len(paths) == 1 and first.suffix in ENDINGS and "_samples_" not in first.name:
        _refuse_contrasts(contrasts, f"the list {first.name} makes pairs by picture")
        return TwoPictureList(first)
    if len(paths) == 1 and (first / MANIFEST).is_file():
        return _from_dataset(open_dataset(first), contrasts)
    if len(paths) == 1:
        raise AlignError(
            f"--from {first} is no list of pictures ({', '.join(ENDINGS)}) and no dataset folder; for pairs of your "
            "model's own answers give --from for two runs or more."
        )
    _refuse_contrasts(contrasts, "pairs from runs are named after what the answers fail")
    return SampledAnswers(paths, settings)


def _from_dataset(data: AlignDataset, contrasts: Sequence[Contrast]) -> BuildRecipe:
    if data.manifest.kind != "sft":
        raise AlignError(f"{data.folder} holds pairs already; give a dataset of SFT examples.")
    if list(contrasts) == ["picture"]:
        return SharedRequests(data)
    if "picture" in contrasts:
        raise AlignError("--contrast picture goes alone, since it needs no teacher; build the others beside it.")
    return DegradedAnswers(data, contrasts or ["compliance"])


def _refuse_contrasts(contrasts: Sequence[Contrast], why: str) -> None:
    if contrasts and list(contrasts) != ["picture"]:
        raise AlignError(f"--contrast {listing(list(contrasts))} is not for this: {why}; leave it away.")
