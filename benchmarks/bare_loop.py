"""The yardstick of what asks an endpoint: the SDK in a loop, its messages made before, so many calls in flight."""

import asyncio
from collections.abc import Sequence
from typing import Any

from openai import AsyncOpenAI  # here, so that no clock around a loop counts it


def bare_loop(
    url: str,
    key: str,
    prompts: Sequence[Any],
    in_flight: int,
    retries: int = 0,
    passed_over: tuple[type[Exception], ...] = (),
    **parameters: Any,
) -> int:
    """How many of the replies end in 1; an error that is not passed over ends the loop.

    Args:
        url: of the server, as far as `/v1`.
        key: for it.
        prompts: the messages of each call.
        in_flight: calls at once.
        retries: of the SDK.
        passed_over: errors of single calls that are no reply.
        parameters: of each call, beside model and messages.
    """

    async def ask(client: AsyncOpenAI, slots: asyncio.Semaphore, prompt: Any) -> bool:
        async with slots:
            try:
                said = await client.chat.completions.create(model="judge", messages=prompt, **parameters)
            except passed_over:
                return False
        return str(said.choices[0].message.content).endswith("1")

    async def run() -> int:
        slots = asyncio.Semaphore(in_flight)
        async with AsyncOpenAI(base_url=url, api_key=key, max_retries=retries, timeout=60) as client:
            return sum(await asyncio.gather(*(ask(client, slots, prompt) for prompt in prompts)))

    return asyncio.run(run())
