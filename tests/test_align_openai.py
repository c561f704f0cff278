"""`align openai`: shown before it is sent, sent once, taken up again, and never with another server's key."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lmms_eval_cross.align.dataset import AlignDataset, write_dataset
from lmms_eval_cross.align.hosted_plan import deadlines, refuse_late
from lmms_eval_cross.align.manifest import LeakCheck
from lmms_eval_cross.cli import main
from lmms_eval_cross.errors import AlignError
from tests.align_data import make_example, make_image, make_pair
from tests.batch_server import _uploaded
from tests.loopback import LoopbackServer, Reply


class TuningServer(LoopbackServer):
    """Takes files and fine-tuning jobs as OpenAI does; a job runs for one look and is then over."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[bytes] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.ends_with = "succeeded"
        self.silent_once = False
        """The next job is taken, and its answer never comes."""
        self.keys: set[str] = set()

    def reply(self, method: str, path: str, headers: dict[str, str], data: bytes) -> Reply | None:
        self.keys.add(headers["authorization"])
        name = path.removeprefix("/v1").partition("?")[0]
        if (method, name) == ("POST", "/files"):
            assert b'name="purpose"\r\n\r\nfine-tune' in data
            self.files.append(_uploaded(headers["content-type"], data))
            return self._json({"id": f"file-{len(self.files)}", "object": "file"})
        if (method, name) == ("POST", "/fine_tuning/jobs"):
            return self._open(json.loads(data))
        if name == "/fine_tuning/jobs":
            return self._json({"object": "list", "data": list(self.jobs.values()), "has_more": False})
        return self._json(self._looked_at(name.rpartition("/")[2]))

    def _open(self, asked: dict[str, Any]) -> Reply | None:
        name = f"ftjob-{len(self.jobs)}"
        self.jobs[name] = {**asked, "id": name, "object": "fine_tuning.job", "status": "queued", "looks": 0}
        if self.silent_once:
            self.silent_once = False
            return None
        return self._json(self.jobs[name])

    def _looked_at(self, name: str) -> dict[str, Any]:
        job = self.jobs[name]
        job["looks"] += 1
        if job["looks"] > 1:
            job["status"] = self.ends_with
            if self.ends_with == "succeeded":
                job["fine_tuned_model"] = f"ft:{job['model']}:org::{name}"
            else:
                job["error"] = {"code": "invalid", "message": "the file was refused", "param": None}
        return job

    @staticmethod
    def _json(body: dict[str, Any]) -> Reply:
        return Reply(json.dumps(body).encode())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lmms_eval_cross.align.hosted_job.POLL_SECONDS", 0.01)
    with TuningServer() as started:
        monkeypatch.setenv("CROSS_TUNING_BASE_URL", started.url)
        monkeypatch.setenv("CROSS_TUNING_API_KEY", "sk-tuning")
        yield started


def clean(data: AlignDataset) -> AlignDataset:
    return data.mark(LeakCheck("clean", "2026-11-28"))


@pytest.fixture
def examples(server: TuningServer) -> Path:
    """Twelve examples with pictures, checked."""
    pictures = [make_image(number) for number in range(12)]
    made = [make_example(number, picture) for number, picture in enumerate(pictures)]
    return clean(write_dataset(Path("sft"), "sft", made, pictures)).folder


def openai(*arguments: str):
    return CliRunner().invoke(main, ["align", "openai", *arguments])


def test_without_submit_the_price_is_shown_and_nothing_is_sent(server, examples):
    result = openai("sft", "-o", "work")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("OpenAI takes no new fine-tuning jobs after 2027-01-06")
    assert "2027-01-14" in result.output
    assert "12 examples, 12 pictures" in result.output
    assert '"n_epochs": 1, "batch_size": 1, "learning_rate_multiplier": 2.0' in result.output
    assert "Nothing was sent; add --submit" in result.output
    assert server.files == []
    assert server.keys == set()


def test_the_price_is_tokens_times_epochs_times_the_price_of_a_million(server, examples):
    dear = openai("sft", "-o", "work", "--usd-per-million", "1000000").output
    (line,) = [line for line in dear.splitlines() if line.startswith("price")]
    usd, tokens = line.split("about $")[1].split(": ")
    assert float(usd.replace(",", "")) == float(tokens.split()[0].replace(",", ""))


