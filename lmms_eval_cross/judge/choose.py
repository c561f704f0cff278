"""Which judge the settings name."""

from lmms_eval_cross.judge.endpoint_judge import EndpointJudge
from lmms_eval_cross.judge.job import Judge
from lmms_eval_cross.judge.offline_judge import OfflineJudge
from lmms_eval_cross.settings import Settings


def make_judge(settings: Settings) -> Judge:
    """The judge in force.

    Raises:
        JudgeSetupError: the endpoint lacks its key.
    """
    return OfflineJudge(settings) if settings.judge == "offline" else EndpointJudge(settings)
