"""The conversation about one request: what is refused, what the refusal asks for, and what is left to show.

Every round shows something that this request has not seen refused: a challenge is answered once, its scopes are enlarged
once, a token that served before is renewed once. Then the server's own answer is reported with what was tried.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from ..errors import Error, Refused, Unreachable
from ..http.message import Interrupted, Request, Response
from ..http.origin import Origin, is_private_address, redact
from ..http.problem import MOST_BYTES, Problem
from ..spec import endpoints
from ..spec.endpoints import Endpoint
from ..values import replace
from .challenge import BASIC, BEARER, Challenge, parse_challenges
from .credentials import Credential, Kind
from .events import ChallengeIgnored, TokenAsked, TokenDenied, TokenGranted, TokenReused
from .identity import Identity
from .memory import activity, space_of
from .proof import BARE, Proof, basic_proof, registry_token_proof, token_proof
from .refusal import Refusal
from .scopes import NO_SCOPES, ScopeSet
from .secret import Secret
from .tokens import Token, TokenRefused, TokenService, covers

if TYPE_CHECKING:
    from .home import Home

MOST_ROUNDS: Final = 8  # of one request, whatever a server thinks of next
MOST_TOKENS: Final = 8  # asked for on behalf of one request, granted or not

# Steps that a request takes once, beside one answer to each challenge.
RENEWAL: Final = "renewal"  # of a token that served before
ENLARGEMENT: Final = "enlargement"  # of the scopes, to what the refusal names
REDUCTION: Final = "reduction"  # to fewer resources: a service may have granted the one and not the other

# Codes by which a server that answers 400 means the permission and not the request.
_REFUSING_CODES: Final = frozenset({"DENIED", "UNAUTHORIZED"})


class Conversation:
    """One request, from its first attempt to the answer that stands.

    `heard` is the answer to the request as anybody could send it, where it has been sent so already.
    """

    def __init__(
        self,
        home: Home,
        request: Request,
        intent: ScopeSet,
        send: Callable[[Request], Response],
        heard: Response | None = None,
    ) -> None:
        self._home = home
        self._request = request
        self._intent = intent
        self._send = send
        self._heard = heard
        self._origin = request.origin
        self._space, self._repository = space_of(request, intent)
        self._refusal = Refusal(request)
        self._identity = Identity(home, request, self._repository, self._refusal)
        self._refused: set[Secret] = set()  # values of Authorization and tokens
        self._stale: list[Proof] = []  # what served before, and was refused now
        self._tried: set[object] = set()  # fresh tokens, by whose they are and what for
        self._spent: set[object] = set()  # what is done once
        self._asked = 0  # for tokens
        self._recalled = BARE
        self._public = False

    def run(self) -> Response:
        """The answer that stands. Raises Refused, or whatever kept the permission from being had."""
        proof = self._recalled = (None if self._heard else self._recall()) or BARE
        for _ in range(MOST_ROUNDS):
            response = self._deliver(proof)
            refused = self._is_refusal(response, proof)
            following = self._next(response, proof) if refused else self._invited(response, proof)
            if following is None:
                self._learn(proof)
                return response
            proof = following
            if refused and self._request.once and self._request.body is not None:
                self._learn(proof)  # it has not served yet, and is what the next request begins with
                raise Interrupted(self._refusal.error())
        raise self._refusal.error()

    # What is shown first

    def _recall(self) -> Proof | None:
        memory = self._home.memories.of(self._space)
        if memory is None:
            return None
        proof = memory.proof
        if proof.service is None:
            return replace(proof, fresh=False)
        wanted = memory.needs.get((activity(self._request.method), self._intent), self._intent)
        token = self._home.cache.find(proof.key, wanted or proof.scopes)
        if token is not None:
            self._home.tell(TokenReused(token.scopes.scopes()))
            return token_proof(proof.challenge, proof.credential, proof.service, token, fresh=False)
        if not wanted:
            return None
        try:
            return self._token_proof(proof.challenge, proof.service, wanted, proof.credential)
        except TokenRefused:
            return None  # the challenge of the request in hand will say what is wanted now

    def _learn(self, proof: Proof) -> None:
        if proof.is_bare:
            return
        self._home.memories.learn(self._space, self._request, self._intent, proof)
        for stale in self._stale:
            # A token for as much was refused where this one serves.
            if stale.token is not None and covers(stale.scopes, proof.scopes):
                self._home.cache.discard(stale.key, stale.token)
        endpoint = self._endpoint()
        if endpoint and proof.fresh and proof.scopes in self._conventional():
            self._home.memories.learn_variant(self._origin, endpoint[0], proof.scopes)

    # What is sent, and what counts as a refusal

    def _deliver(self, proof: Proof) -> Response:
        if proof.is_bare:
            self._spent.add(BARE)
        response, self._heard = self._heard or self._send(proof.on(self._request)), None
        self._public = response.peer is not None and not is_private_address(response.peer)
        return response

    def _is_refusal(self, response: Response, proof: Proof) -> bool:
        if response.status in (401, 403):
            return True
        if response.status == 400 and proof.is_bearer and not proof.fresh:
            return self._request.method == "HEAD" or _says_refused(response)
        # A registry may hide from everybody what it shows to some.
        return (
            response.status == 404
            and proof.is_bare
            and self._identity.credential() is not None
            and bool(self._withheld())
        )

    # What is shown next

    def _next(self, response: Response, proof: Proof) -> Proof:
        """Something that this request has not seen refused. Raises the error that stands when nothing is left."""
        challenges = parse_challenges(response.headers.all("WWW-Authenticate"))
        final = response.status == 403 and _is_final(proof, challenges)
        self._refusal.note(response, challenges, proof)
        self._refused.add(proof.header)
        if response.status == 404:
            self._spent.discard(BARE)  # that was an answer; it stands where the credential is refused
        if proof.token is not None:
            self._refused.add(proof.token.secret)
            self._stale += [] if proof.fresh else [proof]
        steps = (self._answer_bearer, self._go_bare, self._answer_basic, self._renew, self._vary, self._unmask)
        for step in steps:
            following = None if final else step(challenges, proof)
            if following is not None:
                return following
        raise self._refusal.error()

    def _invited(self, response: Response, proof: Proof) -> Proof | None:
        """What an answer to anybody invites to show (RFC 9110 §11.6.1), where the user wants to be known: there may be more."""
        lines = response.headers.all("WWW-Authenticate")
        welcome = self._home.eager and lines and proof.is_bare and response.status < 400
        if not welcome or "invitation" in self._spent or self._identity.credential() is None:
            return None
        self._spent.add("invitation")
        try:
            challenges = parse_challenges(lines)
            following = self._answer_bearer(challenges, proof) or self._answer_basic(challenges, proof)
        except BaseException:
            response.close()
            raise
        if following is not None:
            response.close()
        return following

    def _answer_bearer(self, challenges: tuple[Challenge, ...], previous: Proof) -> Proof | None:
        for challenge in challenges:
            service = self._admit(challenge) if challenge.scheme == BEARER else None
            found = self._bearer_proof(challenge, service, previous) if service else None
            if found is not None:
                return found
        return None

    def _go_bare(self, challenges: tuple[Challenge, ...], previous: Proof) -> Proof | None:
        """Ask without any permission, to hear the end-point's own challenge.

        Some registries withhold it, or name another scheme, as soon as they see a token that they do not like.
        """
        silent = not any(challenge.scheme == BEARER for challenge in challenges)
        if not (previous.is_bearer and silent) or BARE in self._spent:
            return None
        if self._request.body is None:
            return BARE
        self._spent.add(BARE)
        heard = self._probe()  # the body is not sent for a challenge's sake
        return self._answer_bearer(heard, BARE) or self._answer_basic(heard, BARE)

    def _answer_basic(self, challenges: tuple[Challenge, ...], _: Proof) -> Proof | None:
        challenge = next((each for each in challenges if each.scheme == BASIC), None)
        credential = self._identity.password()
        if challenge is None or credential is None:
            return None
        proof = basic_proof(challenge, credential, fresh=True)
        if proof.header not in self._refused:
            return proof
        refreshed = self._identity.refreshed(credential)
        if refreshed is not None:
            return basic_proof(challenge, refreshed, fresh=True)
        if BARE in self._spent:  # without any permission it was asked, and refused, before
            return None
        return BARE if self._identity.may_go_without(credential, "the registry does not accept it") else None

    def _renew(self, challenges: tuple[Challenge, ...], previous: Proof) -> Proof | None:
        """What served before and may have expired is tried once more with something new, though no challenge asks for it."""
        if any(challenge.scheme == BEARER for challenge in challenges):
            return None
        if previous.credential is not None and not previous.is_bearer:
            refreshed = self._identity.refreshed(previous.credential)
            return basic_proof(previous.challenge, refreshed, fresh=True) if refreshed else None
        recalled = self._recalled
        if recalled.token is None or recalled.service is None or recalled.fresh:
            return None
        return self._ask(recalled.challenge, recalled.service, recalled.scopes, recalled.credential, recalled)

    def _vary(self, challenges: tuple[Challenge, ...], previous: Proof) -> Proof | None:
        """Another of the usual sets of actions, where no server has named any and none does now."""
        named = challenges or previous.challenge.scopes
        if named or previous.token is None or previous.service is None or not previous.fresh:
            return None
        return self._bearer_proof(previous.challenge, previous.service, previous)

    def _unmask(self, challenges: tuple[Challenge, ...], previous: Proof) -> Proof | None:
        """Answer the challenge of `/v2/` where the end-point refuses without one."""
        known = any(challenge.scheme in (BASIC, BEARER) for challenge in challenges)
        if known or not previous.is_bare or "unmask" in self._spent:
            return None
        self._spent.add("unmask")
        heard = self._withheld()
        return self._answer_bearer(heard, previous) or self._answer_basic(heard, previous)

    # Tokens

    def _admit(self, challenge: Challenge) -> TokenService | None:
        try:
            return TokenService(self._home.policy.admit(self._origin, challenge.realm), challenge.service)
        except Error as error:
            self._home.tell(ChallengeIgnored(str(challenge), str(error)))
            self._refusal.note_error(error)
            return None

    def _is_new_realm(self, service: TokenService, who: Credential | None) -> bool:
        """Whether a long-lived token would now go to another token service than before, which nobody has asked for."""
        if who is None or who.kind is not Kind.IDENTITY:
            return False
        asked = Origin.of(service.realm)
        known = self._home.memories.realms.setdefault(self._origin, asked)
        if known == asked:
            return False
        self._refusal.note_error(
            Refused(
                f"{self._origin} named the token service {known} before and names {asked} now; the {who} was not sent there",
                advice=f"if the registry has moved its token service, log in to {self._origin.netloc} again",
            )
        )
        return True

    def _bearer_proof(self, challenge: Challenge, service: TokenService, previous: Proof) -> Proof | None:
        credential = self._identity.credential()
        if credential is not None and credential.kind is Kind.BEARER:
            ready = registry_token_proof(challenge, credential)
            if ready.header not in self._refused:
                return ready
            self._identity.instead(credential, "the registry does not accept it")
            return self._bearer_proof(challenge, service, previous)
        for who in self._identity.askers():
            for scopes in self._candidates(challenge):
                found = self._ask(challenge, service, scopes, who, previous)
                if found is not None:
                    return found
        return None

    def _candidates(self, challenge: Challenge) -> Iterable[ScopeSet]:
        """What to ask for, in turn: what is named and what the operation needs; else what is usual."""
        named = challenge.scopes
        if named:
            return dict.fromkeys((named | self._intent, named))
        wanted = ([self._intent] if self._intent else []) + self._conventional()
        return dict.fromkeys(wanted or [NO_SCOPES])

    def _ask(
        self, challenge: Challenge, service: TokenService, scopes: ScopeSet, who: Credential | None, previous: Proof
    ) -> Proof | None:
        """A token that this request has not seen refused, unless this step was taken already."""
        step = _step(challenge, service, scopes, who, previous)
        if step in self._spent or (service, who) in self._spent or self._asked >= MOST_TOKENS:
            return None
        if self._is_new_realm(service, who):
            return None
        vain = (service, who, scopes) in self._tried or (step == RENEWAL and previous.fresh)
        if vain and not (step == RENEWAL and challenge.error == "invalid_token"):
            return None  # what was made for this very request does not get better by asking again
        if step in (RENEWAL, REDUCTION) and previous.token is not None:
            self._home.cache.discard(previous.key, previous.token)
        while True:
            try:
                proof = self._token_proof(challenge, service, scopes, who)
            except TokenRefused as refused:
                self._refusal.note_credential(who)
                reason = self._refusal.hide(str(refused))
                self._home.tell(TokenDenied(reason))
                if any(other.is_about_less_than(scopes) for other in self._candidates(challenge)):
                    return None  # that may have been about the scopes, and is then no word on who asks
                if refused.status == 400 or who is None:
                    self._refusal.note_trouble(reason)
                    self._spent |= {(service, who)} if refused.status != 400 else set()
                    return None
                who = self._identity.instead(who, reason)
                if (service, who, scopes) in self._tried:
                    return None
            else:
                self._spent |= {step} if step and proof.fresh else set()  # another kept token may have died as well
                return proof if proof.header not in self._refused else None  # some give the same token again

    def _token_proof(
        self, challenge: Challenge, service: TokenService, scopes: ScopeSet, who: Credential | None
    ) -> Proof:
        fetched = False

        def fetch() -> Token:
            nonlocal fetched
            fetched = True
            self._asked += 1
            self._home.tell(
                TokenAsked(redact(service.realm), service.service, scopes.scopes(), str(who) if who else None)
            )
            confined = self._public and self._origin.netloc not in self._home.policy.overrides
            try:
                token = self._home.client.fetch(service, scopes, who, self._send, public_only=confined)
            except Unreachable as error:
                error.add_note(f"{self._origin} names the token service {redact(service.realm)}")
                raise
            self._home.tell(TokenGranted(scopes.scopes(), token.granted, token.lifetime))
            return token

        token = self._home.cache.obtain((service, who), scopes, frozenset(self._refused), fetch)
        if fetched:
            self._tried.add((service, who, scopes))
        else:
            self._home.tell(TokenReused(token.scopes.scopes()))
        return token_proof(challenge, who, service, token, fresh=fetched)

    # The end-point and what it keeps to itself

    def _endpoint(self) -> tuple[Endpoint, Mapping[str, str]] | None:
        return endpoints.find(self._request.method, self._request.path)

    def _conventional(self) -> list[ScopeSet]:
        found = self._endpoint()
        return self._home.memories.conventional(self._origin, *found) if found else []

    def _withheld(self) -> tuple[Challenge, ...]:
        """Whom `/v2/` asks to be shown; heard once for each origin. Its scopes are its own."""
        version = endpoints.VERSION.path()
        withheld = self._home.memories.withheld
        if self._request.path == version or not self._request.path.startswith(version):
            return ()
        if self._origin not in withheld:
            withheld[self._origin] = self._hear(version)
        return withheld[self._origin]

    def _probe(self) -> tuple[Challenge, ...]:
        """Whom reading the same repository asks to be shown."""
        return self._hear(endpoints.TAGS.path(name=self._repository)) if self._repository else ()

    def _hear(self, path: str) -> tuple[Challenge, ...]:
        try:
            with self._send(
                Request("GET", f"{self._origin}{path}", self._request.headers.without("Authorization"))
            ) as response:
                heard = parse_challenges(response.headers.all("WWW-Authenticate"))
                return tuple(challenge.without("scope") for challenge in heard)
        except Unreachable:
            return ()


def _step(
    challenge: Challenge, service: TokenService, scopes: ScopeSet, who: Credential | None, previous: Proof
) -> object:
    """What asking for these scopes would be: each is done once; None for one of the usual sets of actions."""
    if previous.key != (service, who) or previous.token is None:
        return (service, who, "answer")
    if covers(previous.scopes, scopes):
        return REDUCTION if scopes.is_about_less_than(previous.scopes) else RENEWAL
    return ENLARGEMENT if challenge.scopes else None


def _is_final(proof: Proof, challenges: tuple[Challenge, ...]) -> bool:
    """Whether a token was asked for all that a refusal names, and for nothing beside it that may have been in the way."""
    named = [challenge.scopes for challenge in challenges if challenge.scheme == BEARER and challenge.scopes]
    asked = proof.scopes
    return bool(named) and all(covers(asked, each) and not each.is_about_less_than(asked) for each in named)


def _says_refused(response: Response) -> bool:
    raw = response.excerpt(MOST_BYTES)
    response.stream = io.BytesIO(raw)
    return not _REFUSING_CODES.isdisjoint(Problem.parse(raw).codes)
