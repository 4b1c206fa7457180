#!/usr/bin/python3
"""
The chat client that ringcast took over from: prints what arrives while lines are read from standard
input; `exit` or `quit` leaves. It is written as the asyncio tutorials write it, for websockets 10 to
15.
"""

import asyncio
import sys

import websockets


async def receive(websocket):
    async for message in websocket:
        print(message if isinstance(message, str) else message.decode("utf-8", "replace"),
              flush=True)


async def send(websocket):
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        message = line.rstrip("\n")
        if message.lower() in ("exit", "quit"):
            return
        await websocket.send(message)


async def main(url):
    async with websockets.connect(url) as websocket:
        receiving = asyncio.create_task(receive(websocket))
        await send(websocket)
        receiving.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://localhost:8765"))
