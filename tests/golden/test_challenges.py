"""`WWW-Authenticate` as the world's registries send it, byte by byte. This table is only added to.

The lines follow what public threads, documentation and sources show; the names of private places are replaced.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from pratique.auth.challenge import BASIC, BEARER, parse_challenges
from pratique.auth.realms import RealmPolicy
from pratique.auth.scopes import ScopeSet
from pratique.http.origin import Origin


class Golden(NamedTuple):
    """The lines of one answer of a registry, and what they say: for each challenge its scheme, realm, service, scopes, error."""

    name: str
    registry: str
    lines: tuple[bytes, ...]
    said: tuple[tuple[str, str, str | None, str, str | None], ...]


GOLDEN = [
    Golden(
        "docker-hub",
        "https://registry-1.docker.io",
        (
            b'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/busybox:pull"',
        ),
        ((BEARER, "https://auth.docker.io/token", "registry.docker.io", "repository:library/busybox:pull", None),),
    ),
    Golden(
        "docker-hub-push",
        "https://registry-1.docker.io",
        (
            b'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:samalba/my-app:pull,push"',
        ),
        ((BEARER, "https://auth.docker.io/token", "registry.docker.io", "repository:samalba/my-app:pull,push", None),),
    ),
    Golden(
        "docker-hub-catalogue-with-a-token",
        "https://registry-1.docker.io",
        (
            b'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="registry:catalog:*",'
            b'error="insufficient_scope"',
        ),
        ((BEARER, "https://auth.docker.io/token", "registry.docker.io", "registry:catalog:*", "insufficient_scope"),),
    ),
    Golden(
        "ghcr",
        "https://ghcr.io",
        (b'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"',),
        ((BEARER, "https://ghcr.io/token", "ghcr.io", "repository:user/image:pull", None),),
    ),
    Golden(
        "quay",
        "https://quay.io",
        (b'Bearer realm="https://quay.io/v2/auth",service="quay.io",scope="repository:org/chart:pull,push"',),
        ((BEARER, "https://quay.io/v2/auth", "quay.io", "repository:org/chart:pull,push", None),),
    ),
    Golden(
        "ecr",
        "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        (b'Basic realm="https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com"',),
        ((BASIC, "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/", "ecr.amazonaws.com", "", None),),
    ),
    Golden(
        "ecr-public",
        "https://public.ecr.aws",
        (b'Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws"',),
        ((BEARER, "https://public.ecr.aws/token/", "public.ecr.aws", "aws", None),),
    ),
    Golden(
        "gcr-without-scope",
        "https://gcr.io",
        (b'Bearer realm="https://gcr.io/v2/token",service="gcr.io"',),
        ((BEARER, "https://gcr.io/v2/token", "gcr.io", "", None),),
    ),
    Golden(
        "artifact-registry-realm-only",
        "https://europe-docker.pkg.dev",
        (b'Bearer realm="https://europe-docker.pkg.dev/v2/token"',),
        ((BEARER, "https://europe-docker.pkg.dev/v2/token", None, "", None),),
    ),
    Golden(
        "acr",
        "https://example.azurecr.io",
        (b'Bearer realm="https://example.azurecr.io/oauth2/token",service="example.azurecr.io"',),
        ((BEARER, "https://example.azurecr.io/oauth2/token", "example.azurecr.io", "", None),),
    ),
    Golden(
        "acr-metadata",
        "https://example.azurecr.io",
        (
            b'Bearer realm="https://example.azurecr.io/oauth2/token",service="example.azurecr.io",'
            b'scope="repository:a/b:metadata_read",error="insufficient_scope"',
        ),
        (
            (
                BEARER,
                "https://example.azurecr.io/oauth2/token",
                "example.azurecr.io",
                "repository:a/b:metadata_read",
                "insufficient_scope",
            ),
        ),
    ),
    Golden(
        "gitlab",
        "https://registry.gitlab.com",
        (b'Bearer realm="https://gitlab.com/jwt/auth",service="container_registry",scope="registry:catalog:*"',),
        ((BEARER, "https://gitlab.com/jwt/auth", "container_registry", "registry:catalog:*", None),),
    ),
    Golden(
        "harbor",
        "https://demo.goharbor.io",
        (b'Bearer realm="https://demo.goharbor.io/service/token",service="harbor-registry"',),
        ((BEARER, "https://demo.goharbor.io/service/token", "harbor-registry", "", None),),
    ),
    Golden(
        "harbor-with-a-token",
        "https://demo.goharbor.io",
        (b'Basic realm="harbor"',),
        ((BASIC, "harbor", None, "", None),),
    ),
    Golden(
        "harbor-1",
        "https://harbor.example.com",
        (
            b'Bearer realm="https://harbor.example.com/service/token",service="token-service",scope="registry:catalog:*"',
        ),
        ((BEARER, "https://harbor.example.com/service/token", "token-service", "registry:catalog:*", None),),
    ),
    Golden(
        "nexus-in-capitals",
        "https://nexus.example.com",
        (b'BASIC realm="Sonatype Nexus Repository Manager"',),
        ((BASIC, "Sonatype Nexus Repository Manager", None, "", None),),
    ),
    Golden(
        "nvcr-scope-inside-the-realm",
        "https://nvcr.io",
        (b'Bearer realm="https://nvcr.io/proxy_auth?scope=repository:nvidia/tensorflow:pull,push"',),
        ((BEARER, "https://nvcr.io/proxy_auth?scope=repository:nvidia/tensorflow:pull,push", None, "", None),),
    ),
    Golden(
        "artifactory-a-realm-for-each-repository",
        "https://foo-docker-local.jfrog.io",
        (
            b'Bearer realm="https://foo-docker-local.jfrog.io/foobar/api/docker/docker-local/v2/token",'
            b'service="foo-docker-local.jfrog.io"',
        ),
        (
            (
                BEARER,
                "https://foo-docker-local.jfrog.io/foobar/api/docker/docker-local/v2/token",
                "foo-docker-local.jfrog.io",
                "",
                None,
            ),
        ),
    ),
    Golden(
        "artifactory-basic",
        "https://foo.jfrog.io",
        (b'Basic realm="Artifactory Realm"',),
        ((BASIC, "Artifactory Realm", None, "", None),),
    ),
    Golden(
        "gitea-bare-basic",
        "https://gitea.example.com",
        (b'Bearer realm="https://gitea.example.com/v2/token"', b"Basic"),
        ((BEARER, "https://gitea.example.com/v2/token", None, "", None), (BASIC, "", None, "", None)),
    ),
    Golden(
        "gitea-1.25",
        "https://gitea.example.com",
        (b'Bearer realm="https://gitea.example.com/v2/token",service="container_registry",scope="*"',),
        ((BEARER, "https://gitea.example.com/v2/token", "container_registry", "*", None),),
    ),
    Golden(
        "zot-basic",
        "https://zot.example.com",
        (b"basic realm=zot",),
        ((BASIC, "zot", None, "", None),),
    ),
    Golden(
        "zot-bearer",
        "https://zot.example.com",
        (b"bearer realm=https://auth.example.com/token",),
        ((BEARER, "https://auth.example.com/token", None, "", None),),
    ),
    Golden(
        "keppel",
        "https://keppel.example.com",
        (b'Bearer realm="https://keppel.example.com/keppel/v1/auth",service="keppel.example.com"',),
        ((BEARER, "https://keppel.example.com/keppel/v1/auth", "keppel.example.com", "", None),),
    ),
    Golden(
        "keppel-delete",
        "https://keppel.example.com",
        (
            b'Bearer realm="https://keppel.example.com/keppel/v1/auth",service="keppel.example.com",'
            b'scope="repository:foo/bar:delete",error="insufficient_scope"',
        ),
        (
            (
                BEARER,
                "https://keppel.example.com/keppel/v1/auth",
                "keppel.example.com",
                "repository:foo/bar:delete",
                "insufficient_scope",
            ),
        ),
    ),
    Golden(
        "keppel-mount",
        "https://keppel.example.com",
        (
            b'Bearer realm="https://keppel.example.com/keppel/v1/auth",service="keppel.example.com",'
            b'scope="repository:a:pull,push",scope="repository:b:pull"',
        ),
        (
            (
                BEARER,
                "https://keppel.example.com/keppel/v1/auth",
                "keppel.example.com",
                "repository:a:pull,push repository:b:pull",
                None,
            ),
        ),
    ),
    Golden(
        "distribution-mount",
        "https://registry.example.com:5000",
        (
            b'Bearer realm="https://auth.example.com/token",service="registry",'
            b'scope="repository:b:pull repository:a:push,pull",error="insufficient_scope"',
        ),
        (
            (
                BEARER,
                "https://auth.example.com/token",
                "registry",
                "repository:a:pull,push repository:b:pull",
                "insufficient_scope",
            ),
        ),
    ),
    Golden(
        "distribution-expired",
        "https://registry.example.com:5000",
        (
            b'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a:pull",'
            b'error="invalid_token"',
        ),
        ((BEARER, "https://auth.example.com/token", "registry", "repository:a:pull", "invalid_token"),),
    ),
    Golden(
        "distribution-htpasswd",
        "http://localhost:5000",
        (b'Basic realm="Registry Realm"',),
        ((BASIC, "Registry Realm", None, "", None),),
    ),
    Golden(
        "suse",
        "https://registry.suse.com",
        (
            b'Bearer realm="https://registry.suse.com/auth",service="SUSE Linux Docker Registry",scope="registry:catalog:*",'
            b'error="insufficient_scope"',
        ),
        (
            (
                BEARER,
                "https://registry.suse.com/auth",
                "SUSE Linux Docker Registry",
                "registry:catalog:*",
                "insufficient_scope",
            ),
        ),
    ),
    Golden(
        "scaleway",
        "https://rg.fr-par.scw.cloud",
        (
            b'Bearer realm="https://api.scaleway.com/registry-internal/v1/regions/fr-par/tokens",service="registry",'
            b'scope="repository:ns/image:pull"',
        ),
        (
            (
                BEARER,
                "https://api.scaleway.com/registry-internal/v1/regions/fr-par/tokens",
                "registry",
                "repository:ns/image:pull",
                None,
            ),
        ),
    ),
    Golden(
        "daocloud",
        "https://docker.m.daocloud.io",
        (
            b'Bearer realm="https://auth.m.daocloud.io/auth/token",service="docker.m.daocloud.io",'
            b'scope="repository:linkease/linkease:pull"',
        ),
        (
            (
                BEARER,
                "https://auth.m.daocloud.io/auth/token",
                "docker.m.daocloud.io",
                "repository:linkease/linkease:pull",
                None,
            ),
        ),
    ),
    Golden(
        "nginx-kerberos",
        "https://registry.example.com",
        (b"Negotiate", b'Basic realm="r"'),
        (("negotiate", "", None, "", None), (BASIC, "r", None, "", None)),
    ),
    Golden(
        "a-proxy-that-folds-lines",
        "https://registry.example.com",
        (b'Basic realm="registry", Bearer realm="https://a.example.com/token",service="s",scope="repository:x:pull"',),
        (
            (BASIC, "registry", None, "", None),
            (BEARER, "https://a.example.com/token", "s", "repository:x:pull", None),
        ),
    ),
    Golden(
        "basic-in-utf-8",
        "https://registry.example.com",
        (b'Basic realm="r", charset="UTF-8"',),
        ((BASIC, "r", None, "", None),),
    ),
]
each = pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)


@each
def test_what_it_says(golden: Golden) -> None:
    challenges = parse_challenges(line.decode("latin-1") for line in golden.lines)
    assert tuple((c.scheme, c.realm, c.service, str(c.scopes), c.error) for c in challenges) == golden.said


@each
def test_written_strictly_it_says_the_same(golden: Golden) -> None:
    challenges = parse_challenges(line.decode("latin-1") for line in golden.lines)
    assert parse_challenges(map(str, challenges)) == challenges


@each
def test_its_token_service_is_admitted(golden: Golden) -> None:
    for scheme, realm, *_ in golden.said:
        if scheme == BEARER:
            assert RealmPolicy().admit(Origin.of(golden.registry), realm) == realm


def test_names_are_used_once() -> None:
    assert len({golden.name for golden in GOLDEN}) == len(GOLDEN)
    assert all(str(ScopeSet.parse(said[3])) == said[3] for golden in GOLDEN for said in golden.said)
