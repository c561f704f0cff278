"""What is watched while TRL trains: the model sees the picture, and the first step is what it must be."""

import math
from collections.abc import Mapping
from typing import Any, Final

import torch
from transformers import TrainerCallback

from lmms_eval_cross.align.examples import Kind
from lmms_eval_cross.errors import TuneError

LN2: Final = math.log(2)
TOLERANCE: Final[Mapping[str, float]] = {"float32": 1e-3, "bfloat16": 2e-2, "float16": 2e-2}
"""How far the first DPO loss may be from ln 2, by the type that is computed in; logged losses have four digits."""


class FirstSteps(TrainerCallback):  # type: ignore[misc]
    """Stops a run that can't teach anything, in a sentence, on every rank alike."""

    def __init__(self, stage: Kind, fresh: bool, probe: tuple[Any, Any] | None) -> None:
        """`probe`: the inputs of one example with its picture and with a grey one; `fresh`: not a resumed run."""
        self.stage = stage
        self.fresh = fresh
        self.probe = probe

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any) -> None:
        """Ask the model for its next token with the picture and with a grey one.

        Raises:
            TuneError: the answers are the same.
        """
        if self.probe is not None and not _sees(model, *self.probe):
            raise TuneError("The model does not see: a grey picture in place of the real one changes no logit.")

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **rest: Any) -> None:
        """Check the loss and the gradient, closely at the first step.

        Raises:
            TuneError: the loss is no number, nothing is learnt, or DPO has a stale reference.
        """
        if logs is None or "loss" not in logs:
            return
        loss, gradient = float(logs["loss"]), float(logs.get("grad_norm", 1.0))
        if not math.isfinite(loss) or not math.isfinite(gradient):
            raise TuneError(
                f"Step {state.global_step}: the loss is {loss}, the gradient {gradient}; lower trl.learning_rate."
            )
        if not self.fresh or state.global_step != 1:
            return
        if gradient == 0 or (self.stage == "sft" and loss == 0):
            raise TuneError(f"The first step teaches nothing: the loss is {loss}, the gradient {gradient}.")
        if self.stage == "dpo" and _starts_at_ln2(args):
            _check_reference(loss, _computed_in(args))


def _sees(model: Any, shown: Any, grey: Any) -> bool:
    was_training = model.training
    model.eval()
    with torch.no_grad():
        logits = [model(**_placed(inputs, model)).logits[:, -1] for inputs in (shown, grey)]
    model.train(was_training)
    return not torch.equal(*logits)


def _placed(inputs: Any, model: Any) -> dict[str, Any]:
    """The inputs on the model's device."""
    return {name: value.to(model.device) for name, value in inputs.items()}


def _starts_at_ln2(args: Any) -> bool:
    return list(args.loss_type) == ["sigmoid"] and args.label_smoothing == 0 and not args.use_weighting


def _computed_in(args: Any) -> str:
    if args.bf16:
        return "bfloat16"
    return "float16" if args.fp16 else "float32"


def _check_reference(loss: float, dtype: str) -> None:
    if abs(loss - LN2) > TOLERANCE[dtype]:
        raise TuneError(
            f"The first DPO loss is {loss:.4f} and must be {LN2:.4f}: model and reference differ before any step; "
            "start both from one folder that holds the weights to be tuned."
        )
