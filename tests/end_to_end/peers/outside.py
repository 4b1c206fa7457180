"""
A network of its own (run it with `unshare -rn`), in which a public address leads to this machine.
Serves on all addresses, on one port: /to/URL redirects there, anything else is a page. Runs the
program in the arguments, whose {port} becomes that port, and passes its output on.
"""

import asyncio
import subprocess
import sys
import urllib.parse

PUBLIC = ["93.184.216.34/32", "2606:2800:220:1::1/128"]
BODY = b"<title>inside</title>"


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1].decode()
            if path.startswith("/to/"):
                target = urllib.parse.unquote(path.removeprefix("/to/"))
                writer.write(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\n"
                             "Content-Length: 0\r\n\r\n".encode())
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                             b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in [*PUBLIC, "10.1.2.3/32", "fd00::1/128"]:
        subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
    server = await asyncio.start_server(serve, ["0.0.0.0", "::"], 8080)
    async with server:
        process = await asyncio.create_subprocess_exec(*sys.argv[1:])
        sys.exit(await process.wait())


asyncio.run(main())
