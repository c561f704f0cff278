"""The clients of the SDK that calls share."""

import asyncio

from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.sdk_clients import SdkClients


def test_calls_in_flight_have_a_client_each_and_later_ones_take_the_last_that_was_given_back() -> None:
    async def run() -> None:
        clients = SdkClients(Endpoint("http://127.0.0.1:9/v1", "sk-x", "CROSS_JUDGE_API_KEY", False), "judge", 1.0)
        with clients.one() as first, clients.one() as second:
            assert first is not second
        with clients.one() as third:
            assert third is first
        await clients.close()
        assert first.is_closed()
        assert second.is_closed()

    asyncio.run(run())


def test_a_client_comes_back_from_a_call_that_failed() -> None:
    async def run() -> None:
        clients = SdkClients(Endpoint("http://127.0.0.1:9/v1", "sk-x", "CROSS_JUDGE_API_KEY", False), "judge", 1.0)
        lent = None
        try:
            with clients.one() as lent:
                raise TimeoutError
        except TimeoutError:
            pass
        with clients.one() as again:
            assert again is lent
        await clients.close()

    asyncio.run(run())
