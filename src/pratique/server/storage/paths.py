"""Where things lie in the storage's folder, in the layout of Docker's distribution.

```
docker/registry/v2/
  blobs/<algorithm>/<xx>/<hex>/data              content, xx being the first two digits of its hash
  repositories/<name>/
    _layers/<algorithm>/<hex>/link               the repository has this blob
    _manifests/revisions/<algorithm>/<hex>/link  the repository has this manifest
    _manifests/revisions/<algorithm>/<hex>/media-type    (ours) its type, where the document does not say
    _manifests/tags/<tag>/current/link           what the tag points at
    _manifests/tags/<tag>/index/<algorithm>/<hex>/link   what it ever pointed at
    _uploads/<id>/data, startedat                an upload that is not finished
pratique/                                        (ours) keys, locks
```

A link is a file that holds a digest.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ...errors import InvalidInput
from ...spec.digest import Digest
from ...spec.reference import is_repository, is_tag

ROOT: Final = "docker/registry/v2"
OURS: Final = "pratique"  # what is ours alone in the folder; distribution does not look there
LINK: Final = "link"
DATA: Final = "data"
MEDIA_TYPE: Final = "media-type"
STARTED: Final = "startedat"
LAYERS: Final = "_layers"
MANIFESTS: Final = "_manifests"
UPLOADS: Final = "_uploads"
PARTS: Final = (LAYERS, MANIFESTS, UPLOADS)  # of the folder of a repository
REVISIONS: Final = "_manifests/revisions"
TAGS: Final = "_manifests/tags"

MOST_CHECKED: Final = 4096  # names that are remembered as good


class Paths:
    """Paths as text, which costs a request less than objects. Names are checked: nothing outside can be reached."""

    def __init__(self, folder: str) -> None:
        self.blobs = f"{folder}/{ROOT}/blobs"
        self.repositories = f"{folder}/{ROOT}/repositories"
        self.private = f"{folder}/{OURS}"
        self.locks = f"{self.private}/locks"

    def blob(self, digest: Digest) -> str:
        """Where content of this digest lies, or will lie."""
        return f"{self.blobs}/{digest.algorithm}/{digest.encoded[:2]}/{digest.encoded}/{DATA}"

    def repository(self, name: str) -> str:
        """The folder of a repository. Raises InvalidInput for a name that the specification does not allow."""
        return f"{self.repositories}/{_checked_repository(name)}"

    def layer(self, repository: str, digest: Digest) -> str:
        """The link to a blob."""
        return f"{self.repository(repository)}/{LAYERS}/{digest.algorithm}/{digest.encoded}/{LINK}"

    def revision(self, repository: str, digest: Digest) -> str:
        """The link to a manifest."""
        return f"{self.repository(repository)}/{REVISIONS}/{digest.algorithm}/{digest.encoded}/{LINK}"

    def tags(self, repository: str) -> str:
        """The folder of a repository's tags."""
        return f"{self.repository(repository)}/{TAGS}"

    def tag(self, repository: str, tag: str) -> str:
        """The folder of a tag. Raises InvalidInput for what is no tag by the grammar."""
        return f"{self.repository(repository)}/{TAGS}/{_checked_tag(tag)}"

    def current(self, repository: str, tag: str) -> str:
        """The link to what a tag points at."""
        return f"{self.tag(repository, tag)}/current/{LINK}"


@lru_cache(MOST_CHECKED)
def _checked_repository(name: str) -> str:
    if not is_repository(name):
        raise InvalidInput(f"not a repository name: {name[:80]!r}")
    return name


@lru_cache(MOST_CHECKED)
def _checked_tag(tag: str) -> str:
    # `.` and `..` are not tags by the grammar, either: a tag begins with a letter, a digit or `_`.
    if not is_tag(tag):
        raise InvalidInput(f"not a tag: {tag[:80]!r}")
    return tag
