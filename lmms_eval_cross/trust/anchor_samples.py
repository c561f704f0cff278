"""The samples behind an anchor's items: from their own text, or from the user's prepared data."""

from collections.abc import Iterable, Mapping

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.splits import split_name
from lmms_eval_cross.data.prepared import read_samples
from lmms_eval_cross.errors import AnchorError, NotPreparedError, listing
from lmms_eval_cross.trust.anchor import Anchor, Item, text_hash


def samples_of(anchor: Anchor) -> list[Sample]:
    """The samples in the order of the items.

    Raises:
        NotPreparedError: the text is needed and nothing is prepared.
        AnchorError: the prepared data lack a sample or hold another text or image for it.
    """
    prepared = _prepared_samples({split_name(item.subset, item.setting) for item in anchor.items if item.text is None})
    samples, unfit = [], []
    for item in anchor.items:
        sample = item.to_sample() or prepared.get(item.sample_id)
        if sample is not None and _fits(item, sample):
            samples.append(sample)
        else:
            unfit.append(item.sample_id)
    if unfit:
        raise AnchorError(
            f"{anchor.name}: the prepared data lack or changed {listing(unfit, 3)}; prepare the copy of CROSS that the "
            "run was made with."
        )
    return samples


def english_requests(samples: Iterable[Sample]) -> dict[str, str]:
    """Sample id -> the request in English, of translated samples whose English is prepared.

    It is the first wording, of which the translations were made.
    """
    translated = [sample for sample in samples if sample.setting != "english" and sample.language != "English"]
    try:
        prepared = _prepared_samples({split_name(sample.subset, "english") for sample in translated})
    except NotPreparedError:
        return {}
    requests: dict[str, str] = {}
    for sample in translated:
        english = prepared.get(f"{sample.subset}/english/{sample.item}/1")
        if english is not None:
            requests[sample.sample_id] = english.query
    return requests


def _prepared_samples(splits: Iterable[str]) -> Mapping[str, Sample]:
    samples = {}
    for split in sorted(splits):
        for sample in read_samples(session.data_to_read(split).parquet(split)):
            samples[sample.sample_id] = sample
    return samples


def _fits(item: Item, sample: Sample) -> bool:
    """Whether a sample has the text and the image that the item's answer was judged by."""
    return (text_hash(sample), sample.image_sha256) == (item.text_sha256, item.image_sha256)
