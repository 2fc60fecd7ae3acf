"""Prompts that Ctrl+K finds."""

from collections.abc import Iterator

from django.http import HttpRequest
from django.urls import reverse

from desk.search import MOST_FOUND, Found
from desk.workspace_admin import visible
from prompts.models import Prompt


def prompts(request: HttpRequest, text: str) -> Iterator[Found]:
    """Whose title holds the text, the newest first."""
    rows = visible(request, Prompt.objects.filter(title__icontains=text))
    for prompt in rows.only("title").order_by("-pk")[:MOST_FOUND]:
        url = reverse("admin:prompts_prompt_change", args=[prompt.pk])
        yield Found(prompt.title, f"prompt {prompt.pk}", url, "chat")
