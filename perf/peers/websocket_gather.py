#!/usr/bin/python3
"""A chat hub as tutorials write it: each message is sent to everybody else with asyncio.gather()."""

import asyncio

from websockets.exceptions import ConnectionClosed

import hub_common

clients = set()


async def handler(websocket, path=None):
    clients.add(websocket)
    try:
        async for message in websocket:
            text = f"[{websocket.remote_address[0]}] {message}"
            others = [client for client in clients if client is not websocket]
            await asyncio.gather(*(client.send(text) for client in others), return_exceptions=True)
    except ConnectionClosed:
        pass
    finally:
        clients.discard(websocket)


if __name__ == "__main__":
    hub_common.run(handler)
