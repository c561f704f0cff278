"""Statistics of clustered 0/1 scores: intervals, paired differences and the gate's decision.

Scores lie on a 0..1 scale (percent is for display), higher is better, and samples that share a
cluster (a norm) stand or fall together. Pure functions on NumPy; SciPy is imported when first needed.
"""

from lmms_eval_cross.stats.agreement import (
    Confusion,
    ceiling,
    confusion,
    consistency,
    krippendorff_alpha,
    majority_agreement,
)
from lmms_eval_cross.stats.agreement_intervals import agreement_intervals
from lmms_eval_cross.stats.bridged import FEWEST_ANSWERS, Bridge, bridged_bounds, bridged_difference
from lmms_eval_cross.stats.clusters import FEWEST_CLUSTERS, FEWEST_VARYING, average_rounds
from lmms_eval_cross.stats.components import NestedVariance, intraclass_correlation, nested_variance
from lmms_eval_cross.stats.decisions import (
    Decision,
    FailureBounds,
    GateVerdict,
    bounds_with_failures,
    combine_decisions,
    decide_each,
    decide_with_failures,
    gate_decision,
)
from lmms_eval_cross.stats.intervals import (
    Interval,
    cluster_bootstrap,
    cluster_bootstraps,
    interval_over_fillings,
    mean_interval,
    wilson_interval,
)
from lmms_eval_cross.stats.labelled import FEWEST_LABELS, Corrected, Labelled
from lmms_eval_cross.stats.paired import (
    Evidence,
    PairedDifference,
    holm,
    inferiority,
    mcnemar_p_value,
    minimum_detectable_effect,
    noninferiority,
    paired_difference,
    smallest_decidable_margin,
    superiority,
    unpaired_difference,
)
from lmms_eval_cross.stats.ppi import ppi_mean
from lmms_eval_cross.stats.ppi_difference import JudgedRun, ppi_bounds, ppi_difference
from lmms_eval_cross.stats.rank_sets import rank_sets
from lmms_eval_cross.stats.rogan_gladen import rogan_gladen
from lmms_eval_cross.stats.sequential import information_fractions, nominal_levels
from lmms_eval_cross.stats.shrinkage import Shrunk, shrink_groups
from lmms_eval_cross.stats.weighted import Shift, score_shift

__all__ = [
    "FEWEST_ANSWERS",
    "FEWEST_CLUSTERS",
    "FEWEST_LABELS",
    "FEWEST_VARYING",
    "Bridge",
    "Confusion",
    "Corrected",
    "Decision",
    "Evidence",
    "FailureBounds",
    "GateVerdict",
    "Interval",
    "JudgedRun",
    "Labelled",
    "NestedVariance",
    "PairedDifference",
    "Shift",
    "Shrunk",
    "agreement_intervals",
    "average_rounds",
    "bounds_with_failures",
    "bridged_bounds",
    "bridged_difference",
    "ceiling",
    "cluster_bootstrap",
    "cluster_bootstraps",
    "combine_decisions",
    "confusion",
    "consistency",
    "decide_each",
    "decide_with_failures",
    "gate_decision",
    "holm",
    "inferiority",
    "information_fractions",
    "interval_over_fillings",
    "intraclass_correlation",
    "krippendorff_alpha",
    "majority_agreement",
    "mcnemar_p_value",
    "mean_interval",
    "minimum_detectable_effect",
    "nested_variance",
    "nominal_levels",
    "noninferiority",
    "paired_difference",
    "ppi_bounds",
    "ppi_difference",
    "ppi_mean",
    "rank_sets",
    "rogan_gladen",
    "score_shift",
    "shrink_groups",
    "smallest_decidable_margin",
    "superiority",
    "unpaired_difference",
    "wilson_interval",
]
