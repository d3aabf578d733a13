"""The file system that layers make together, as one tar (layer.md §Applying Changesets).

Members are copied as they stand, from the lowest layer up, so that a folder comes before what is in it and a file before the hard
links to it. What a higher layer takes away has to be known before: the headers of all layers but the lowest are read first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ...errors import InvalidInput
from ...stores.crew import in_parallel
from ...stores.header import BLOCK, FILE, LINK
from ...values import field, record
from . import header
from .header import Member
from .pieces import LAYERS_AT_ONCE, Packed
from .walk import Walk, Write
from .whiteout import Shadow, check_kept, is_whiteout

END: Final = bytes(2 * BLOCK)  # of a tar

Hides = Callable[[int, bytes, bytes], bool]  # whether a name of a layer, and of a kind, is left out

MOST_LINKS: Final = 40  # hard links that are gone, to hard links that are: each may want a layer read again


def overlay(layers: Sequence[Packed], write: Write) -> None:
    """Write the file system of `layers`, from the base up, as one tar.

    A layer that has a name twice keeps both: the last wins, as it did before. A hard link to a file that is not there any more
    becomes that file. Memory is needed for the names, never for the content.
    Raises InvalidInput for layers that are no tars, are damaged or grow too much, and what opening them raises.
    """
    shadow = Shadow()
    for higher in in_parallel(_shadow, list(enumerate(layers))[1:], LAYERS_AT_ONCE):
        shadow.add(higher)
    done = set[bytes]()  # folders that were written for a higher layer
    top = len(layers) - 1

    def put(number: int, member: Member, walk: Walk) -> None:
        if is_whiteout(member.name):
            return
        if not member.is_folder:
            walk.keep()
        elif member.name not in done:
            # A folder stands where it first stood, with what was said of it last.
            highest, headers = shadow.folders.get(member.name, (number, b""))
            if headers:
                done.add(member.name)
            walk.keep(headers if highest >= number and headers != member.headers else b"")

    passing = Passing(layers, shadow.hides, put, write)
    for number in range(len(layers)):
        if number == top:
            passing.hides = _hides_nothing  # as `shadow` does, only faster
        passing.add(number)
    write(END)


@record
class Passing:
    """Layers on their way into one tar: what `hides` says is left out, and `put` keeps what it likes of the rest.

    Hard links to what is left out are not lost: the first becomes the file, and the others lead to that.
    """

    layers: Sequence[Packed]
    hides: Hides
    put: Callable[[int, Member, Walk], None]
    write: Write
    orphans: dict[bytes, list[Member]] = field(default_factory=dict)  # hard links by the lost names that they lead to
    heirs: dict[tuple[int, bytes], bytes] = field(default_factory=dict)  # what lost files are called now, by layer
    kept: int = 0  # bytes of the names of these

    def add(self, number: int) -> None:
        """Write what is left of a layer."""
        layer = self.layers[number]
        lost, gone = dict[bytes, bytes](), dict[bytes, bytes]()  # where links lead to that stay, and that do not
        hides, put, waiting = self.hides, self.put, 0
        with layer.pieces() as pieces:
            walk = Walk(pieces, layer.what, self.write)
            for member in walk:
                is_lost = member.kind == LINK and (member.link in lost or hides(number, member.link, FILE))
                if hides(number, member.name, member.kind):
                    if is_lost:
                        gone[member.name] = gone.get(member.link, member.link)
                        check_kept(waiting := waiting + len(member.headers))
                    elif gone:
                        gone.pop(member.name, None)
                elif is_lost:
                    lost[member.name] = lost.get(member.link) or gone.get(member.link, member.link)
                    self.orphans.setdefault(lost[member.name], []).append(member)
                    check_kept(waiting := waiting + len(member.headers))
                else:
                    put(number, member, walk)
        followed, again = set[bytes](), 0
        while self.orphans and number >= 0:
            if not self._adopt(number, followed):
                number -= 1
            elif (again := again + 1) > MOST_LINKS:
                raise InvalidInput(f"{layer.what} has hard links that lead through more than {MOST_LINKS} others")
        self.orphans.clear()

    def _adopt(self, number: int, followed: set[bytes]) -> bool:
        """Write the files that orphans lead to, as far as a layer has them; whether a link to a link wants it read again."""
        layer, others = self.layers[number], list[bytes]()
        again = False
        with layer.pieces() as pieces:
            walk = Walk(pieces, layer.what, self.write)
            for member in walk:
                if member.name not in self.orphans or member.name in followed:
                    continue
                links = self.orphans.pop(member.name)
                if member.kind != LINK:
                    heir = self.heirs.get((number, member.name))
                    if heir is None:
                        heir = self._inherit(number, member.name, links.pop(0).name)
                        walk.keep(header.renamed(member, heir).headers)
                    others += [header.renamed(link, link.name, heir).headers for link in links]
                elif self.hides(number, member.link, FILE):
                    followed.add(member.name)
                    self.orphans.setdefault(member.link, []).extend(links)
                    again = True
                else:
                    others += [header.renamed(link, link.name, member.link).headers for link in links]
        for headers in others:
            self.write(headers)
        return again

    def _inherit(self, number: int, name: bytes, heir: bytes) -> bytes:
        """Remember what a lost file of a layer is called now: links of higher layers may lead to it, too."""
        self.kept += len(name) + len(heir)
        check_kept(self.kept)
        return self.heirs.setdefault((number, name), heir)


def _shadow(numbered: tuple[int, Packed]) -> Shadow:
    number, layer = numbered
    with layer.pieces() as pieces:
        return Shadow.of(number, Walk(pieces, layer.what))


def _hides_nothing(*_: object) -> bool:
    return False
