"""What anybody may ask: the version and whether the service is up."""

import pytest
from rest_framework.test import APIClient


@pytest.mark.parametrize("path", ["/api/version", "/api/version/", "/version", "/version/"])
def test_version(path: str) -> None:
    response = APIClient().get(path)

    assert response.status_code == 200
    assert response.json() == {
        "release": "1.23.2",
        "label-studio-os-package": {"version": "1.23.2", "short_version": "1.23"},
        "edition": "Community",
        "predictions-api": {"version": "0.1.0"},
    }


@pytest.mark.parametrize("path", ["/health", "/health/"])
def test_health(path: str) -> None:
    response = APIClient().get(path)

    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/html")
    assert response.content == b'{"status": "UP"}'


def test_a_wrong_key_does_not_matter_here() -> None:
    client = APIClient(HTTP_AUTHORIZATION="Token nonsense")

    assert client.get("/api/version").status_code == 200
    assert client.get("/health").status_code == 200
