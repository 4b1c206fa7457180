#!/usr/bin/python3
"""The same chat hub, with the library's own broadcast(), which waits for nobody."""

from websockets.exceptions import ConnectionClosed

import hub_common

clients = set()


async def handler(websocket, path=None):
    clients.add(websocket)
    try:
        async for message in websocket:
            text = f"[{websocket.remote_address[0]}] {message}"
            hub_common.broadcast((client for client in clients if client is not websocket), text)
    except ConnectionClosed:
        pass
    finally:
        clients.discard(websocket)


if __name__ == "__main__":
    hub_common.run(handler)
