"""Which judge the settings name."""

from lmms_eval_cross.judge.job import Judge
from lmms_eval_cross.judge.offline_judge import OfflineJudge
from lmms_eval_cross.settings import Settings


def make_judge(settings: Settings) -> Judge:
    """The judge in force.

    Raises:
        JudgeSetupError: the endpoint lacks its key.
    """
    if settings.judge == "offline":
        return OfflineJudge(settings)
    # the OpenAI SDK costs a second, which nobody pays who asks no endpoint
    from lmms_eval_cross.judge.endpoint_judge import EndpointJudge

    return EndpointJudge(settings)
