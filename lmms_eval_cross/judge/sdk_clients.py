"""Clients of the SDK: how they are made, and one for each call in flight."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from openai import AsyncAzureOpenAI, AsyncOpenAI, Omit

from lmms_eval_cross.judge.bounded import bounded_client
from lmms_eval_cross.judge.endpoint import Endpoint


class SdkClients:
    """As many clients as there were calls in flight, each with one connection; for one event loop.

    A client with 64 connections looks at all of them when a call begins and when it ends, which took a third of the
    processor time of a call.
    """

    def __init__(self, endpoint: Endpoint, model: str, timeout_seconds: float) -> None:
        """Open without asking anything.

        Args:
            endpoint: where to ask.
            model: whom; in Azure's addresses.
            timeout_seconds: that a call may take.
        """
        self._endpoint, self._model, self._timeout = endpoint, model, timeout_seconds
        self._certificates = httpx2.create_ssl_context()  # takes 20 ms to read, so all clients share it
        self._idle: list[AsyncOpenAI] = []
        self._all: list[AsyncOpenAI] = []

    @contextmanager
    def one(self) -> Iterator[AsyncOpenAI]:
        """A client for one call, the one that was used last, since its connection is the likeliest to be open."""
        client = self._idle.pop() if self._idle else self._new()
        try:
            yield client
        finally:
            self._idle.append(client)

    def _new(self) -> AsyncOpenAI:
        client = async_client(self._endpoint, self._model, self._timeout, bounded_client(self._certificates))
        self._all.append(client)
        return client

    async def close(self) -> None:
        """Close the connections."""
        for client in self._all:
            await client.close()


def async_client(
    endpoint: Endpoint, model: str, timeout_seconds: float, http_client: httpx2.AsyncClient
) -> AsyncOpenAI:
    """The SDK's client, which never tries again by itself."""
    kind = AsyncOpenAI if endpoint.azure_api_version is None else AsyncAzureOpenAI
    return kind(**model_options(endpoint, model, timeout_seconds, retries=0), http_client=http_client)


def model_options(endpoint: Endpoint, model: str, timeout_seconds: float, retries: int) -> dict[str, Any]:
    """`client_options` for a model, which at Azure stands in the address; there the SDK's Azure clients take them."""
    options = client_options(endpoint, timeout_seconds, retries)
    if endpoint.azure_api_version is not None:
        del options["base_url"]
        options |= {
            "azure_endpoint": endpoint.base_url,
            "azure_deployment": model,
            "api_version": endpoint.azure_api_version,
        }
    return options


def client_options(endpoint: Endpoint, timeout_seconds: float, retries: int) -> dict[str, Any]:
    """Arguments for an SDK client that sends the endpoint's key there and nothing of the user's account elsewhere."""
    headers: dict[str, Any] = {}
    if not endpoint.is_openai:
        headers |= {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit(), **_without_users_headers(endpoint.key)}
    return {
        "api_key": endpoint.key or "none",
        "base_url": endpoint.base_url,
        "timeout": timeout_seconds,
        "max_retries": retries,
        "default_headers": headers,
    }


def call_headers(endpoint: Endpoint) -> dict[str, Any]:
    """Headers of a single call: the SDK leaves the key out only where each call says so."""
    if endpoint.key:
        return {}
    return {"Authorization": Omit()}


def _without_users_headers(key: str | None) -> dict[str, Any]:
    """Undo OPENAI_CUSTOM_HEADERS, which the SDK would send along: they belong to the model under test."""
    headers: dict[str, Any] = {}
    for line in os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n"):
        name, colon, _ = line.partition(":")
        if colon:
            headers[name.strip()] = Omit()
    for name in headers:
        if key and name.lower() == "authorization":  # to leave it out would leave out our key as well
            headers[name] = f"Bearer {key}"
    return headers
