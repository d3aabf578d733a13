"""Copies from any place to any place: one image, or the tags of a repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypedDict

from ..auth.credentials import ANONYMOUS
from ..errors import InvalidInput, NotFound, Unsupported
from ..http.events import Observer
from ..image.convert import TO_DOCKER, TO_OCI, convert
from ..spec.platform import Platform, wished
from ..spec.reference import endpoint_of, is_tag
from ..stores.base import NAMELESS, Lists, Source, Target
from ..stores.crew import JOBS
from ..stores.locations import DOCKER_ARCHIVE, Location
from ..transfer import copy as transfer
from ..transfer.copy import Options, Result
from ..transfer.plan import Convert
from ..transfer.repository import Failure
from ..transfer.repository import copy_tags as transfer_tags
from ..transfer.selection import Selection
from ..transfer.tags import Choice, pattern, version_range
from ..values import frozen, replace
from .places import Place, located, places

if TYPE_CHECKING:
    import re
    from typing import Unpack

    from ..stores.foreign import Fetch
    from .registries import Registries

Form = Literal["docker", "oci"]
FORMS: Final = {"docker": TO_DOCKER, "oci": TO_OCI}


class How(TypedDict, total=False):
    """How to copy: the keywords that `copy` and `copy_tags` both take."""

    platforms: Iterable[str | Platform]
    """Only these of an index: one is taken alone, several make a smaller index."""
    keep_index: bool
    """With `platforms`: the index as it is, though it lists more."""
    referrers: bool
    """Signatures, SBOMs and whatever else refers to it go along."""
    artifact_types: Iterable[str]
    """Only referrers of these types go along."""
    digest_tags: bool
    """Tags that are named after digests, such as `sha256-….sig`, go along."""
    foreign: bool
    """Layers that live elsewhere by their `urls` are moved as well."""
    form: Form | None
    """Manifests are converted to Docker's or OCI's form, and get other digests."""
    no_clobber: bool
    """Tags that exist are left as they are."""
    verify: bool
    """Content for a registry is hashed here, too, and not by that registry alone."""
    dry_run: bool
    """Nothing is copied; the results have the plan."""
    jobs: int
    """So many blobs at once (8)."""


def copy(
    source: str | Location,
    target: str | Location,
    *,
    tags: Sequence[str] = (),
    registries: Registries | None = None,
    target_registries: Registries | None = None,
    tell: Observer | None = None,
    **how: Unpack[How],
) -> Result:
    """Copy an image, an index or an artifact with everything that it needs, every digest kept.

    Places are `registry/repository[:tag][@digest]`, `oci:PATH[:NAME]`, `oci-archive:PATH[:NAME]`, `dir:PATH` and
    `docker-archive:PATH[:NAME]`. What is there is not sent; where all is there nothing is done. `tags` are further names at the
    target.

    Both sides are reached by `registries`, or the target by `target_registries`, as somebody else; without any by what `connect`
    finds on this machine. `tell` is called with each Event of the copy, by default whoever the registries tell. `how` are the
    keywords of `How`.

    Raises NotFound, Refused, Unreachable, ContentMismatch, Misbehaved, Unsupported, InvalidInput. What has arrived of an
    unfinished copy is kept, and the next goes on from there.
    """
    _check_several("tags", tags)
    with _opened(source, target, registries, target_registries, tell, how) as copying:
        copying.check_digest()
        names = list(dict.fromkeys([copying.first_name(), *tags]))
        return transfer.copy(
            copying.reading, copying.source.name, copying.writing, names, options=copying.options, tell=copying.tell
        )


def copy_tags(
    source: str | Location,
    target: str | Location,
    *,
    include: str | re.Pattern[str] | None = None,
    exclude: str | re.Pattern[str] | None = None,
    semver: str | Callable[[str], bool] | None = None,
    newest: int | None = None,
    keep_going: bool = False,
    registries: Registries | None = None,
    target_registries: Registries | None = None,
    tell: Observer | None = None,
    **how: Unpack[How],
) -> list[Result | Failure]:
    """Copy tags of a repository, each under its own name; what they share is moved once.

    Those are all, or those that match the regular expressions `include` and not `exclude` as a whole, the versions in the range
    `semver` (">=1.2 <2"), and of these the `newest` so many. With `keep_going` what fails is among the results; else the first
    failure is raised. The rest is as with `copy`.
    """
    _check_positive("newest", newest)
    with _opened(source, target, registries, target_registries, tell, how) as copying:
        copying.check_unnamed()
        if not isinstance(copying.reading, Lists):
            raise Unsupported(f"{copying.source} does not list its names")
        tags = Choice(_pattern(include), _pattern(exclude), _range(semver), newest).of(copying.reading.tags())
        if not tags:
            raise NotFound(f"{copying.source} has no tags to copy")
        return transfer_tags(
            copying.reading,
            copying.writing,
            tags,
            options=copying.options,
            renamed=copying.renaming(),
            keep_going=keep_going,
            tell=copying.tell,
        )


@frozen
class _Copying:
    """Both sides of a copy, opened, and how to copy."""

    source: Location
    target: Location
    reading: Source
    writing: Target
    options: Options
    tell: Observer

    def check_digest(self) -> None:
        """Raise InvalidInput where the target names another digest than what would be there."""
        wanted = self.target.reference.digest if self.target.reference else None
        if wanted is None:
            return
        found = self.reading.resolve(self.source.name).digest
        if self.options.is_altering or found != wanted:
            raise InvalidInput(f"{self.target} names another digest than what would be there: {self.source} is {found}")

    def check_unnamed(self) -> None:
        """Raise InvalidInput where a side names one image."""
        for place in (self.source, self.target):
            if place.said:
                raise InvalidInput(
                    f"{place} names one image, and all tags are to be copied", advice="leave the tag out"
                )

    def first_name(self) -> str:
        """The name under which the root appears: the one in the target, or else the source's."""
        place, source = self.target.reference, self.source
        if place is None:
            return self.target.name
        if place.tag is not None or place.digest is not None:
            return place.tag or NAMELESS
        if source.reference is not None:  # by a digest it stays without a name: nobody means `latest` by saying nothing
            return source.reference.tag or (NAMELESS if source.reference.digest else source.name)
        return source.name if is_tag(source.name) else NAMELESS

    def renaming(self) -> Callable[[str], str]:
        """What a tag is called at the target: an archive of Docker's has the repository in each name."""
        reference = self.source.reference
        if self.target.kind != DOCKER_ARCHIVE or reference is None:
            return str
        return lambda tag: f"{reference.place}:{tag}"


