"""A dashboard that several people open: sign-in, read-only, whose plans, and where from."""

from __future__ import annotations

import urllib.request

import pytest
import requests
from websockets.exceptions import InvalidStatus

from modelworth.costmodel.scenario import scenario as scenarios
from modelworth.dashboard import links, serve, sources, team
from modelworth.dashboard.parts import quick_suite, show
from modelworth.data.errors import ModelworthError
from modelworth.data.importers.told import Told
from modelworth.data.store import ENVIRONMENT, open_store
from tests.soak import sessions


@pytest.fixture
def store(start, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/store.db"
    monkeypatch.setenv(ENVIRONMENT, url)
    with open_store(url):
        pass
    return url


def test_a_read_only_dashboard_writes_nothing(store, tmp_path, monkeypatch):
    monkeypatch.setenv(team.READ_ONLY, "1")
    (tmp_path / "in.jsonl").write_text("")
    writes = (
        lambda: sources.save_scenario("months: 12"),
        lambda: sources.add_file(tmp_path / "in.jsonl", Told()),
        quick_suite._start,
    )
    for write in writes:
        with pytest.raises(ModelworthError, match="read-only"):
            write()
    with open_store(store) as kept:
        assert kept.count() == 0
        assert kept.saved_scenarios() == ()


def test_plans_of_others_are_listed_to_nobody_where_people_sign_in(store, monkeypatch):
    with open_store(store) as kept:
        kept.save_scenario("months: 24")
    mine = sources.save_scenario("months: 12")
    assert len(sources.saved_scenarios()) == 2
    monkeypatch.setattr(team, "sign_in", lambda: True)
    monkeypatch.setattr(team.st, "session_state", {"saved-here": {mine}})
    assert [key for key, _, _ in sources.saved_scenarios()] == [mine]
    monkeypatch.setattr(team.st, "session_state", {})
    assert sources.saved_scenarios() == ()


def test_analyses_are_kept_up_to_a_number_of_bytes(store, monkeypatch):
    first, second = (
        scenarios.with_overrides(scenarios.load("base"), {"months": months}) for months in (12, 13)
    )
    monkeypatch.setattr(sources, "MOST_BYTES", 1500)
    sources.keep(first, 0, (), b"x" * 1000)
    assert sources.kept(first, 0, ()) == b"x" * 1000
    sources.keep(second, 0, (), b"y" * 1000)
    assert sources.kept(first, 0, ()) is None
    assert sources.kept(second, 0, ()) == b"y" * 1000


def test_the_least_used_analysis_leaves_first(store, monkeypatch):
    first, second, third = (
        scenarios.with_overrides(scenarios.load("base"), {"months": months})
        for months in (12, 13, 14)
    )
    monkeypatch.setattr(sources, "MOST_BYTES", 40)
    for plan, found in ((first, b"x"), (second, b"y")):
        sources.keep(plan, 0, (), found)
    assert sources.kept(first, 0, ()) == b"x"
    sources.keep(third, 0, (), b"z")
    assert [sources.kept(plan, 0, ()) for plan in (first, second, third)] == [b"x", None, b"z"]


def test_a_link_makes_no_page_open_a_file_of_the_server(start, empty_store, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text('{"model_type": "llama", "a secret": 1}')
    text = scenarios.to_yaml(scenarios.load("base"))
    named = f"capacity:\n  model: {secret}\n  accelerator: H100 SXM 80GB\n  basis: predicted"
    asked = text.replace("capacity:\n  basis: measured", named)
    assert asked != text
    for name in (secret, tmp_path / "none.json"):
        test = start(empty_store, scenario=links.pack(asked.replace(str(secret), str(name))))
        said = "\n".join(error.value for error in test.error)
        assert "pages open no file" in said
        assert "sizes" not in said
        assert "No such file" not in said


def test_no_other_host_is_asked_for_our_address(monkeypatch):
    from streamlit import net_util
    from streamlit.web.server import server_util

    def asked(*_, **__):
        raise AssertionError("another host was asked")

    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)
    monkeypatch.setattr(net_util, "_make_blocking_http_get", asked)
    monkeypatch.setattr(urllib.request, "urlopen", asked)
    serve.ask_nobody()
    assert not server_util.is_url_from_allowed_origins("https://evil.example")


@pytest.mark.parametrize(
    "text",
    ["https://evil.example/a", "HTTP://evil.example", "www.evil.example", "a@evil.example",
     "[x](javascript:alert(1))", "![x](https://evil.example/pixel.png)"],
)  # fmt: skip
def test_an_address_in_a_readers_text_is_no_link(text):
    shown = show.plain(text).replace("\\", "")
    assert shown.replace(show.JOINER, "") == text
    assert not any(sign in shown.lower() for sign in ("https://", "http://", "www.", "@evil"))


SECRETS = """[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "a long random text for the tests alone"
client_id = "modelworth"
client_secret = "of the tests"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""
QUERY = "lang=en&from=base"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nobody_passes_without_signing_in_and_who_did_sees_the_page(tmp_path, monkeypatch):
    from tests.dashboard.provider import provider
    from tests.soak import stand_ins

    port = stand_ins.free_port()
    monkeypatch.setattr(sessions, "free_port", lambda: port)
    with provider() as address:
        (tmp_path / ".streamlit").mkdir()
        secrets = SECRETS.format(port=port, provider=address)
        (tmp_path / ".streamlit" / "secrets.toml").write_text(secrets)
        with sessions.dashboard(folder=tmp_path):
            _outside(port)
            cookies = _signed_in(port)
            assert "Net present value" in _page(port, cookies)
            name = next(key for key in cookies if "user" in key)
            forged = cookies | {name: cookies[name][:-4] + "AAAA"}
            assert "Net present value" not in _page(port, forged)
            without = {key: value for key, value in cookies.items() if "xsrf" not in key}
            assert "Net present value" not in _page(port, without)


def _outside(port: int) -> None:
    """Without a cookie there is a login and nothing else; other origins and hosts get none."""
    seen = _page(port, {})
    assert "Net present value" not in seen
    assert "This machine as a service" not in seen
    for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
        with pytest.raises(InvalidStatus), sessions.reader(port, **headers):
            pass


def _page(port: int, cookies: dict[str, str]) -> str:
    with sessions.reader(port, cookies=cookies) as socket:
        return " ".join(map(str, sessions.page(socket, QUERY, "verdict")))


def _signed_in(port: int) -> dict[str, str]:
    """What the browser holds after the button was pressed and the provider said yes."""
    with sessions.reader(port) as socket:
        came = sessions.page(socket, QUERY, "verdict")
        buttons = [
            message.delta.new_element.button.id for message in came
            if message.delta.new_element.WhichOneof("type") == "button"
        ]  # fmt: skip
        came = sessions.page(socket, QUERY, "verdict", pressed=buttons[0])
    path = next(message.auth_redirect.url for message in came if message.HasField("auth_redirect"))
    browser = requests.Session()
    for address in (path, "/_stcore/health"):
        browser.get(f"http://127.0.0.1:{port}{address}", timeout=60).raise_for_status()
    return dict(browser.cookies)
