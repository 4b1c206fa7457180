#!/usr/bin/python3
"""
The chat server that ringcast took over from: each message goes to every other client as
`[ip] message`. It is written as the asyncio tutorials write it, for websockets 10 to 15, and listens
on free ports of localhost, which it prints.
"""

import asyncio
import signal
import socket

from websockets.exceptions import ConnectionClosed

try:  # websockets 13 and newer
    from websockets.asyncio.server import serve
except ImportError:  # websockets 10 to 12
    from websockets import serve

clients = set()


def with_prefix(websocket, message):
    prefix = f"[{websocket.remote_address[0]}] "
    return prefix + message if isinstance(message, str) else prefix.encode() + message


async def handler(websocket):
    clients.add(websocket)
    try:
        async for message in websocket:
            others = [client for client in clients if client is not websocket]
            await asyncio.gather(*(client.send(with_prefix(websocket, message))
                                   for client in others), return_exceptions=True)
    except ConnectionClosed:
        pass
    finally:
        clients.discard(websocket)


def loopback():
    """127.0.0.1, and ::1 where there is IPv6: /etc/hosts need not know both under `localhost`."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return ["127.0.0.1", "::1"]
    except OSError:
        return ["127.0.0.1"]


async def main():
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with serve(handler, loopback(), 0) as server:
        for listener in server.sockets:
            host, port = listener.getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            print(f"hub: listening address={host}:{port}", flush=True)
        print("ready", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(main())