@contextmanager
def _opened(
    source: Place,
    target: Place,
    registries: Registries | None,
    target_registries: Registries | None,
    tell: Observer | None,
    how: How,
) -> Iterator[_Copying]:
    """Both stores. What is staged appears when all went well, and not at all otherwise."""
    _check_known(how)
    source, target, options = located(source), located(target), _options(**how)
    with ExitStack() as stack:
        here = stack.enter_context(places(registries, tell))
        there = stack.enter_context(places(target_registries, tell)) if target_registries else here
        reading = here.source(source, beside=target)
        writing = there.target(target, beside=reading)
        fetch = _elsewhere(source, here.reached(), stack) if how.get("foreign") else None
        known = here if here.registries else there
        if known.registries and (spans := known.registries.settings.spans):
            stack.enter_context(spans.copy(str(source), str(target)))
        options = replace(options, foreign=fetch, most_manifest_bytes=known.most_manifest_bytes)
        yield _Copying(source, target, reading, writing, options, known.tell)
        if not options.dry_run:
            there.finish()


def _elsewhere(source: Location, registries: Registries, stack: ExitStack) -> Fetch:
    """How to get what lives elsewhere: as anybody could, whatever credentials the program has."""
    from ..stores.foreign import fetching

    anybody = stack.enter_context(registries.alike(named=frozenset(), credentials=ANONYMOUS))
    if source.reference is None:
        return fetching(anybody.session)
    return fetching(anybody.session, partial(registries.session.is_private, endpoint_of(source.reference.registry)))


def _options(
    *,
    platforms: Iterable[str | Platform] = (),
    keep_index: bool = False,
    referrers: bool = False,
    artifact_types: Iterable[str] = (),
    digest_tags: bool = False,
    foreign: bool = False,  # noqa: ARG001  (which takes a session)
    form: Form | None = None,
    no_clobber: bool = False,
    verify: bool = False,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> Options:
    """The keywords of `How` as a value. Raises InvalidInput."""
    _check_several("platforms", platforms)
    _check_several("artifact_types", artifact_types)
    _check_positive("jobs", jobs)
    types = tuple(artifact_types)
    if form and (keep_index or referrers or types or digest_tags):
        raise InvalidInput("another form changes digests, by which keep_index, referrers and digest_tags go")
    return Options(
        select=Selection(tuple(map(wished, platforms)), keep_index),
        convert=_conversion(form),
        no_clobber=no_clobber,
        dry_run=dry_run,
        referrers=referrers or bool(types),
        artifact_types=types,
        digest_tags=digest_tags,
        verify=verify,
        jobs=jobs,
    )


def _check_known(how: How) -> None:
    """Raise TypeError for a keyword that there is not, as Python does, with those that there are."""
    for keyword in how.keys() - How.__annotations__.keys():
        raise TypeError(f"a copy has no keyword {keyword!r}; it has {', '.join(How.__annotations__)}")


def _check_several(keyword: str, values: Iterable[object]) -> None:
    """Raise InvalidInput for one text where several are wanted: each of its letters would be taken for one."""
    if isinstance(values, str):
        raise InvalidInput(f"{keyword} are several, and {values!r} is one", advice=f"write {keyword}=[{values!r}]")


def _check_positive(keyword: str, number: int | None) -> None:
    if number is not None and number < 1:
        raise InvalidInput(f"{keyword} is at least 1, and {number} was given")


def _conversion(form: Form | None) -> Convert | None:
    if form is None:
        return None
    if form not in FORMS:
        raise InvalidInput(f"{form!r} is no form of manifests", advice=f"known are {', '.join(sorted(FORMS))}")
    types = FORMS[form]
    return lambda manifest, replaced: convert(manifest, types, replaced)


def _pattern(tags: str | re.Pattern[str] | None) -> re.Pattern[str] | None:
    return pattern(tags) if isinstance(tags, str) else tags


def _range(semver: str | Callable[[str], bool] | None) -> Callable[[str], bool] | None:
    return version_range(semver) if isinstance(semver, str) else semver
