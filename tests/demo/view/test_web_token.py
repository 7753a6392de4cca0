import re
import socket
from urllib.parse import urlsplit

import pytest
import requests

from demo.view.web_page import Page

PATHS = ("", "status.json", "snapshot.jpg", "stream.mjpg", "nowhere")


class Guest:
    """Somebody in the network, with a cookie jar of their own."""

    def __init__(self, page, timeout_s):
        self.port, self.timeout_s = page._server.port, timeout_s
        self.token = urlsplit(page.url).query.removeprefix("token=")
        self.session = requests.Session()

    def ask(self, path="", method="GET", **options):
        url = f"http://127.0.0.1:{self.port}/{path}"
        return self.session.request(method, url, timeout=self.timeout_s, stream=True, **options)


@pytest.fixture
def guest(controls, grey, timeout_s):
    """Of a page that is open to the network and shows a frame."""
    with Page(controls, "0.0.0.0", 0) as page:
        page.show(grey(90), {})
        guest = Guest(page, timeout_s)
        yield guest
        guest.session.close()


def test_the_printed_address_has_a_token_and_each_run_another_one(controls):
    with Page(controls, "0.0.0.0", 0) as one, Page(controls, "0.0.0.0", 0) as other:
        tokens = [re.fullmatch(r"http://[^/?]+/\?token=(\w{32})", p.url)[1] for p in (one, other)]
    assert tokens[0] != tokens[1]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_served_without_the_token(guest, path):
    response = guest.ask(path)
    assert response.status_code == 403
    assert guest.token not in response.text


def test_nothing_is_changed_without_the_token(guest, controls):
    assert guest.ask("controls", "POST", json={"paused": True}).status_code == 403
    assert not controls.paused


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("token=", id="empty"),
        pytest.param("token=" + "0" * 32, id="another"),
        pytest.param("token=ä%00%ff", id="no text"),
        pytest.param("Token={token}", id="name in capitals"),
        pytest.param("token={token}x", id="longer"),
        pytest.param("token={short}", id="shorter"),
        pytest.param("token=0&token={token}", id="second of two"),
    ],
)
def test_a_wrong_token_is_none(guest, wrong):
    query = wrong.format(token=guest.token, short=guest.token[:-1])
    assert guest.ask(f"status.json?{query}").status_code == 403


@pytest.mark.parametrize("header", ["Basic {token}", "Bearer", "Bearer 0", "{token}"])
def test_a_wrong_header_is_none(guest, header):
    headers = {"Authorization": header.format(token=guest.token)}
    assert guest.ask("status.json", headers=headers).status_code == 403


def test_the_address_opens_the_page_and_a_cookie_all_that_it_loads(guest, controls):
    page = guest.ask(f"?token={guest.token}")
    assert page.status_code == 200 and "<canvas" in page.text
    assert page.url == f"http://127.0.0.1:{guest.port}/"  # the token is not left in the address
    for path in PATHS[:-1]:
        assert guest.ask(path).status_code == 200
    assert guest.ask("controls", "POST", json={"paused": True}).status_code == 200
    assert controls.paused


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(guest):
    answer = guest.ask(f"?token={guest.token}", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "./")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"ssdlite-{guest.port}=")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie


@pytest.mark.parametrize("path", PATHS[1:-1])
def test_other_programs_give_the_token_in_the_address_or_in_a_header(guest, path):
    assert guest.ask(f"{path}?token={guest.token}", allow_redirects=False).status_code == 200
    headers = {"Authorization": f"Bearer {guest.token}"}
    assert guest.ask(path, headers=headers).status_code == 200
    assert not guest.session.cookies


def test_the_cookie_of_another_run_is_none(guest, controls, timeout_s):
    with Page(controls, "0.0.0.0", 0) as other:
        visitor = Guest(other, timeout_s)
        visitor.ask(f"?token={visitor.token}")
        assert visitor.session.cookies
        for cookie in visitor.session.cookies:
            guest.session.cookies.set(f"ssdlite-{guest.port}", cookie.value)
    assert guest.ask("status.json").status_code == 403


def test_a_browser_without_it_is_told_what_to_do_and_may_type_it(guest):
    answer = guest.ask()
    assert "Open the address that the program printed" in answer.text
    assert '<input name="token"' in answer.text  # sent as /?token=...
    assert "open the address that the program printed" in guest.ask("stream.mjpg").text


def test_a_foreign_name_is_refused_whatever_token_it_brings(guest):
    answer = guest.ask(f"?token={guest.token}", headers={"Host": "evil.example"})
    assert answer.status_code == 400


def test_a_script_of_another_site_is_refused_whatever_token_it_brings(guest, controls):
    path, origin = f"controls?token={guest.token}", {"Origin": "http://evil.example"}
    assert guest.ask(path, "POST", json={"paused": True}, headers=origin).status_code == 403
    assert not controls.paused


def test_it_is_in_no_log(guest, capfd):
    for path in ("", "status.json", "nowhere"):
        guest.ask(f"{path}?token={guest.token}")
    with socket.create_connection(("127.0.0.1", guest.port), guest.timeout_s) as raw:
        raw.sendall(f"GET /?token={guest.token} nonsense\r\n\r\n".encode())
        assert raw.recv(1000)
    assert guest.token not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("host", "with_token"),
    [
        pytest.param("127.0.0.1", True, id="this machine alone"),
        pytest.param("0.0.0.0", False, id="on purpose"),
    ],
)
def test_without_a_token_everything_is_as_before(controls, timeout_s, host, with_token):
    with Page(controls, host, 0, with_token) as page:
        guest = Guest(page, timeout_s)
        assert page.url.endswith(f":{guest.port}/")
        assert guest.ask().status_code == guest.ask("status.json").status_code == 200
        assert not guest.session.cookies
