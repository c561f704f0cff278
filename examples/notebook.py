"""Two runs, from answers to a decision: a notebook in percent format, for Jupytext, VS Code, or plain Python."""

# %% [markdown]
# # Two runs, from answers to a decision
#
# The runs are the demo's: `make demo` writes `runs/careful` and `runs/careless`, offline. Their judge is a handful of
# rules, so no number here measures anything. Type `python examples/notebook.py` in the folder that holds `runs/`, or
# open it there as a notebook. docs/api.md describes columns and units.

# %%
import json
from pathlib import Path

import pandas as pd

import lmms_eval_cross
from lmms_eval_cross import JudgeFailure, Settings, Verdict, compare_runs, judge_answers, load_run, load_samples

careful, careless = load_run("runs/careful"), load_run("runs/careless")
answers = pd.concat([careful.to_pandas(), careless.to_pandas()])
print(answers[["run", "sample_id", "dimension", "score", "rationale"]].head())

# %% [markdown]
# Means in percent. The interval respects norms: samples of one norm stand or fall together.

# %%
for run in (careful, careless):
    means = pd.DataFrame(run.means())
    print(run.name, means[["measure", "mean", "low", "high", "n", "failed", "norms"]].round(1), sep="\n")

# %% [markdown]
# Any slice is a `groupby`; without verdicts it says NaN, never 0.

# %%
by_country = answers.pivot_table(index="country", columns=["run", "dimension"], values="score", aggfunc="mean")
print((100 * by_country.xs("compliance", axis="columns", level="dimension")).round(1))

# %% [markdown]
# Is the careless model worse? Twelve samples of nine norms decide only wide margins.

# %%
found = compare_runs(careful, careless, margins={"compliance": 40})
print(found.to_pandas()[["name", "baseline", "candidate", "change", "lower_bound", "upper_bound"]].round(1))
print(found.sentence)

# %% [markdown]
# The answers behind it: what the careless model lost, with the judge's words.

# %%
compliance = answers[answers["dimension"] == "compliance"].set_index("sample_id")
scores = compliance.pivot(columns="run", values="score")
lost = scores.index[scores["careful"] > scores["careless"]]
print(compliance.loc[lost].query("run == 'careless'")[["response", "rationale"]])

# %% [markdown]
# Judge answers that no run has: here the recorded ones of the package, and one that a model failed to give.

# %%
recorded = Path(lmms_eval_cross.__file__).parent / "demo" / "responses" / "careful.jsonl"
lines = recorded.read_text(encoding="utf-8").splitlines()
by_sample = {row["sample_id"]: row["response"] for row in map(json.loads, lines)}
samples = load_samples("cross_demo")
responses = [by_sample[sample.sample_id] for sample in samples[:-1]] + [""]
outcomes = judge_answers(samples, responses, Settings(judge="offline"))

# %%
good = [each["compliance"].score for each in outcomes if isinstance(each["compliance"], Verdict)]
failed = [each["compliance"].reason for each in outcomes if isinstance(each["compliance"], JudgeFailure)]
print(f"{sum(good)} of {len(good)} answers comply; {len(failed)} has no verdict ({failed[0]})")
