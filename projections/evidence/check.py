"""Checks this folder: python check.py [PUBLIC_KEY]. Needs Python 3.9 and the package `cryptography`, nothing else."""

import base64
import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def must(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"NOT SOUND: {otherwise}")


here = pathlib.Path(__file__).resolve().parent
manifest = json.loads((here / "manifest.json").read_bytes())
public = sys.argv[1] if len(sys.argv) > 1 else manifest["public_key"]
signature = bytes.fromhex(
    (here / "manifest.sig").read_text()
)  # the next line raises InvalidSignature if it is another's
Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, (here / "manifest.json").read_bytes())
for name, digest in manifest["files"].items():
    must(hashlib.sha256((here / name).read_bytes()).hexdigest() == digest, f"{name} was changed")
events = [json.loads(line) for line in (here / "events.jsonl").read_text("utf-8").split("\n") if line]
has_key = "key.json" in manifest["files"]  # a forgotten call has none
secret = base64.b64decode(json.loads((here / "key.json").read_text())["secret"]) if has_key else b""
opened, previous = 0, bytes(32)
for number, event in enumerate(events, 1):
    body = base64.b64decode(event["body"])  # as it stands on the log: Avro, which ends with prev_hash and hash
    must(event["seq"] == number and body[-64:-32] == previous, f"event {number} does not follow the one before it")
    must(hashlib.sha256(body[:-32]).digest() == body[-32:], f"event {number} was changed")
    for field, sealed in event["sealed"].items() if has_key else ():
        data, context = base64.b64decode(sealed), "\x1f".join((manifest["call"], event["event_id"], field))
        plain = AESGCM(secret).decrypt(data[:12], data[12:], context.encode())
        must(data in body and json.loads(plain) == event["payload"][field], f"event {number}: {field} was not said so")
        opened += 1
    previous = body[-32:]
must(previous.hex() == manifest["head"]["hash"], "the last events are gone")
print(f"{manifest['call']}: {len(events)} events in one chain, {opened} private fields opened, signed by {public}")
