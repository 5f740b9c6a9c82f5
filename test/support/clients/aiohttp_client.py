"""A session of aiohttp, which reads the environment where it is told to."""
import asyncio

import aiohttp
from steps import steps


async def main():
    async with aiohttp.ClientSession(trust_env=True) as session:
        for method, url, sent, read in steps:
            try:
                async with session.request(method, url, data=sent) as res:
                    told = res.headers.get("sallyport-problem") or read(await res.read())
                    print(told, res.status, f"{res.version.major}.{res.version.minor}")
            except aiohttp.ClientError as error:
                print(repr(error))


asyncio.run(main())
