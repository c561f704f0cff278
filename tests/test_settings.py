"""Settings: a wrong value costs a second and a sentence, and a key is never shown."""

from pathlib import Path

import pytest

from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.settings import Settings, describe_settings, load_settings, variable
from tests.conftest import Run

CANARY = "sk-canary-0123456789"
NAMES = sorted(variable(field) for field in Settings.model_fields)


def set_all(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CROSS_JUDGE_CONCURRENCY", "0", "CROSS_JUDGE_CONCURRENCY must be greater than or equal to 1, got '0';"),
        ("CROSS_JUDGE_CONCURRENCY", "many", "CROSS_JUDGE_CONCURRENCY must be a valid integer.*, got 'many';"),
        ("CROSS_JUDGE_CONCURRENCY", "1.5", "CROSS_JUDGE_CONCURRENCY must be a valid integer.*, got '1.5';"),
        ("CROSS_JUDGE_TIMEOUT", "0", "CROSS_JUDGE_TIMEOUT must be greater than 0, got '0';"),
        ("CROSS_JUDGE_TIMEOUT", "-1", "CROSS_JUDGE_TIMEOUT must be greater than 0, got '-1';"),
        ("CROSS_JUDGE_TIMEOUT", "inf", "CROSS_JUDGE_TIMEOUT must be a finite number, got 'inf';"),
        ("CROSS_JUDGE_TIMEOUT", "nan", "CROSS_JUDGE_TIMEOUT must be a finite number, got 'nan';"),
        ("CROSS_JUDGE_TIMEOUT", "1 min", "CROSS_JUDGE_TIMEOUT must be a valid number.*, got '1 min';"),
        ("CROSS_JUDGE", "gpt", "CROSS_JUDGE must be 'openai' or 'offline', got 'gpt';"),
        ("CROSS_JUDGE_RUBRIC", "ours", "CROSS_JUDGE_RUBRIC must be 'official' or 'native', got 'ours';"),
        ("CROSS_JUDGE_PROFILE", "fast", "CROSS_JUDGE_PROFILE must be .*'official'.*, got 'fast';"),
        (
            "CROSS_JUDGE_BASE_URL",
            "localhost:8000",
            "CROSS_JUDGE_BASE_URL must be an address such as http://.*got 'local",
        ),
        ("CROSS_JUDGE_BASE_URL", "http://", "CROSS_JUDGE_BASE_URL must be an address such as"),
        ("CROSS_JUDGE_BASE_URL", "http://host:99999/v1", "CROSS_JUDGE_BASE_URL must .*[Pp]ort"),
        ("CROSS_JUDGE_BASE_URL", "http://host:x/v1", "CROSS_JUDGE_BASE_URL must .*[Pp]ort"),
        ("CROSS_JUDGE_BASE_URL", "http://host/v1?key=1", "CROSS_JUDGE_BASE_URL must hold no password and no query"),
        ("CROSS_JUDGE_API_KEY", "clé", "CROSS_JUDGE_API_KEY must be printable ASCII"),
    ],
)
def test_a_bad_value_is_refused_with_variable_rule_and_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said):
        load_settings()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["", " \n"])
def test_an_empty_variable_is_refused_rather_than_guessed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name} is set, but empty; give it a value or unset it."):
        load_settings()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CROSS_JUDGE_MODLE", "did you mean CROSS_JUDGE_MODEL?"),
        ("CROSS_JUDGE_KEY", "did you mean CROSS_JUDGE_API_KEY?"),
        ("CROSS_JUDGE_CONCURENCY", "did you mean CROSS_JUDGE_CONCURRENCY?"),
        ("CROSS_JUDGE_URL", "did you mean CROSS_JUDGE_"),
        ("CROSS_JUDGE_QQQQQQQQQQQQQQQQQQQQQQ", "`lmms-eval-cross config` lists the settings"),
    ],
)
def test_a_misspelt_judge_variable_is_refused_with_the_near_name(
    monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setenv(name, CANARY)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert f"{name} is set, but there is no such setting" in str(caught.value)
    assert said in str(caught.value)
    assert CANARY not in str(caught.value)


def test_other_programs_variables_are_none_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_all(monkeypatch, CROSS_COMPILE="aarch64-", CROSS_TEST_DATA="x", CROSS_PICTURES="x", CROSS_RUN_ID="x")
    load_settings()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CROSS_JUDG_MODEL", "CROSS_JUDGE_MODEL"),
        ("CROSS_JUGDE", "CROSS_JUDGE"),
        ("CROSS_HOEM", "CROSS_HOME"),
        ("CROSS_MIN_COVERGE", "CROSS_MIN_COVERAGE"),
        ("CROSS_SOURCES", "CROSS_SOURCE"),
        ("CROSS_LEGDER", "CROSS_LEDGER"),
    ],
)
def test_a_misspelt_variable_is_named_once_with_the_near_name_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, meant: str
) -> None:
    monkeypatch.setenv(name, CANARY)
    load_settings()
    load_settings()
    told = "is set, but there is no such setting, so it changes nothing; did you mean"
    assert capsys.readouterr().err == f"lmms-eval-cross: {name} {told} {meant}?\n"