def test_a_submitted_job_sends_what_was_shown_and_ends_with_the_model_and_its_evaluation(server, examples):
    result = openai("sft", "-o", "work", "--submit")
    assert result.exit_code == 0, result.output
    (sent,) = server.files
    assert sent == next(Path("work").glob("files-*/train.jsonl")).read_bytes()
    (job,) = server.jobs.values()
    assert job["model"] == "gpt-4o-2024-08-06"
    assert job["training_file"] == "file-1"
    hyperparameters = {"n_epochs": 1, "batch_size": 1, "learning_rate_multiplier": 2.0}
    assert job["method"] == {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}
    assert "lmms-eval-cross run -- --model openai --model_args model=ft:gpt-4o-2024-08-06:org::ftjob-0" in result.output
    assert server.keys == {"Bearer sk-tuning"}


def test_the_same_command_again_hands_nothing_in_twice(server, examples):
    openai("sft", "-o", "work", "--submit")
    again = openai("sft", "-o", "work", "--submit")
    assert again.exit_code == 0, again.output
    assert (len(server.files), len(server.jobs)) == (1, 1)


def test_a_job_whose_answer_never_came_is_found_by_its_token(server, examples):
    server.silent_once = True
    lost = openai("sft", "-o", "work", "--submit")
    assert lost.exit_code == 2
    assert "give the same command again" in lost.output
    assert openai("sft", "-o", "work", "--submit").exit_code == 0
    assert (len(server.files), len(server.jobs)) == (1, 1)


def test_a_folder_of_another_job_is_refused(server, examples):
    openai("sft", "-o", "work", "--submit")
    other = openai("sft", "-o", "work", "--submit", "--model", "gpt-4o-2024-08-06", "--preset", "other.yml")
    assert other.exit_code == 2
    clean(write_dataset(Path("less"), "sft", [make_example(number) for number in range(11)], []))
    less = openai("less", "-o", "work", "--submit")
    assert less.exit_code == 2
    assert "work holds a job with other data" in less.output


def test_a_failed_job_says_the_endpoints_words(server, examples):
    server.ends_with = "failed"
    result = openai("sft", "-o", "work", "--submit")
    assert result.exit_code == 2
    assert "The job ftjob-0 failed (the file was refused)" in result.output


def test_pairs_are_texts_alone_and_are_tuned_by_preference(server):
    clean(write_dataset(Path("dpo"), "dpo", [make_pair(number) for number in range(10)], []))
    result = openai("dpo", "-o", "work", "--submit")
    assert result.exit_code == 0, result.output
    assert "texts alone" in result.output
    (job,) = server.jobs.values()
    assert job["method"]["dpo"]["hyperparameters"] == {"n_epochs": 1, "batch_size": 1, "beta": 0.1}


def test_pairs_with_pictures_are_left_out_and_none_left_is_a_sentence(server):
    pictures = [make_image(number) for number in range(10)]
    pairs = [make_pair(number, picture) for number, picture in enumerate(pictures)]
    clean(write_dataset(Path("dpo"), "dpo", pairs, pictures))
    result = openai("dpo", "-o", "work")
    assert result.exit_code == 2
    assert "openai takes pairs of texts alone (10)" in result.output


def test_another_model_takes_no_pictures(server, examples):
    result = openai("sft", "-o", "work", "--model", "gpt-4.1")
    assert result.exit_code == 2
    assert "gpt-4.1 takes no pictures in fine-tuning and the data hold 12" in result.output


def test_unchecked_data_are_refused_before_anything_is_written(server):
    write_dataset(Path("sft"), "sft", [make_example(number) for number in range(12)], [])
    result = openai("sft", "-o", "work", "--submit")
    assert result.exit_code == 2
    assert "--allow-unverified" in result.output
    assert not Path("work").exists()
    assert server.files == []


def test_openais_key_goes_to_no_other_server(server, examples, monkeypatch):
    monkeypatch.delenv("CROSS_TUNING_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    result = openai("sft", "-o", "work", "--submit")
    assert result.exit_code == 2
    assert "OPENAI_API_KEY is never sent to another server" in result.output
    assert server.keys == set()


def test_the_deadlines_are_told_by_the_days_left_and_a_late_job_is_refused():
    assert "(39 days left)" in deadlines(date(2026, 11, 28))
    assert "past" in deadlines(date(2027, 2, 1))
    refuse_late(date(2027, 1, 6))
    with pytest.raises(AlignError, match="takes no new fine-tuning jobs since 2027-01-06"):
        refuse_late(date(2027, 1, 7))
