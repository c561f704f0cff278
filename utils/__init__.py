"""The hooks that the task YAMLs name; thin, all else is in lmms_eval_cross."""