@pytest.mark.parametrize("url", [f"http://me:{CANARY}@host/v1", f"htp://me:{CANARY}@host/v1", f"me:{CANARY}@host"])
def test_a_password_in_the_address_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CROSS_JUDGE_BASE_URL", url)
    with pytest.raises(SettingsError, match=r"CROSS_JUDGE_BASE_URL must .*got \(hidden\)") as caught:
        load_settings()
    assert CANARY not in repr(caught.value)


def test_keys_and_passwords_are_masked_wherever_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, CROSS_JUDGE_API_KEY=CANARY, OPENAI_API_KEY=CANARY, CROSS_SOURCE=f"https://me:{CANARY}@host/x")
    settings = load_settings()
    shown = describe_settings(settings)
    assert CANARY not in shown + repr(settings) + str(settings)
    assert "https://********@host/x" in shown
    assert shown.count("********") == 3


def test_defaults_pin_the_papers_judge_and_need_no_variable(bare_environment: Path) -> None:
    settings = load_settings()
    assert settings.home == bare_environment
    assert (settings.judge, settings.judge_model, settings.judge_profile) == ("openai", "gpt-4o-2024-08-06", "official")
    assert (settings.judge_base_url, settings.judge_api_key, settings.judge_id, settings.judge_rubric) == (None,) * 4
    assert settings.judge_timeout == 60


def test_every_field_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {
        "CROSS_HOME": str(tmp_path),
        "CROSS_SOURCE": "/data/CROSS",
        "CROSS_JUDGE": "offline",
        "CROSS_JUDGE_MODEL": "m",
        "CROSS_JUDGE_BASE_URL": "http://[::1]:8000/v1",
        "CROSS_JUDGE_API_KEY": "k\n",
        "CROSS_JUDGE_ID": "me",
        "CROSS_JUDGE_RUBRIC": "native",
        "CROSS_JUDGE_CONCURRENCY": "7",
        "CROSS_JUDGE_TIMEOUT": "1.5",
    }
    set_all(monkeypatch, **given)
    settings = load_settings()
    assert settings.judge_api_key is not None
    assert settings.judge_api_key.get_secret_value() == "k"
    read = {name: str(getattr(settings, name.removeprefix("CROSS_").lower())) for name in given}
    assert read == {**given, "CROSS_JUDGE_API_KEY": "**********"}
    assert [line.split()[0] for line in describe_settings(settings).splitlines() if line.endswith(" set")] == list(
        given
    )


def test_a_tilde_in_the_home_folder_is_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_HOME", "~/cross")
    assert load_settings().home == Path.home() / "cross"


def test_config_prints_what_is_in_force_without_keys(cross: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, CROSS_JUDGE_API_KEY=CANARY, OPENAI_API_KEY=CANARY, CROSS_JUDGE_TIMEOUT="9")
    done = cross("config")
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()][:-1] == [variable(f) for f in Settings.model_fields]
    assert any(line.split()[:2] == ["CROSS_JUDGE_TIMEOUT", "9.0"] for line in done.stdout.splitlines())


def test_config_says_a_bad_value_in_one_sentence_with_exit_code_2(cross: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE_CONCURRENCY", "0")
    done = cross("config")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lmms-eval-cross: CROSS_JUDGE_CONCURRENCY must be greater than or equal to 1")
    assert len(done.stderr.splitlines()) == 1


def test_settings_are_read_anew_where_the_environment_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings() is load_settings()
    monkeypatch.setenv("CROSS_JUDGE_CONCURRENCY", "7")
    assert load_settings().judge_concurrency == 7
    monkeypatch.delenv("CROSS_JUDGE_CONCURRENCY")
    assert load_settings().judge_concurrency == 32
