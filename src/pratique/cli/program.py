"""From words to a command, and from an error to one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Final, NoReturn

from ..errors import Error, InvalidInput, Unsupported
from . import commands, options
from .output import Output

INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141  # as a shell reports a program that SIGPIPE ended

PURPOSE: Final = "Move, inspect and remove container images and artifacts, on every registry."
_TIMES: Final = {"+": "{}...", "*": "[{}...]", "?": "[{}]"}  # how often an argument may stand, by its `nargs`


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours, and whose usage leaves the options to the list below it."""

    _width: int | None = 80
    _is_mixing = False

    def __init__(self, **kwargs: Any) -> None:
        # A script that abbreviates an option would break with the next one that begins alike.
        super().__init__(**kwargs, allow_abbrev=False)

    def format_help(self) -> str:
        self._width = None  # that of the terminal
        wanted = [argument(action) for action in self._actions if not action.option_strings]
        self.usage = " ".join(["%(prog)s", "[OPTION...]", *wanted])
        return super().format_help()

    def _get_formatter(self) -> argparse.HelpFormatter:
        # argparse makes one with each option that is added; to find out the terminal's width takes all of `shutil`.
        return self.formatter_class(prog=self.prog, width=self._width)  # type: ignore[call-arg]

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        words = sys.argv[1:] if args is None else list(args)
        found, unknown = self.parse_known_args(words, namespace)
        if unknown:
            shown = [word.partition("=")[0] for word in unknown]  # what is behind a sign may be a secret
            advice = self._meant(shown[0], self._options(words))
            raise InvalidInput(f"unrecognized arguments: {' '.join(shown)}", advice=advice)
        return found

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The arguments and what is not known; options may stand before, among and after arguments that may be left out."""
        is_open = any(not action.option_strings and action.nargs in _TIMES for action in self._actions)
        if self._is_mixing or not is_open:
            return super().parse_known_args(args, namespace)
        self._is_mixing = True  # argparse comes here again, for the options and for the rest
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_mixing = False

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(message, advice=f"see: {self.prog} --help")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [*map(str, action.choices)]
            name = "/".join(action.option_strings) or action.metavar or action.dest
            message = f"argument {name}: invalid choice: {value!r} (choose from {', '.join(known)})"
            raise InvalidInput(message, advice=self._meant(str(value), known))

    def _options(self, words: Sequence[str]) -> Iterator[str]:
        """The options of the parser, and of those of its verbs that are among the words."""
        for action in self._actions:
            yield from action.option_strings
            if isinstance(action.choices, dict):
                for verb in set(words) & set(action.choices):
                    yield from action.choices[verb]._options(words)

    def _meant(self, word: str, known: Iterable[str]) -> str:
        """What to say to somebody who wrote a word that is not known."""
        return f"did you mean: {near}" if (near := nearest(word, known)) else f"see: {self.prog} --help"


def run(words: Sequence[str]) -> int:
    """Run the command that the words name; the result is the exit code."""
    output = Output(as_json="--json" in words, debug="--debug" in words)
    try:
        arguments = parse(words)
        output = Output(as_json=arguments.json, quiet=arguments.quiet, debug=arguments.debug)
        code: int = arguments.run(arguments, output) or 0
        output.flush()
    except Error as error:
        output.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        output.note("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; what is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:  # of files that a command reads or writes; the network's have errors of their own
        output.fail(InvalidInput(f"{error.filename or 'a file'}: {error.strerror or error}"))
        return InvalidInput.exit_code
    except ModuleNotFoundError as error:
        output.fail(_lacking(error))
        return Unsupported.exit_code
    except Exception as error:
        output.bug(error)
        return 1
    return code


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command; only its own module is imported. Raises InvalidInput; exits for --help."""
    arguments = argparse.Namespace(**options.DEFAULTS)
    name, *rest = words if words and words[0] in commands.SUMMARIES else _after_options(words, arguments)
    if name == "help":
        return parse([*rest, "--help"])
    found: argparse.Namespace = parser_of(name).parse_args(rest, arguments)
    return found


def _after_options(words: Sequence[str], arguments: argparse.Namespace) -> list[str]:
    """The command and what follows it, where options may stand before it. Raises InvalidInput; exits for --help."""
    top = Parser(prog="pratique", add_help=False, usage="pratique COMMAND [OPTION...] [ARGUMENT...]")
    options.add_global(top)
    options.add_registry(top)
    top.add_argument("-h", "--help", action="store_true")
    top.add_argument("command", nargs=argparse.REMAINDER)
    top.parse_args(words, arguments)
    command: list[str] = arguments.command
    if arguments.help or not command:
        print(overview())
        sys.exit(0 if arguments.help else InvalidInput.exit_code)
    del arguments.help, arguments.command
    return command


def parser_of(name: str) -> Parser:
    """The parser of a command; only the command's own module is imported. Raises InvalidInput where there is none."""
    module = load(name)
    parser = Parser(
        prog=f"pratique {name}",
        description=module.__doc__,
        epilog=module.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.configure(parser)
    _give_examples(parser, module.EXAMPLES)
    return parser


def _give_examples(parser: Parser, examples: str) -> None:
    """Let the help of each verb show those of the command's examples that are its own."""
    heading, *lines = examples.splitlines()
    for action in parser._actions:
        for verb in action.choices.values() if isinstance(action.choices, dict) else ():
            own = [line for line in lines if f"{verb.prog} " in line]
            if own:
                verb.epilog, verb.formatter_class = "\n".join([heading, *own]), parser.formatter_class


def overview() -> str:
    """The commands, for people who ask for nothing else."""
    lines = [f"  {name:<11} {summary}" for name, summary in commands.SUMMARIES.items()]
    return "\n".join(
        [
            "usage: pratique COMMAND [OPTION...] [ARGUMENT...]",
            "",
            PURPOSE,
            "",
            "commands:",
            *lines,
            "",
            "pratique COMMAND --help says more, with examples. --version prints the version.",
        ]
    )


def argument(action: argparse.Action) -> str:
    """An argument as it stands in a command."""
    times = getattr(action, "save_nargs", action.nargs)  # where argparse puts it while it reads the options alone
    return _TIMES.get(str(times), "{}").format(action.metavar or action.dest)


def load(name: str) -> ModuleType:
    """The module of a command. Raises InvalidInput where there is none."""
    if name not in commands.SUMMARIES:
        near = commands.ELSEWHERE.get(name) or nearest(name, commands.SUMMARIES)
        meant = f"did you mean: pratique {near}" if near else "see: pratique --help"
        raise InvalidInput(f"there is no command {name[:80]!r}", advice=meant)
    return import_module(f"{commands.__name__}.{name.replace('-', '_')}")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like another one, if any is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, n=1)), None)


def _lacking(error: ModuleNotFoundError) -> Unsupported:
    """The single file `pratique.pyz` has none of the modules that are compiled for one system."""
    return Unsupported(
        f"this needs the Python module {error.name}, which is not installed",
        advice="pip install pratique brings it along",
    )
