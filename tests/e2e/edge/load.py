"""Ask one name, over and over, until standard input ends; then tell as JSON how many answers came, and what went wrong.

usage: load.py URL HOST WORKERS [CA]
"""

import asyncio
import json
import ssl
import sys
from collections import Counter
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector


async def main(url: str, host: str, workers: int, authority: str | None) -> None:
    context = ssl.create_default_context(cafile=authority) if authority else None
    results: Counter[str] = Counter()
    ended = asyncio.Event()

    async def worker(number: int) -> None:
        # half of them over connections that stay, half over new ones
        connector = TCPConnector(ssl=context or True, force_close=bool(number % 2), limit=1)
        async with ClientSession(connector=connector, timeout=ClientTimeout(total=30)) as session:
            while not ended.is_set():
                try:
                    async with session.get(
                        url, headers={"Host": host}, server_hostname=host if context else None
                    ) as answer:
                        text = await answer.text()
                        results[
                            "ok" if answer.status == 200 and text.startswith("release=") else f"status {answer.status}"
                        ] += 1
                except (ClientError, TimeoutError, OSError) as error:
                    results[f"{type(error).__name__}: {error}"[:120]] += 1

    tasks = [asyncio.create_task(worker(number)) for number in range(workers)]
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    ended.set()
    await asyncio.gather(*tasks)
    print(json.dumps(results))


if __name__ == "__main__":
    assert urlsplit(sys.argv[1]).hostname == "127.0.0.1"
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else None))
