"""Completion: what a shell is answered, and what people see who press the tabulator in bash, zsh and fish."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from pratique.cli import candidates, commands
from pratique.cli.commands.completion import SHELLS
from tests.commands import Run
from tests.registries import push, repository, sample, serving

from .test_program import silent_server

BREAKS = " \t\n\"'@><=;|&(:"  # where bash breaks words, as it does unless it is told otherwise
PROGRAMS = Path(sys.executable).parent
TAB = "\t"


def environment(**more: str) -> dict[str, str]:
    path = f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "TERM": "dumb", **more}


def answer(line: str, terminal: int = subprocess.DEVNULL, folder: Path | None = None) -> list[str]:
    """What `pratique` answers to bash about a line whose end is being typed; what else it says goes to a terminal."""
    reading, writing = os.pipe()
    asked = environment(
        COMP_LINE=line,
        COMP_POINT=str(len(line)),
        _ARGCOMPLETE="1",
        _ARGCOMPLETE_SHELL="bash",
        _ARGCOMPLETE_SUPPRESS_SPACE="1",
        _ARGCOMPLETE_COMP_WORDBREAKS=BREAKS,
    )
    words = ["bash", "-c", f"exec pratique 8>&{writing} 9>/dev/null"]
    with os.fdopen(reading) as answers:
        try:
            subprocess.run(
                words,
                env=asked,
                stdin=terminal,
                stderr=terminal,
                pass_fds=[writing],
                start_new_session=True,
                cwd=folder,
                check=True,
                timeout=30,
            )
        finally:
            os.close(writing)
        return [word for word in answers.read().split("\013") if word]


@pytest.fixture
def tagged(tmp_path: Path) -> Iterator[str]:
    """A registry with the repositories `app`, with the tags 1.0 and 1.1, and `app/extra` and `tool`."""
    with serving(tmp_path / "registry") as listener:
        for name in ("app", "app/extra", "tool"):
            with repository(listener.address, name) as target:
                push(target, sample(name), "1.0")
                if name == "app":
                    push(target, sample("more"), "1.1")
        yield listener.address


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pratique ta", ["tags", "tag"]),
        ("pratique ", [*commands.SUMMARIES, "help"]),
        ("pratique --quiet ins", ["inspect"]),
        ("pratique help rep", ["repos"]),
        ("pratique --js", ["--json"]),
        ("pratique tags --so", ["--sort"]),
        ("pratique tags --sort ", ["name", "version", "date"]),
        ("pratique copy --progress=p", ["plain"]),
        ("pratique manifest ", ["get", "head", "put", "delete"]),
        ("pratique manifest get --pla", ["--plain-http", "--platform"]),
        ("pratique completion ", [*SHELLS]),
        ("pratique login --password ", []),
        ("pratique no-such-command ", [*commands.SUMMARIES, "help"]),
        ("pratique tags --no-such-option ", []),
        ("pratique digest lo", []),
        ("pratique tags 'unclosed", []),
    ],
)
def test_commands_options_and_choices(line: str, expected: list[str], tmp_path: Path) -> None:
    assert answer(line, folder=tmp_path) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tags {}/", ["app", "app/extra", "tool"]),
        ("tags {}/t", ["tool"]),
        ("digest {}/t", ["tool:"]),
        ("digest {}/app:", ["1.0", "1.1"]),
        ("digest {}/app:1.1", ["1.1"]),
        ("digest {}/app@sha256:", []),
        ("digest {}/nothing:", []),
        ("inspect docker://{}/app:", ["1.0", "1.1"]),
        ("delete {}/app:1.0 {}/tool:", ["1.0"]),
        ("tag {}/app:1.0 ", ["1.0", "1.1"]),
        ("blob head {}/t", ["tool"]),
        ("copy oci:somewhere {}/t", ["tool:"]),
        ("copy --src-creds=a:b {}/tool:1.0 {}/app:", ["1.0", "1.1"]),
    ],
)
def test_repositories_and_tags(tagged: str, line: str, expected: list[str]) -> None:
    port = tagged.split(":")[1]  # bash has the word begin behind the last colon
    answered = answer(f"pratique {line.format(tagged, tagged)}")
    assert [word.removeprefix(f"{port}/") for word in answered] == expected


def test_without_word_breaks_at_colons_words_are_whole(tagged: str) -> None:
    assert answer(f'pratique digest "{tagged}/t') == [f"{tagged}/tool:"]


def test_files(tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "bundle.tar").touch()
    (tmp_path / ".hidden").touch()
    assert answer("pratique copy o") == ["oci-archive:", "oci:"]
    assert answer("pratique copy oci:b", folder=tmp_path) == ["backup/", "bundle.tar"]
    assert answer("pratique copy a:1 dir:", folder=tmp_path) == ["backup/", "bundle.tar"]
    assert answer("pratique gc ", folder=tmp_path) == ["backup/"]
    assert answer("pratique tags --ca-file .h", folder=tmp_path) == [".hidden"]


def test_the_names_in_a_layout(run: Run, tagged: str, tmp_path: Path) -> None:
    assert run("copy", "--quiet", "--all-tags", f"{tagged}/app", f"oci:{tmp_path}/backup").code == 0
    assert answer(f"pratique copy oci:{tmp_path}/backup:1.0") == ["1.0"]
    assert answer(f"pratique inspect oci:{tmp_path}/backup:1.0") == ["1.0"]
    assert answer(f"pratique tags oci:{tmp_path}/b") == [f"{tmp_path}/backup/"]
    assert sorted(answer(f"pratique tag oci:{tmp_path}/backup:1.0 1.")) == ["1.0", "1.1"]


def test_registries_with_a_login(tmp_path: Path) -> None:
    config = Path(os.environ["HOME"]) / ".docker" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text('{"auths": {"registry.test": {"auth": "YTpi"}, "other.test/team": {"auth": "YTpi"}}}')
    assert answer("pratique tags ", folder=tmp_path) == ["other.test/", "registry.test/"]
    assert answer("pratique logout reg") == ["registry.test"]


def test_the_options_of_the_line_are_used(tmp_path: Path) -> None:
    access = 'users = { captain = "secret" }'
    with serving(tmp_path / "registry", access) as listener:
        with repository(listener.address, "app", "captain:secret") as target:
            push(target, sample(), "1.0")
        assert answer(f"pratique tags {listener.address}/") == []
        shown = answer(f"pratique tags --creds captain:secret {listener.address}/")
        side = answer(f"pratique copy --dest-creds captain:secret oci:x {listener.address}/app:")
    assert shown == [f"{listener.address.split(':')[1]}/app"]
    assert side == ["1.0"]


def test_nothing_is_asked_of_whoever_types(tagged: str) -> None:
    """A password is asked for on the terminal otherwise."""
    terminal, theirs = pty.openpty()
    try:
        assert answer(f"pratique tags --creds captain {tagged}/", terminal=theirs) == []
        assert select.select([terminal], [], [], 0)[0] == []
    finally:
        os.close(terminal)
        os.close(theirs)


def test_a_registry_that_says_nothing_is_not_waited_for() -> None:
    with silent_server() as server:
        assert answer(f"pratique tags --plain-http 127.0.0.1:{server.getsockname()[1]}/") == []


def test_what_came_in_time_counts() -> None:
    never, came = Event(), Event()

    def slow() -> Iterator[str]:
        yield "first"
        came.set()
        never.wait()
        yield "second"

    assert candidates.within(0.0, lambda: iter(())) == []
    assert came.is_set() or candidates.within(0.2, slow) == ["first"]
    never.set()


def test_a_search_that_fails_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def failing() -> Iterator[str]:
        yield "first"
        raise RuntimeError("nobody is to see this")

    assert candidates.within(10.0, failing) == ["first"]
    assert capfd.readouterr() == ("", "")


def test_only_the_module_of_the_command_is_loaded() -> None:
    script = "import sys; from pratique.cli.completion import whole; whole(['tags', '--s']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if name.startswith("pratique.cli.commands.")] == ["pratique.cli.commands.tags"]
    assert not {"pratique.server", "cryptography", "rich", "ssl", "jwt"} & set(loaded)


def test_a_script_as_json(run: Run) -> None:
    shown = run("completion", "--json", "fish")
    assert shown.json["shell"] == "fish"
    assert "complete --command pratique" in shown.json["script"]


# --- Real shells


@contextmanager
def typing(*words: str, folder: Path) -> Iterator[int]:
    """A shell on a terminal; its other end is given."""
    terminal, theirs = pty.openpty()
    shell = subprocess.Popen(
        words,
        env=environment(HOME=str(folder), PS1="ready> ", COLUMNS="200", PYTHONDONTWRITEBYTECODE="1"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield terminal
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


def typed(terminal: int, keys: str, until: str) -> str:
    """Press keys, and read what is shown until something is."""
    os.write(terminal, keys.encode())
    shown = ""
    while until not in shown:
        assert select.select([terminal], [], [], 60)[0], f"{until!r} was not shown, but {shown!r}"
        shown += os.read(terminal, 4096).decode(errors="replace")
    return shown


def completing(shell: str, terminal: int, address: str, before: str) -> None:
    """Press the tabulator in the middle of a command, whose answer shows that the words were made whole."""
    typed(terminal, f"{before}source <(pratique completion {shell}); echo $((40 + 2))made\n", "42made")
    digest = typed(terminal, f"pratique dig{TAB}--full{TAB}{address}/to{TAB}1.{TAB}\n", "@sha256:")
    assert f"{address}/tool@sha256:" in digest


def test_bash(tagged: str, tmp_path: Path) -> None:
    with typing("bash", "--norc", "--noprofile", "-i", folder=tmp_path) as terminal:
        completing("bash", terminal, tagged, "")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh(tagged: str, tmp_path: Path) -> None:
    with typing("zsh", "-f", "-i", folder=tmp_path) as terminal:
        completing("zsh", terminal, tagged, "autoload -Uz compinit; compinit -u -D; ")


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
def test_fish(tagged: str, tmp_path: Path) -> None:
    def shown(line: str) -> list[str]:
        script = f"pratique completion fish | source; complete --do-complete '{line}'"
        words = ["fish", "--no-config", "-c", script]
        done = subprocess.run(
            words, env=environment(HOME=str(tmp_path)), capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    assert shown("pratique insp") == [f"inspect\t{commands.SUMMARIES['inspect']}"]
    assert [line.strip() for line in shown(f"pratique digest {tagged}/app:")] == [
        f"{tagged}/app:1.0",
        f"{tagged}/app:1.1",
    ]
