"""From words to a command, and from an error to one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Final, NoReturn

from ..errors import Error, InvalidInput
from . import commands, options
from .output import Output

INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141  # as a shell reports a program that SIGPIPE ended


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours, and whose usage leaves the options to the list below it."""

    _width: int | None = 80

    def format_help(self) -> str:
        self._width = None  # that of the terminal
        wanted = [action.metavar or action.dest for action in self._actions if not action.option_strings]
        self.usage = " ".join(["%(prog)s", "[OPTION...]", *map(str, wanted)])
        return super().format_help()

    def _get_formatter(self) -> argparse.HelpFormatter:
        # argparse makes one with each option that is added; to find out the terminal's width takes all of `shutil`.
        return self.formatter_class(prog=self.prog, width=self._width)  # type: ignore[call-arg]

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(message, advice=f"see: {self.prog} --help")


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
    except Exception as error:
        output.bug(error)
        return 1
    return code


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command; only its own module is imported. Raises InvalidInput; exits for --help."""
    top = Parser(prog="pratique", add_help=False, usage="pratique COMMAND [OPTION...] [ARGUMENT...]")
    options.add_global(top, defaults=True)
    options.add_registry(top, defaults=True)
    top.add_argument("-h", "--help", action="store_true")
    top.add_argument("command", nargs=argparse.REMAINDER)
    arguments = top.parse_args(words)
    if arguments.help or not arguments.command:
        print(overview())
        sys.exit(0 if arguments.help else InvalidInput.exit_code)
    name, *rest = arguments.command
    if name == "help":
        return parse([*rest, "--help"])
    module = _module(name)
    parser = Parser(
        prog=f"pratique {name}",
        description=module.__doc__,
        epilog=getattr(module, "EXAMPLES", None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.configure(parser)
    del arguments.help, arguments.command
    return parser.parse_args(rest, arguments)


def overview() -> str:
    """The commands, for people who ask for nothing else."""
    lines = [f"  {name:<10} {summary}" for name, summary in commands.SUMMARIES.items()]
    return "\n".join(
        [
            "usage: pratique COMMAND [OPTION...] [ARGUMENT...]",
            "",
            "Move, inspect and remove container images and artifacts, on every registry.",
            "",
            "commands:",
            *lines,
            "",
            "pratique COMMAND --help says more, with examples. --version prints the version.",
        ]
    )


def _module(name: str) -> ModuleType:
    if name not in commands.SUMMARIES:
        from difflib import get_close_matches

        near = get_close_matches(name, commands.SUMMARIES, n=1)
        meant = f"did you mean: pratique {near[0]}" if near else "see: pratique --help"
        raise InvalidInput(f"there is no command {name[:80]!r}", advice=meant)
    return import_module(f"{commands.__name__}.{name}")
