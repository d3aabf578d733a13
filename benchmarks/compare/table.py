"""Results as tables in Markdown, and the judgement on each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .content import Sizes
from .measure import Figures
from .programs import PYTHON, Pratique
from .workload import BEST, Limit, Workload

OURS = Pratique.name
UNITS = {"wall": (1, "s", 2), "cpu": (1, "s", 2), "memory": (1, "MB", 0), "moved": (1e-6, "MB", 1)}


@dataclass(frozen=True, slots=True)
class Result:
    """All programs at one workload, against one kind of registry, over one scheme."""

    workload: Workload
    kind: str
    scheme: str
    figures: Mapping[str, Figures]

    @property
    def peers(self) -> dict[str, Figures]:
        return {name: each for name, each in self.figures.items() if name not in (OURS, PYTHON)}

    def beside(self, limit: Limit) -> tuple[str, float]:
        """Which program Pratique is compared with, and what that takes; nothing where there is none."""
        names = list(self.peers) if limit.beside == BEST else [limit.beside] if limit.beside in self.figures else []
        return min(
            ((name, self.figures[name].median(limit.figure)) for name in names),
            key=lambda each: each[1],
            default=("", 0.0),
        )

    def found(self, limit: Limit) -> float | None:
        """What the limit is about: a figure, or a ratio, or nothing where nobody is there to be compared with."""
        ours = self.figures[OURS].median(limit.figure)
        if not limit.beside:
            return ours
        _, other = self.beside(limit)
        return ours / other if other else None

    def keeps(self, limit: Limit, sizes: Sizes) -> bool:
        found = self.found(limit)
        return found is None or limit.least <= found <= limit.most_of(sizes)

    def broken(self, sizes: Sizes) -> Iterator[str]:
        """What must be exact and is not, as sentences."""
        for limit in self.workload.limits_for(self.scheme):
            if limit.exact and not self.keeps(limit, sizes):
                what = f"{self.workload.name}, {self.kind}, {self.scheme}"
                most = limit.most_of(sizes)
                yield f"{what}: {self.found(limit):g} {limit.figure}, allowed are {limit.least:g} to {most:g}"

    def to_json(self, sizes: Sizes) -> dict[str, object]:
        limits = [
            {
                "figure": limit.figure,
                "beside": self.beside(limit)[0],
                "most": limit.most_of(sizes),
                "found": self.found(limit),
            }
            for limit in self.workload.limits_for(self.scheme)
        ]
        figures = {name: each.to_json() for name, each in self.figures.items()}
        return {
            "workload": self.workload.name,
            "registry": self.kind,
            "scheme": self.scheme,
            "limits": limits,
            "figures": figures,
        }


def speeds(results: list[Result], sizes: Sizes) -> Iterator[str]:
    """Seconds of every program, the ratio to whom Pratique is compared with, and the target."""
    names = list(dict.fromkeys(name for result in results for name in result.figures))
    yield row("workload", "registry", "", *names, "ratio", "target")
    yield row(*["---"] * (5 + len(names)))
    for result in results:
        times = [f"{result.figures[name].median('wall'):.3f}" if name in result.figures else "" for name in names]
        walls = [limit for limit in result.workload.limits_for(result.scheme) if limit.figure == "wall"]
        ratios = "; ".join(_judged(result, limit, sizes) for limit in walls)
        targets = "; ".join(_target(limit) for limit in walls)
        yield row(result.workload.name, result.kind, result.scheme, *times, ratios, targets)


def costs(results: list[Result]) -> Iterator[str]:
    """Processor, memory, requests and bytes of Pratique, and the least of each that a peer takes."""
    yield row("workload", "registry", "", "CPU s", "peak MB", "requests", "MB on the wire")
    yield row(*["---"] * 7)
    for result in results:
        cells = [
            _beside(result, figure, form) for figure, form in (("cpu", ".2f"), ("memory", ".0f"), ("requests", ".0f"))
        ]
        yield row(result.workload.name, result.kind, result.scheme, *cells, _beside(result, "moved", ".2f", 1e-6))


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _beside(result: Result, figure: str, form: str, unit: float = 1) -> str:
    ours = format(result.figures[OURS].median(figure) * unit, form)
    name, least = result.beside(Limit(figure, 0, BEST))
    return f"{ours} ({name} {format(least * unit, form)})" if name else ours


def _judged(result: Result, limit: Limit, sizes: Sizes) -> str:
    found = result.found(limit)
    if found is None:
        return "nobody to compare with"
    name = result.beside(limit)[0]
    text = f"{found:.2f}" + (f" of {name}" if name else " s")
    return text if result.keeps(limit, sizes) else f"**{text}**"


def _target(limit: Limit) -> str:
    return f"{limit.most:g}" + (
        f" of {limit.beside}" if limit.beside not in ("", BEST) else "" if limit.beside else " s"
    )
