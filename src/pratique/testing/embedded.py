"""The embedded registry for a test: started and stopped in milliseconds, and it tells what it saw."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..auth.authenticator import Authenticator
from ..auth.credentials import ANONYMOUS, Credential, Given
from ..auth.scopes import ScopeSet
from ..config.files import replace_json
from ..http.message import Body, Request, Response, Transport, Unanswered
from ..http.reach import everywhere, usual
from ..http.session import Session
from ..http.transport import HttpTransport
from ..http.trust import Trust
from ..image.sample import Sample, image, index
from ..server.access.file import load as load_access
from ..server.access.rules import Access
from ..server.app import RegistryApp
from ..server.faults.fault import Fault
from ..server.faults.file import Faults
from ..server.listen.listener import Listener
from ..server.storage.repositories import Storage
from ..spec.descriptor import Descriptor
from ..spec.platform import Platform
from ..spec.reference import Reference
from ..stores.registry import Registry, Repository
from .recording import Recording, Seen

if TYPE_CHECKING:
    from ..server.listen.authority import Issued

IN_PROCESS: Final = "registry.test"  # what a registry without sockets is called
NOWHERE: Final = ".invalid"
PLATFORMS: Final = ("linux/amd64", "linux/arm64")

Rules = Mapping[str, Mapping[str, Sequence[str]]]


class Embedded:
    """A registry under test.

    `address` is `host:port`, as it stands in a reference; `url` the root of the registry. `transport` reaches it in this
    process, whether it listens or not; every origin leads to it, but names that lead nowhere (`.invalid`, RFC 2606 §2).
    `faults` tells the faults that happened.
    """

    def __init__(
        self,
        folder: Path,
        storage: Storage,
        recording: Recording,
        faults: Faults,
        listener: Listener | None,
        ca_file: Path | None,
    ) -> None:
        self._folder = folder
        self._open = RegistryApp(storage, sparse=True).handle  # for content that is there before the test begins
        self._recording = recording
        self._listens = listener is not None
        self.transport: Transport = self._reach
        self.faults = faults
        self.ca_file = ca_file
        self.address = listener.address if listener else IN_PROCESS
        self.url = listener.url if listener else f"https://{IN_PROCESS}"

    @property
    def requests(self) -> list[Seen]:
        """What was asked, in turn: method, path and status of each request, and whatever else it said."""
        return self._recording.seen

    def __repr__(self) -> str:
        return f"<registry at {self.url}>"

    @property
    def lines(self) -> list[str]:
        """What was asked, a line each, for reading: `GET /v2/ 200`."""
        return [f"{seen.method} {seen.path} {seen.status or '-'}" for seen in self.requests]

    def _reach(self, request: Request) -> Response:
        if request.origin.host.endswith(NOWHERE):
            raise Unanswered(f"{request}: no connection to {request.origin}", transient=False)
        return self._recording(request)

    # --- As the library sees it

    @contextmanager
    def session(self, credential: str | Credential = "", **options: Any) -> Iterator[Session[ScopeSet]]:
        """A session of the library with the credential `user:password`; `options` are those of `Session`.

        It uses sockets where the registry listens.
        """
        found = Credential.parse(credential, "the test") if isinstance(credential, str) and credential else credential
        given = Given(found, frozenset([self.address])) if isinstance(found, Credential) else ANONYMOUS
        reaches = everywhere(trust=Trust(ca_file=str(self.ca_file))) if self.ca_file else usual
        transport = HttpTransport(reaches) if self._listens else self.transport
        session: Session[ScopeSet] = Session(transport, Authenticator(given), reaches=reaches, **options)
        try:
            yield session
        finally:
            session.close()

    @contextmanager
    def repository(self, name: str, credential: str | Credential = "", **options: Any) -> Iterator[Repository]:
        """A repository as the library sees it; the rest is as with `session`."""
        with self.session(credential, **options) as session:
            yield Registry(session, self.address).repository(name)

    # --- Content that is there before the test begins

    def push_image(
        self, name: str, files: Mapping[str, bytes] | None = None, *, platforms: Sequence[str] = PLATFORMS
    ) -> Descriptor:
        """Put a small image under `repository:tag`, an index where there are several platforms.

        No fault happens to it, no permission is needed, and it is not seen.
        """
        content = files or {"hello": b"#!/bin/sh\necho hello\n"}
        images = [image(Platform.parse(platform), content) for platform in platforms]
        return self.push(images[0] if len(images) == 1 else index(images), name)

    def push(self, sample: Sample, name: str) -> Descriptor:
        """Put everything of an image or index under `repository:tag`, in the same way."""
        reference = Reference.parse(f"{self.address}/{name}")
        session: Session[ScopeSet] = Session(self._open, Authenticator())
        repository = Repository(session, self.address, reference.repository)
        for part in sample.below:
            repository.push(part.descriptor, Body.of(part.raw).open)
        root = sample.root
        repository.push(root.descriptor, Body.of(root.raw).open, tags=[reference.tag] if reference.tag else [])
        return root.descriptor

    # --- What other programs are given

    def authfile(self, credential: str) -> Path:
        """A file with the credential `user:password` for this registry, as Docker's and Podman's programs read it."""
        encoded = base64.b64encode(credential.encode()).decode()
        path = self._folder / f"{credential.partition(':')[0]}.json"
        replace_json(path, {"auths": {self.address: {"auth": encoded}}})
        return path


@contextmanager
def registry(
    *,
    sockets: bool = True,
    host: str = "127.0.0.1",
    tls: bool = False,
    storage: Path | str | None = None,
    users: Mapping[str, str] | None = None,
    rules: Rules | None = None,
    scheme: str = "basic",
    htpasswd: Path | str | None = None,
    access: Access | str | None = None,
    faults: Iterable[Fault | Mapping[str, Any] | str] = (),
    seed: int = 0,
) -> Iterator[Embedded]:
    """Run a registry until the end of the block: on a free port of `host`, or, without `sockets`, in this process alone.

    `tls` makes a certificate, which `ca_file` of the registry trusts. `storage` is a folder, by default one that goes with
    the registry. Who may do what: `users` are names and passwords (plain or bcrypt), `htpasswd` is a file of them, `rules`
    are patterns of repositories with what each user, or `anonymous`, may do there, `scheme` is "basic" or "bearer"; or
    `access` says all of it, as a value or as the text of an access file. `faults` are names of manners, tables
    as a file of faults has them, or faults; `seed` is of their probabilities.

    Raises InvalidInput.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pratique-")))
        keep = Storage(Path(storage) if storage is not None else folder / "storage")
        text = _access_file(users or {}, rules or {}, scheme, htpasswd) if access is None else access
        app = RegistryApp(keep, text if isinstance(text, Access) else _loaded(folder, text))
        happening = Faults([each if isinstance(each, Fault) else Fault.of(each) for each in faults], seed)
        recording = Recording(happening.before(app.handle))
        issued = _issued(folder, host) if tls else None
        listener = Listener(recording, host, certificate=issued.certificate if issued else None) if sockets else None
        if listener:
            stack.enter_context(listener)
        yield Embedded(folder, keep, recording, happening, listener, issued.authority if issued else None)


def _issued(folder: Path, host: str) -> Issued:
    # It takes a tenth of a second to import, and only TLS needs it.
    from ..server.listen.authority import issue

    return issue(folder, [host])


def _loaded(folder: Path, text: str) -> Access:
    file = folder / "access.toml"
    file.write_text(text, "utf-8")
    return load_access(file)


def _access_file(users: Mapping[str, str], rules: Rules, scheme: str, htpasswd: Path | str | None) -> str:
    """The text of an access file. A string of JSON is one of TOML, too."""
    lines = [f"scheme = {json.dumps(scheme)}"]
    if htpasswd is not None:
        lines.append(f"htpasswd = {json.dumps(str(Path(htpasswd).absolute()))}")
    lines += ["[users]", *(f"{json.dumps(user)} = {json.dumps(password)}" for user, password in users.items())]
    for pattern, allow in rules.items():
        permitted = ", ".join(f"{json.dumps(user)} = {json.dumps([*actions])}" for user, actions in allow.items())
        lines += ["[[repositories]]", f"pattern = {json.dumps(pattern)}", f"allow = {{ {permitted} }}"]
    return "\n".join(lines) + "\n"
