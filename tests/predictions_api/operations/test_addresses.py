"""Whose request it is: the connection's address, or the one that a trusted proxy wrote."""

from typing import Any

import pytest
from django.http import HttpRequest

from predictions_api.operations.addresses import address_of, counted_as


def request(peer: str | None, forwarded: str | None = None) -> HttpRequest:
    made = HttpRequest()
    sent = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    made.META = {name: value for name, value in sent.items() if value is not None}
    return made


@pytest.mark.parametrize(
    ("peer", "forwarded", "direct", "behind_a_proxy"),
    [
        ("192.0.2.7", None, "192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7", "198.51.100.1"),
        # Whatever the client writes stands before what the proxy adds.
        ("192.0.2.7", "203.0.113.9, 198.51.100.1", "192.0.2.7", "198.51.100.1"),
        ("192.0.2.7", "203.0.113.9, nonsense", "192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "", "192.0.2.7", "192.0.2.7"),
        ("2001:DB8::1", None, "2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.7", None, "192.0.2.7", "192.0.2.7"),
        ("", "198.51.100.1", None, "198.51.100.1"),
        (None, None, None, None),
    ],
)
def test_the_address(
    settings: Any,
    peer: str | None,
    forwarded: str | None,
    direct: str | None,
    behind_a_proxy: str | None,
) -> None:
    settings.TRUST_PROXY_HEADERS = False
    assert address_of(request(peer, forwarded)) == direct
    settings.TRUST_PROXY_HEADERS = True
    assert address_of(request(peer, forwarded)) == behind_a_proxy


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        (None, None),
    ],
)
def test_of_ipv6_a_network_is_counted(peer: str | None, counted: str | None) -> None:
    assert counted_as(request(peer)) == counted
