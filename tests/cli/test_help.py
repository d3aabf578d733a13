"""Help in the terminal: examples with every command, words that were meant, and the manual page."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import groupby

import pytest

from pratique.cli import commands, usage
from pratique.cli.manual import page, quoted
from pratique.cli.program import load, parse, parser_of
from pratique.errors import Error, InvalidInput
from tests.commands import Run

_COMMENT = re.compile(r"\s{3,}.*$")  # what an example explains stands in a column of its own


def examples(name: str) -> list[str]:
    return load(name).EXAMPLES.splitlines()[1:]  # type: ignore[no-any-return]


def commands_in(line: str) -> Iterator[list[str]]:
    """The words behind each `pratique` of a line for a shell."""
    within = line.replace('"$(', "(").replace(')"', ")")  # a command in the place of its output
    lexer = shlex.shlex(_COMMENT.sub("", within.strip()), posix=True, punctuation_chars="|<>()")
    lexer.whitespace_split = True
    for operator, group in groupby(lexer, lambda word: set(word) <= set("|<>()")):
        words = [*group]
        if not operator and words[0] == "pratique":
            yield words[1:]


# --- Examples


@pytest.mark.parametrize("name", commands.SUMMARIES)
def test_help_has_examples(run: Run, name: str) -> None:
    assert examples(name)
    shown = run(name, "--help").out
    assert [line for line in examples(name) if line not in shown] == []


def test_help_of_a_verb_has_the_examples_of_that_verb(run: Run) -> None:
    shown = run("artifact", "pull", "--help").out.split("examples:\n")[1].splitlines()
    assert shown == [line for line in examples("artifact") if "artifact pull " in line] != []


@pytest.mark.parametrize("name", commands.SUMMARIES)
def test_examples_are_right(name: str) -> None:
    found = [words for line in examples(name) for words in commands_in(line)]
    assert found
    for words in found:
        parse(words)


# --- What was meant


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("digst x", "pratique digest"),
        ("list localhost:5000/app", "pratique tags"),
        ("pull localhost:5000/app:1.0", "pratique copy"),
        ("tree localhost:5000/app:1.0", "pratique referrers --tree"),
        ("digest --platfrom linux/amd64 x", "--platform"),
        ("digest --platfrom=linux/amd64 x", "--platform"),
        ("copy --refferers a b", "--referrers"),
        ("--josn tags x", "--json"),
        ("manifest get --short-name-s x", "--short-names"),
        ("copy --progress plian a b", "plain"),
        ("copy --format docekr a b", "docker"),
        ("manifest gte x", "get"),
        ("auth explian x", "explain"),
        ("auth explain --for dlete x", "delete"),
        ("completion bsh", "bash"),
    ],
)
def test_the_nearest_word_is_said(run: Run, words: str, meant: str) -> None:
    told = run(*words.split())
    assert told.code == 2
    assert told.err.endswith(f"; hint: did you mean: {meant}\n")


@pytest.mark.parametrize(("name", "meant"), commands.ELSEWHERE.items())
def test_what_other_tools_call_it_leads_to_a_command_that_there_is(run: Run, name: str, meant: str) -> None:
    assert name not in commands.SUMMARIES
    command, *opts = meant.split()
    assert all(option in run(command, "--help").out for option in opts)
    assert run(command, "--help").code == 0


def test_the_options_of_another_verb_are_not_meant(run: Run) -> None:
    assert run("blob", "head", "--outptu", "file", "x@sha256:1").err.endswith("see: pratique blob --help\n")
    assert run("blob", "get", "--outptu", "file", "x@sha256:1").err.endswith("did you mean: --output\n")


def test_what_is_like_nothing_leads_to_the_help(run: Run) -> None:
    assert run("digest", "--zzz", "x").err == (
        "pratique: unrecognized arguments: --zzz; hint: see: pratique digest --help\n"
    )


def test_the_value_of_a_wrong_option_is_not_shown(run: Run) -> None:
    assert "hunter2" not in run("login", "--pasword=hunter2", "registry.test").err


def test_a_wrong_choice_is_told_as_json(run: Run) -> None:
    error = run("--json", "copy", "--progress", "plian", "a", "b").error
    assert error["advice"] == "did you mean: plain"
    assert "choose from auto, plain" in error["message"]


def test_wrong_words_raise_what_others_can_catch() -> None:
    with pytest.raises(InvalidInput):
        parse(["digest", "--platfrom", "x", "y"])


# --- The manual page


def parsers() -> Iterator[ArgumentParser]:
    for name in commands.SUMMARIES:
        yield parser_of(name)
        yield from usage.verbs(parser_of(name))


def test_the_manual_has_every_command_and_verb() -> None:
    text = page()
    assert [each.prog for each in parsers() if f'.SS "{quoted(each.prog)} ' not in text] == []


def test_the_manual_has_every_option() -> None:
    """Those of a command in its own section, and those of many commands in theirs."""
    sections = re.split(r"^\.S[SH] ", page(), flags=re.MULTILINE)
    common = usage.names(usage.common())
    shared = next(text for text in sections if text.startswith("OPTIONS OF MANY COMMANDS"))
    missing = {name for name in common if not has(shared, name)}
    for parser in parsers():
        own = next(text for text in sections if text.startswith(f'"{quoted(parser.prog)} '))
        missing |= {name for name in usage.names(parser) - common if not has(own, name)}
    assert missing == set()


def has(section: str, option: str) -> bool:
    return re.search(rf"(?:\\fB|, ){re.escape(quoted(option))}(?=,| |\\f)", section) is not None


def test_the_manual_has_nothing_that_help_has_not() -> None:
    text = page()
    assert "SUPPRESS" not in text
    assert quoted("--help") not in text


def test_the_manual_has_every_exit_code() -> None:
    text = page()
    codes = {0, 1, 130, 141, *(kind.exit_code for kind in Error.__subclasses__())}
    assert [code for code in codes if rf"\fB{code}\fR" not in text] == []


def test_text_is_no_roff() -> None:
    assert quoted(".SH it's 1\\2 a-b") == r"\&.SH it\(aqs 1\(rs2 a\-b"
    assert quoted("sha256:…") == r"sha256:\[u2026]"
    assert quoted("one\n.two") == "one\n\\&.two"
    assert quoted("") == r"\&"


def test_the_manual_is_always_the_same() -> None:
    assert page() == page()


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff")
def test_the_manual_can_be_shown() -> None:
    words = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou"]
    shown = subprocess.run(words, input=page(), capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    assert "pratique copy [OPTION...] SRC DST" in shown.stdout
    assert "pratique delete localhost:5000/app@sha256:…" in shown.stdout
