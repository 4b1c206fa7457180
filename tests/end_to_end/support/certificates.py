"""Certificates from openssl, and TLS servers that use them, in order and out of it."""

import asyncio
import contextlib
import datetime
import os
import ssl
import subprocess
from dataclasses import dataclass


EC_KEY = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


@dataclass
class Identity:
    certificate: str  # paths of PEM files
    key: str


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stdout.decode()


class Authority:
    """An authority of our own. Its certificate is at `certificate`."""

    def __init__(self, folder, name="ringcast tests"):
        self.folder = str(folder)
        self.stem = name.replace(" ", "-")
        self.certificate, self.key = self.paths(self.stem)
        self.count = 0
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", f"/CN={name}", "-keyout", self.key,
                "-addext", "keyUsage=critical,keyCertSign", "-out", self.certificate)

    def paths(self, stem):
        return os.path.join(self.folder, f"{stem}.pem"), os.path.join(self.folder, f"{stem}.key")

    def next_paths(self):
        self.count += 1
        return self.paths(f"{self.stem}-{self.count}")

    def issue(self, name, days=(-1, 2), key_type=EC_KEY, digest="sha256"):
        """A certificate for a host name or an IPv4 address, valid between these days from now."""
        certificate, key = self.next_paths()
        request = certificate + ".csr"
        kind = "IP" if name.replace(".", "").isdigit() else "DNS"
        openssl("req", "-new", "-newkey", *key_type, "-nodes",
                "-subj", f"/CN={name}", "-addext", f"subjectAltName={kind}:{name}",
                "-keyout", key, "-out", request)
        with open(request + ".ext", "w", encoding="ascii") as file:
            file.write(f"subjectAltName={kind}:{name}\nbasicConstraints=CA:FALSE\n")
        start, end = ((datetime.datetime.utcnow() + datetime.timedelta(days=day)).strftime(
            "%Y%m%d%H%M%SZ") for day in days)
        with open(request + ".conf", "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=c\n[c]\ndatabase={request}.index\npolicy=p\n"
                       f"new_certs_dir={self.folder}\nrand_serial=yes\n[p]\ncommonName=supplied\n")
        with open(request + ".index", "w", encoding="ascii"):
            pass
        openssl("ca", "-batch", "-notext", "-config", request + ".conf", "-in", request,
                "-cert", self.certificate, "-keyfile", self.key, "-extfile", request + ".ext",
                "-out", certificate, "-startdate", start, "-enddate", end, "-md", digest)
        return Identity(certificate, key)

    def self_signed(self, name):
        certificate, key = self.next_paths()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                "-keyout", key, "-out", certificate)
        return Identity(certificate, key)


def server_context(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    return context


@contextlib.asynccontextmanager
async def tls_server(identity, handler, context=None):
    """Serves TLS on a free port of 127.0.0.1; handler(reader, writer) as for start_server()."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # clients that refuse us are what is tested
    server = await asyncio.start_server(handler, "127.0.0.1", 0,
                                        ssl=context or server_context(identity))
    async with server:
        yield server.sockets[0].getsockname()[1]


def tls_echo(identity):
    async def echo(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(await reader.read(100))
        writer.close()

    return tls_server(identity, echo)
