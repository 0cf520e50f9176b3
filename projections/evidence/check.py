"""Checks this folder: python check.py [PUBLIC_KEY]. Needs Python 3.9 and the package `cryptography`, nothing else."""

import base64
import hashlib
import json
import pathlib
import sys

try:
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    sys.exit("NOT CHECKED: this needs the package cryptography: pip install cryptography")


def must(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"NOT SOUND: {otherwise}")


def read(name: str) -> bytes:
    must((here / name).is_file(), f"{name} is missing")
    return (here / name).read_bytes()


here = pathlib.Path(__file__).resolve().parent
signed, told = read("manifest.json"), " ".join(sys.argv[1:])
try:
    public = told or json.loads(signed)["public_key"]
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
except (ValueError, KeyError):
    sys.exit(
        "NOT CHECKED: " + (f"{told} is no" if told else "manifest.json has no") + " public key, 64 hexadecimal digits"
    )
try:
    key.verify(bytes.fromhex(read("manifest.sig").decode()), signed)
except (InvalidSignature, ValueError):
    must(False, f"manifest.json was changed, or was signed by another key than {public}")
manifest = json.loads(signed)
for name, digest in manifest["files"].items():
    must(hashlib.sha256(read(name)).hexdigest() == digest, f"{name} was changed")
parts = {*manifest["files"], "manifest.json", "manifest.sig"}
for path in sorted(path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()):
    if path not in parts:
        print(f"{path}: no part of the evidence, signed by nobody")
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
        try:
            plain = json.loads(AESGCM(secret).decrypt(data[:12], data[12:], context.encode()))
        except InvalidTag:
            plain = None  # sealed by another key, or elsewhere
        must(data in body and plain == event["payload"][field], f"event {number}: {field} was not said so")
        opened += 1
    previous = body[-32:]
must(previous.hex() == manifest["head"]["hash"], "the last events are gone")
if "anchor.json" in manifest["files"]:
    proof = json.loads(read("anchor.json"))
    node = hashlib.sha256(f"\0{manifest['call']}\x1f{proof['seq']}\x1f{proof['hash']}".encode()).digest()
    for step in proof["path"]:
        pair = (bytes.fromhex(step["hash"]), node) if step["side"] == "left" else (node, bytes.fromhex(step["hash"]))
        node = hashlib.sha256(b"\1" + b"".join(pair)).digest()
    must(node.hex() == proof["anchor"]["root"], "anchor.json does not lead to its root")
    anchored = base64.b64decode(events[proof["seq"] - 1]["body"])[-32:]
    must(anchored.hex() == proof["hash"], f"event {proof['seq']} is not the one that was anchored")
    print(f"anchored up to event {proof['seq']}, under the root {node.hex()}")
print(f"{manifest['call']}: {len(events)} events in one chain, {opened} private fields opened, signed by {public}")
if not told:
    print("That key is the folder's own word: give the one that you wrote down, as python check.py PUBLIC_KEY")
