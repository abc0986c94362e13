"""Who may see what, and what strangers send."""

import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.domain.job_request import Language
from bot.web.guards import MAX_BODY_BYTES, RequestGuard, RequestRate, get_authorization, read_json
from bot.web.signatures import Operator, SignatureRefused, Signatures, Visitor
from tests.bot.support.signed_requests import OPS_TOKEN, init_data, signed, with_token

TOKEN = "123456:canary-of-a-bot"  # noqa: S105 - of no bot
Client = TestClient[web.Request, web.Application]
SIGNATURES = Signatures(TOKEN, OPS_TOKEN, frozenset({1}))


def check(text: str) -> Visitor:
    return SIGNATURES.check_user(f"tma {text}")


def test_telegrams_signature_tells_the_user() -> None:
    visitor = check(init_data(TOKEN, 7, language="ru", age=600))
    assert visitor == Visitor(7, Language.RU, pytest.approx(3000, abs=5))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hash=",
        "%",
        "user=%7B%22id%22%3A7%7D",
        init_data("123456:another", 7),
        init_data(TOKEN, 7)[:-1],
        init_data(TOKEN, 7) + "&user=%7B%22id%22%3A1%2C%22first_name%22%3A%22x%22%7D",
        init_data(TOKEN, 7) + "&more=1",
        init_data(TOKEN, 7).replace("hash=", "Hash="),
        init_data(TOKEN, 7, user="null"),
        init_data(TOKEN, 7, user="[]"),
        init_data(TOKEN, 7, user="{"),
        init_data(TOKEN, 7, user='{"id": 7, "first_name": "x", "is_bot": true}'),
        init_data(TOKEN, 7, auth_date="never"),
        init_data(TOKEN, 7, start_param="x" * 5000),
        "a" * 100_000,
    ],
)
def test_forged_data_is_refused(text: str) -> None:
    with pytest.raises(SignatureRefused):
        check(text)


@pytest.mark.parametrize("field", ["auth_date", "user", "query_id", "signature"])
def test_a_changed_field_is_refused(field: str) -> None:
    fields = dict(parse_qsl(init_data(TOKEN, 7)))
    with pytest.raises(SignatureRefused):
        check(urlencode({**fields, field: fields[field].replace("7", "8") + " "}))


@pytest.mark.parametrize("age", [3700, 1e6, -3600])
def test_old_data_is_refused_and_data_of_the_future(age: float) -> None:
    with pytest.raises(SignatureRefused) as refused:
        check(init_data(TOKEN, 7, age=age))
    assert refused.value.is_expired


@pytest.mark.parametrize("age", [0, 3500, -30])
def test_data_of_the_last_hour_is_taken(age: float) -> None:
    assert check(init_data(TOKEN, 7, age=age)).user == 7


def test_an_admin_and_the_token_operate() -> None:
    admin = SIGNATURES.check_operator(signed(TOKEN, 1)["Authorization"])
    assert admin == Operator("1", pytest.approx(3600, abs=5))
    assert SIGNATURES.check_operator(with_token()["Authorization"]) == Operator("browser", None)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer ",
        "Bearer",
        f"bearer {OPS_TOKEN}",
        f"Bearer {OPS_TOKEN[:-1]}",
        f"Bearer {TOKEN}",
        "Bearer \udcff",
        signed(TOKEN, 7)["Authorization"],
        signed(TOKEN, 1, age=4000)["Authorization"],
    ],
)
def test_nobody_else_operates(header: str) -> None:
    with pytest.raises(SignatureRefused):
        SIGNATURES.check_operator(header)


def test_without_a_token_none_opens_the_dashboard() -> None:
    with pytest.raises(SignatureRefused):
        Signatures(TOKEN, "", frozenset()).check_operator("Bearer ")


def test_a_rate_is_limited_and_recovers() -> None:
    now = 0.0
    limiter = RequestRate(burst=2, per_second=0.5, clock=lambda: now)
    limiter.require("a")
    limiter.require("a")
    with pytest.raises(web.HTTPTooManyRequests):
        limiter.require("a")
    limiter.require("b")
    now = 2.0
    limiter.require("a")
    with pytest.raises(web.HTTPTooManyRequests):
        limiter.require("a")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Of a page that tells signed users what they sent."""
    guard, pages = RequestGuard(), web.Application()

    async def echo(request: web.Request) -> web.Response:
        SIGNATURES.check_user(get_authorization(request))
        return web.json_response(await read_json(request))

    pages.add_routes([web.post("/echo", guard.wrap(echo))])
    async with TestClient(TestServer(pages)) as made:
        yield made


async def test_a_stranger_learns_nothing_and_is_slowed_down(client: Client) -> None:
    """Who is signed is not slowed down by strangers behind the same proxy."""
    statuses = [(await client.post("/echo", json={})).status for _ in range(40)]
    assert set(statuses) == {401, 429}
    answer = await client.post("/echo", json={"a": 1}, headers=signed(TOKEN, 7))
    assert await answer.json() == {"a": 1}


async def test_an_old_page_is_told_to_be_opened_again(client: Client) -> None:
    answer = await client.post("/echo", json={}, headers=signed(TOKEN, 7, age=9999))
    assert (answer.status, await answer.json()) == (401, {"error": "expired"})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 400),
        (b"{", 400),
        (b"[" * 8000, 400),
        (b'"' + b"x" * MAX_BODY_BYTES + b'"', 413),
        (b"\xff", 400),
    ],
)
async def test_a_body_is_a_small_object(client: Client, body: bytes, status: int) -> None:
    headers = {**signed(TOKEN, 7), "Content-Type": "application/json"}
    assert (await client.post("/echo", data=body, headers=headers)).status == status


async def test_a_body_without_a_length_is_cut_too(client: Client) -> None:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    headers = {**signed(TOKEN, 7), "Content-Type": "application/json"}
    assert (await client.post("/echo", data=flood(), headers=headers)).status == 413


async def test_a_form_of_another_site_is_refused(client: Client) -> None:
    answer = await client.post("/echo", data={"a": "1"}, headers=signed(TOKEN, 7))
    assert answer.status == 415


@pytest.mark.parametrize("headers", [{}, signed(TOKEN, 7)])
async def test_every_answer_has_the_policy(client: Client, headers: dict[str, str]) -> None:
    answer = await client.post("/echo", json={}, headers=headers)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


def test_checking_takes_no_time() -> None:
    """Strangers may send what they like."""
    began = time.perf_counter()
    for _ in range(100):
        with pytest.raises(SignatureRefused):
            check("a=%7B" * 800)
    assert time.perf_counter() - began < 1
