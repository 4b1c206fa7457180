"""JSON Web Tokens, signed by hand (HS256) or by openssl (ES256, EdDSA)."""

import base64
import hashlib
import hmac
import json
import os
import subprocess

SECRET = "a secret of the tests, 32 bytes or more"


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(algorithm, claims):
    parts = ({"alg": algorithm, "typ": "JWT"}, claims)
    return ".".join(encode(json.dumps(part).encode()) for part in parts)


def token(secret=SECRET, **claims):
    text = unsigned("HS256", claims)
    return f"{text}.{encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def write_file(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class KeyPair:
    """A key of P-256 or Ed25519; its public half is in the file `public`."""

    def __init__(self, folder, kind):
        self.kind = kind
        self.key = os.path.join(folder, f"{kind}.key")
        self.public = os.path.join(folder, f"{kind}.pem")
        arguments = ["ed25519"] if kind == "EdDSA" else ["EC", "-pkeyopt",
                                                         "ec_paramgen_curve:P-256"]
        openssl("genpkey", "-algorithm", *arguments, "-out", self.key)
        openssl("pkey", "-in", self.key, "-pubout", "-out", self.public)

    def token(self, **claims):
        text = unsigned(self.kind, claims)
        if self.kind == "EdDSA":
            path = write_file(os.path.dirname(self.key), "message", text)
            return f"{text}.{encode(openssl('pkeyutl', '-sign', '-inkey', self.key, '-rawin', '-in', path))}"
        der = openssl("dgst", "-sha256", "-sign", self.key, data=text.encode())
        raw, at = b"", 2
        for _ in range(2):  # two INTEGERs of DER
            size = der[at + 1]
            raw += int.from_bytes(der[at + 2:at + 2 + size], "big").to_bytes(32, "big")
            at += 2 + size
        return f"{text}.{encode(raw)}"
