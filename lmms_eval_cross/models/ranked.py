"""A model of ours that answers with several processes, each its share."""

import os
from typing import Any

import torch
from lmms_eval.api.model import lmms


class RankedModel(lmms):  # type: ignore[misc]
    """Knows its place among the processes that a launcher such as torchrun started, by which requests are dealt out."""

    def _join_ranks(self) -> None:
        """Take this process's place; the last step of making a model, for what is wrong with its arguments ends all."""
        self.device = torch.device("cpu")
        self._rank = int(os.environ.get("RANK", "0"))
        self._world_size = max(1, int(os.environ.get("WORLD_SIZE", "1")))
        if self._world_size > 1:
            from accelerate import Accelerator  # only ranks need it, and it takes a second

            self.accelerator: Any = Accelerator()

    @property
    def rank(self) -> int:
        """The rank of this process."""
        return self._rank

    @property
    def world_size(self) -> int:
        """How many processes answer."""
        return self._world_size
