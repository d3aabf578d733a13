"""Pratique beside every other client that is found, in turns, at the workloads that users have.

    .venv/bin/python -m benchmarks.compare [--rounds N] [--only WORKLOAD] [--registry docker|ours] [--no-tls] [--json FILE]

Peers are crane, regctl, oras, skopeo and umoci where they are found on PATH. Every program runs once through a relay that counts
its bytes; the registry's log counts its requests, and its copy is looked at. Then come the rounds, in which programs take turns
and nothing is counted. Tables with the medians go to standard output, everything else to standard error.

The exit code is 1 where a program failed or where a number of requests is not what it must be. Speed decides nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pratique.server.listen.authority import Issued, issue

from . import machine, table
from .content import FULL, QUICK, Sizes, Stock, make
from .measure import Failed, Figures, Starter, starting
from .programs import Program, installed
from .registries import DOCKER, NONE, OURS, TOKENS, asked_of, relayed, running
from .table import Result
from .workload import Site, Workload
from .workloads import TABLE

ROUNDS = 5
SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class Task:
    """What is measured."""

    workloads: Sequence[Workload]
    kinds: Sequence[str]
    schemes: Sequence[str]
    rounds: int
    sizes: Sizes


def main() -> int:
    """Measure and print."""
    arguments = parser().parse_args()
    task = chosen(arguments)
    programs = installed()
    results: list[Result] = []
    say(", ".join(program.name for program in programs))
    with tempfile.TemporaryDirectory(prefix="pratique-benchmark-", dir=arguments.folder) as name:
        folder = Path(name)
        tls = issue(folder, ["127.0.0.1"])
        described = machine.describe(programs)
        stock = make(folder, task.sizes, tls)
        with starting(folder, tls.authority) as starter:
            for result in measure(task, programs, stock, starter, tls):
                results.append(result)
                if arguments.json:  # after each, so that a run of an hour may be ended early
                    keep(arguments.json, described, task, results)
    for lines in (table.speeds(results, task.sizes), table.costs(results)):
        print("\n".join(lines), end="\n\n")
    broken = [line for result in results for line in result.broken(task.sizes)]
    for line in broken:
        say(f"not as it must be: {line}")
    return int(bool(broken))


def keep(path: Path, described: Mapping[str, object], task: Task, results: Sequence[Result]) -> None:
    """Write all figures."""
    rows = [result.to_json(task.sizes) for result in results]
    path.write_text(json.dumps({"machine": described, "rounds": task.rounds, "results": rows}, indent=1) + "\n")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=ROUNDS)
    made.add_argument("--only", action="append", metavar="WORKLOAD", help="those whose name contains this")
    made.add_argument("--registry", choices=(DOCKER, OURS), help="against this kind only")
    made.add_argument("--tls", action=argparse.BooleanOptionalAction, help="over TLS only, or not at all")
    made.add_argument("--quick", action="store_true", help="little of everything, once: does it run?")
    made.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    made.add_argument("--folder", type=Path, help="where content goes; 4 GiB (the folder for temporary files)")
    return made


def chosen(arguments: argparse.Namespace) -> Task:
    """What the options say."""
    workloads = [each for each in TABLE if not arguments.only or any(word in each.name for word in arguments.only)]
    kinds = {None: (DOCKER, OURS, TOKENS, NONE), DOCKER: (DOCKER, NONE), OURS: (OURS, TOKENS)}[arguments.registry]
    schemes = {None: SCHEMES, True: SCHEMES[1:], False: SCHEMES[:1]}[arguments.tls]
    rounds, sizes = (1, QUICK) if arguments.quick else (arguments.rounds, FULL)
    return Task(workloads, kinds, schemes, rounds, sizes)


def measure(task: Task, programs: Sequence[Program], stock: Stock, starter: Starter, tls: Issued) -> Iterator[Result]:
    """Every workload that is run against a kind of registry, for every kind and scheme."""
    for kind in task.kinds:
        workloads = [workload for workload in task.workloads if kind in workload.kinds]
        schemes = [scheme for scheme in task.schemes if kind != NONE or scheme == "http"]
        for scheme in schemes if workloads else ():
            with placed(kind, scheme, stock, starter, programs[0], tls) as site:
                for workload in workloads:
                    say(f"{workload.name}, {kind}, {scheme}")
                    yield Result(
                        workload, kind, scheme, run(workload, programs, site, min(task.rounds, workload.most_rounds))
                    )


@contextlib.contextmanager
def placed(kind: str, scheme: str, stock: Stock, starter: Starter, pratique: Program, tls: Issued) -> Iterator[Site]:
    """Two registries of a kind."""
    with tempfile.TemporaryDirectory(dir=stock.storage.parent) as name, contextlib.ExitStack() as stack:
        scratch = Path(name)
        folders = (stock.storage, scratch / "storage")
        first, second = (stack.enter_context(running(kind, scheme, each, tls, scratch)) for each in folders)
        site = Site(kind, scheme, first, second, first, second, stock, scratch, starter, pratique)
        yield site
        site.clean()


def run(workload: Workload, programs: Sequence[Program], site: Site, rounds: int) -> dict[str, Figures]:
    """The figures of all programs that can do it: one run that is counted and looked at, then the rounds in turns."""
    workload.setup(site)
    found: dict[str, Figures] = {}
    for program in programs:
        if workload.words(program, site) is not None:
            found[program.name] = counted(workload, program, site)
    taking = [program for program in programs if program.name in found]
    for number in range(rounds):
        for program in taking[number % len(taking) :] + taking[: number % len(taking)]:
            workload.before(site)
            found[program.name].runs.append(site.starter.run(workload.words(program, site) or ()))
    return found


def counted(workload: Workload, program: Program, site: Site) -> Figures:
    """A run through relays. Raises Failed where the program did not do what it was asked."""
    workload.before(site)
    with relayed(site.source) as source, relayed(site.target) as target:
        asked_of(site.servers)
        site.starter.run(workload.words(program, replace(site, source=source, target=target)) or ())
        asked = asked_of(site.servers)
        workload.check(site)
        return Figures(asked=asked, moved=source.moved + target.moved)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # registries and content do not stay behind
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"failed: {error}")
