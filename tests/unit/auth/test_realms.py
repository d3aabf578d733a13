"""Which token service a secret may go to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.auth.realms import Reach, RealmPolicy
from pratique.errors import Misbehaved, Refused
from pratique.http.origin import Origin

ANY = RealmPolicy()
SAME_HOST = RealmPolicy(Reach.SAME_HOST)

HTTPS = "https://r.test"


def admitted(policy: RealmPolicy, registry: str, realm: str) -> bool:
    try:
        assert policy.admit(Origin.of(registry), realm) == realm
    except Misbehaved:
        return False
    return True


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        (HTTPS, "https://r.test/token"),
        (HTTPS, "https://r.test:8443/token"),
        (HTTPS, "https://auth.other.test/token"),
        ("https://registry-1.docker.io", "https://auth.docker.io/token"),
        ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth"),
        ("https://rg.fr-par.scw.cloud", "https://api.scaleway.com/registry-internal/v1/regions/fr-par/tokens"),
        ("https://r.test:5000", "https://r.test/token?account=x"),
        (HTTPS, "https://8.8.8.8/token"),
        ("http://r.test", "http://r.test/token"),
        ("http://r.test", "https://auth.test/token"),
        ("http://localhost:5000", "http://localhost:5001/auth"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001/auth"),
        ("http://127.0.0.1:5000", "http://localhost:5001/auth"),
        ("https://localhost", "https://10.0.0.1/token"),
        ("https://10.0.0.1", "https://192.168.0.1/token"),
        ("http://[::1]:5000", "http://[::1]:5001/token"),
    ],
)
def test_admitted(registry: str, realm: str) -> None:
    assert admitted(ANY, registry, realm)


@pytest.mark.parametrize(
    ("registry", "realm", "why"),
    [
        # A secret for an https registry does not travel in the clear
        (HTTPS, "http://r.test/token", "plain http"),
        (HTTPS, "http://auth.test/token", "plain http"),
        ("https://localhost", "http://localhost/token", "plain http"),
        # A public registry does not lead into a private network
        (HTTPS, "https://127.0.0.1:1/", "not public"),
        (HTTPS, "https://localhost/token", "not public"),
        (HTTPS, "https://a.localhost/token", "not public"),
        (HTTPS, "https://[::1]/token", "not public"),
        (HTTPS, "https://[::ffff:127.0.0.1]/token", "not public"),
        (HTTPS, "https://10.1.2.3/token", "not public"),
        (HTTPS, "https://192.168.1.1/token", "not public"),
        (HTTPS, "https://172.16.0.1/token", "not public"),
        (HTTPS, "https://169.254.169.254/latest/meta-data", "not public"),
        (HTTPS, "https://100.64.0.1/token", "not public"),
        (HTTPS, "https://0.0.0.0/token", "not public"),
        (HTTPS, "https://[fe80::1]/token", "not public"),
        (HTTPS, "https://[fd00::1]/token", "not public"),
        ("http://r.test", "http://169.254.169.254/latest", "not public"),
        # What is no place at all
        (HTTPS, "", "names no realm"),
        (HTTPS, "registry", "no use"),
        (HTTPS, "/token", "no use"),
        (HTTPS, "//auth.test/token", "no use"),
        (HTTPS, "ftp://auth.test/token", "no use"),
        (HTTPS, "file:///etc/passwd", "no use"),
        (HTTPS, "javascript:alert(1)", "no use"),
        (HTTPS, "https://", "no use"),
        (HTTPS, "https:///token", "no use"),
        (HTTPS, "https://user:pass@auth.test/token", "no use"),
        (HTTPS, "https://[::1/token", "no use"),
        (HTTPS, "https://auth.test:99999/token", "no use"),
        (HTTPS, "https://auth.test:x/token", "no use"),
        (HTTPS, "https://auth.test/to ken", "no use"),
        (HTTPS, "https://auth.test/token\r\nX: y", "no use"),
        (HTTPS, "https://äuth.test/token", "no use"),
    ],
)
def test_not_admitted(registry: str, realm: str, why: str) -> None:
    with pytest.raises(Misbehaved, match=why) as caught:
        ANY.admit(Origin.of(registry), realm)
    assert registry in str(caught.value)
    assert "pass" not in str(caught.value).replace("passwd", "")


def test_the_error_names_the_realm_and_the_way_out() -> None:
    with pytest.raises(Misbehaved, match=r"http://r.test/token.*nothing was sent there") as caught:
        ANY.admit(Origin.of(HTTPS), "http://r.test/token?key=hunter2")
    assert "hunter2" not in str(caught.value)
    assert "--realm r.test=URL" in (caught.value.advice() or "")


def test_the_reach_can_be_the_registrys_own_host() -> None:
    assert admitted(SAME_HOST, HTTPS, "https://r.test/token")
    assert admitted(SAME_HOST, HTTPS, "https://r.test:8443/token")
    assert not admitted(SAME_HOST, HTTPS, "https://auth.test/token")
    assert not admitted(SAME_HOST, HTTPS, "https://sub.r.test/token")
    assert not admitted(SAME_HOST, "https://registry-1.docker.io", "https://auth.docker.io/token")


@pytest.mark.parametrize("realm", ["", "http://r.test/token", "https://127.0.0.1/", "junk", "https://r.test/token"])
@pytest.mark.parametrize("policy", [ANY, SAME_HOST])
def test_what_the_user_says_goes(realm: str, policy: RealmPolicy) -> None:
    ours = RealmPolicy(policy.reach, {"r.test": "http://127.0.0.1:5001/token"}, {"r.test": "https://r.test"})
    assert ours.admit(Origin.of(HTTPS), realm) == "http://127.0.0.1:5001/token"
    assert ours.admit(Origin.of("https://r.test:443"), realm) == "http://127.0.0.1:5001/token"


def test_an_override_is_for_its_own_registry() -> None:
    policy = RealmPolicy(overrides={"r.test:5000": "https://elsewhere.test/token"})
    assert policy.admit(Origin.of(HTTPS), "https://r.test/token") == "https://r.test/token"
    assert policy.admit(Origin.of("https://r.test:5000"), "") == "https://elsewhere.test/token"


PINNED = RealmPolicy(pinned={"r.test": "https://auth.test"})


@pytest.mark.parametrize("realm", ["https://auth.test/token", "https://AUTH.test:443/other?x=y"])
def test_the_token_service_of_the_login(realm: str) -> None:
    assert PINNED.admit(Origin.of(HTTPS), realm) == realm


@pytest.mark.parametrize("realm", ["https://other.test/token", "https://auth.test:8443/token", "https://r.test/token"])
def test_another_than_at_the_login(realm: str) -> None:
    with pytest.raises(Refused, match=r"was https://auth.test at login and is now") as caught:
        PINNED.admit(Origin.of(HTTPS), realm)
    assert "log in to r.test again" in (caught.value.advice() or "")


def test_a_pin_is_for_its_own_registry() -> None:
    assert PINNED.admit(Origin.of("https://q.test"), "https://other.test/token") == "https://other.test/token"


def test_a_pin_does_not_open_what_the_rules_close() -> None:
    policy = RealmPolicy(pinned={"r.test": "http://auth.test"})
    with pytest.raises(Misbehaved, match="plain http"):
        policy.admit(Origin.of(HTTPS), "http://auth.test/token")


@given(
    st.text(max_size=30)
    | st.text(max_size=20).map("https://{}".format)
    | st.text("[]:/@%.a1", max_size=12).map("http://{}".format)
)
def test_an_arbitrary_realm_is_admitted_or_an_error(realm: str) -> None:
    if admitted(ANY, HTTPS, realm):
        assert Origin.of(realm).scheme == "https"
        assert not Origin.of(realm).is_private
