"""Print a script with which a shell completes the commands, options, repositories and tags that are being typed."""

from __future__ import annotations

import argparse
from typing import Final

from .. import options
from ..output import Output

EXAMPLES = """examples:
  source <(pratique completion bash)
  pratique completion bash > ~/.local/share/bash-completion/completions/pratique
  pratique completion zsh > ~/.zfunc/_pratique          ~/.zfunc being a folder of $fpath
  pratique completion fish > ~/.config/fish/completions/pratique.fish"""

SHELLS: Final = ("bash", "zsh", "fish")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash, zsh or fish")
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    from argcomplete.shell_integration import shellcode

    # Without the shell's own completion by file names where we have none: a registry is no file.
    script = shellcode(["pratique"], shell=arguments.shell, complete_arguments=["-o", "nospace"])
    if output.as_json:
        output.document({"shell": arguments.shell, "script": script})
    else:
        output.raw(script.encode())
