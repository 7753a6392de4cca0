"""Who may use a page that is open to the network: those who have its token."""

import re
import secrets

from werkzeug.exceptions import abort
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

_FORM = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Token needed</title>
<body style="font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto">
<h1>Token needed</h1>
<p>Open the address that the program printed when it was started: it ends in
<code>?token=...</code>. Each start has a token of its own.</p>
<form><label>Or type the token: <input name="token" autocomplete="off" autofocus></label>
<button>Open</button></form>
"""
_REFUSED = "a token is needed: open the address that the program printed, with ?token=..."


class Token:
    """The token of one run of a page.

    It is taken from the query of an address, as `Authorization: Bearer TOKEN`, or from the cookie
    that the page's address gives: browsers are sent on to an address without it.

    Args:
        port: of the page; cookies are shared by all pages of a host, whatever their port.

    Attributes:
        text: 32 characters that can stand in an address.
    """

    def __init__(self, port: int) -> None:
        self.text = secrets.token_hex(16)
        self._cookie = f"ssdlite-{port}"

    def check(self, request: Request) -> Response | None:
        """None where the request has the token, or what to answer instead of what it asks for.

        Raises:
            HTTPException: 403, for what is no page.
        """
        in_address = request.args.get("token", "")
        bearer = re.fullmatch(r"bearer +(\S+)", request.headers.get("Authorization", ""), re.I)
        given = [in_address, request.cookies.get(self._cookie, ""), bearer[1] if bearer else ""]
        is_page = request.path == "/" and request.method == "GET"
        if not any(self._matches(one) for one in given):
            return Response(_FORM, 403, mimetype="text/html") if is_page else abort(403, _REFUSED)
        if not (is_page and in_address):
            return None
        # Lax: a link in a message opens the page, and changes are only taken from its own pages.
        response = redirect("./", 303)
        response.set_cookie(self._cookie, self.text, httponly=True, samesite="Lax")
        return response

    def _matches(self, given: str) -> bool:
        # Not by ==, whose time tells how much of it is right.
        return secrets.compare_digest(given.encode("utf-8", "replace"), self.text.encode())
