"""What can be done to a SOPS file by whoever knows how it is made, and has no key."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

Document = dict[str, Any]
Edit = Callable[[Random, Document], object]

STRANGER: Final = "age1x2w20ux928nzgp0pngwyg72hpygmf0v02gx5erpmn66ng4lwk4pqc9qqmk"
"""A recipient that is well formed, and nobody's."""
_PART: Final = re.compile(r"(data|iv|tag):([^,]+)")
_KMS: Final = {"arn": "arn:aws:kms:us-east-1:1:key/1", "created_at": "2026-01-01T00:00:00Z", "enc": "AA=="}
_RULES: Final = ("unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "unencrypted_comment_regex")


def edited(text: bytes, rng: Random, edit: Edit) -> bytes:
    """*text* with the edit, written as SOPS does."""
    document: Document = json.loads(text)
    edit(rng, document)
    return json.dumps(document, indent="\t").encode() + b"\n"


def _key(rng: Random, document: Document) -> str:
    return str(rng.choice(list(document["vars"])))


def _cipher(rng: Random, document: Document) -> str:
    return str(rng.choice([value for value in document["vars"].values() if value]))


def _changed(cipher: str, part: str, rng: Random) -> str:
    """*cipher* with a bit of one of its parts flipped."""
    found = {one[1]: one[2] for one in _PART.finditer(cipher)}
    data = bytearray(base64.b64decode(found[part]))
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return cipher.replace(f"{part}:{found[part]}", f"{part}:{base64.b64encode(data).decode()}")


def _change(part: str) -> Edit:
    def edit(rng: Random, document: Document) -> None:
        key = rng.choice([key for key, value in document["vars"].items() if value])
        document["vars"][key] = _changed(document["vars"][key], part, rng)

    return edit


def _retyped(rng: Random, document: Document) -> None:
    key = rng.choice([key for key, value in document["vars"].items() if value])
    kind = rng.choice(("int", "float", "bool", "bytes", "comment", "time", ""))
    document["vars"][key] = document["vars"][key].replace("type:str", f"type:{kind}")


def _put(value: Any) -> Edit:
    def edit(rng: Random, document: Document) -> None:
        key = rng.choice([key for key, found in document["vars"].items() if found != value])
        document["vars"][key] = value

    return edit


def _add(value: Any) -> Edit:
    def edit(rng: Random, document: Document) -> None:
        document[rng.choice(("vars", "files"))][f"NEW_{rng.randrange(1000)}"] = value

    return edit


def _add_known(rng: Random, document: Document) -> None:
    known = _cipher(rng, document)
    wrapped = rng.choice((known, [known], {"A": known}, known.replace("type:str", "type:comment")))
    document[rng.choice(("vars", "files"))][f"NEW_{rng.randrange(1000)}"] = wrapped


def _rename(rng: Random, document: Document) -> None:
    key = _key(rng, document)
    document["vars"][rng.choice((key.lower() + "_", f"{key}_unencrypted", f"{key}\u0000", ""))] = document["vars"].pop(
        key
    )


def _swap_values(rng: Random, document: Document) -> None:
    one, two = rng.sample(list(document["vars"]), 2)
    document["vars"][one], document["vars"][two] = document["vars"][two], document["vars"][one]


def _swap_parts(rng: Random, document: Document) -> None:
    one, two = rng.sample(("app", "salt", "version"), 2)
    document[one], document[two] = document[two], document[one]


def _move(rng: Random, document: Document) -> None:
    there, here = rng.sample(("vars", "files"), 2)
    key = rng.choice(list(document[there]))
    document[here][key] = document[there].pop(key)


def _drop_part(rng: Random, document: Document) -> None:
    del document[rng.choice(("app", "version", "salt", "vars", "files"))]


def _clear_part(rng: Random, document: Document) -> None:
    document.update(
        rng.choice(({"app": "blog"}, {"app": ""}, {"salt": ""}, {"version": 1}, {"vars": {}}, {"files": {}}))
    )


def _strange_part(rng: Random, document: Document) -> None:
    document[rng.choice(("more", "SOPS", "Vars", "_"))] = rng.choice((_cipher(rng, document), {"A": ""}, "", None))


def _recipient_added(rng: Random, document: Document) -> None:
    stanza = {**document["sops"]["age"][0], "recipient": STRANGER}
    document["sops"]["age"].insert(rng.randrange(2), stanza)


def _recipient_twice(rng: Random, document: Document) -> None:
    document["sops"]["age"].append(dict(document["sops"]["age"][0]))


def _recipient_replaced(rng: Random, document: Document) -> None:
    names = (STRANGER, "age1yubikey1q" + "q" * 50, "ssh-ed25519 AAAA", "", None, STRANGER + "\n", [STRANGER])
    document["sops"]["age"][0]["recipient"] = rng.choice(names)


def _no_recipient(rng: Random, document: Document) -> None:
    document["sops"]["age"] = rng.choice(([], None, {}, "", [None], [{}]))


def _data_key_changed(rng: Random, document: Document) -> None:
    stanza = document["sops"]["age"][0]
    lines = stanza["enc"].splitlines()
    at = rng.randrange(1, len(lines) - 1)
    lines[at] = lines[at].swapcase()
    stanza["enc"] = "\n".join(lines) + "\n"


def _other_keys(rng: Random, document: Document) -> None:
    document["sops"][rng.choice(("kms", "gcp_kms", "azure_kv", "hc_vault", "pgp", "key_groups"))] = [dict(_KMS)]


def _other_rule(rng: Random, document: Document) -> None:
    rule = rng.choice(("^A$", "", ".+", "vars", None, ".*|x", "(?i).*", 1))
    document["sops"]["encrypted_regex"] = rule


def _no_rule(rng: Random, document: Document) -> None:
    del document["sops"]["encrypted_regex"]


def _clear_rule(rng: Random, document: Document) -> None:
    """A value in the clear, and a rule that says it may be."""
    key = _key(rng, document)
    document["vars"][key] = "mine"
    document["sops"][rng.choice(_RULES)] = key


def _less_proven(rng: Random, document: Document) -> None:
    document["sops"]["mac_only_encrypted"] = rng.choice((True, "true", 1))


def _no_mac(rng: Random, document: Document) -> None:
    if rng.random() < 0.3:
        del document["sops"]["mac"]
    else:
        document["sops"]["mac"] = rng.choice(("", None, "ENC[AES256_GCM,data:", 0, [], _cipher(rng, document)))


def _mac_changed(rng: Random, document: Document) -> None:
    document["sops"]["mac"] = _changed(document["sops"]["mac"], rng.choice(("data", "iv", "tag")), rng)


def _other_time(rng: Random, document: Document) -> None:
    document["sops"]["lastmodified"] = rng.choice((f"2020-01-01T00:00:{rng.randrange(60):02}Z", "", None, "now"))


def _threshold(rng: Random, document: Document) -> None:
    document["sops"]["shamir_threshold"] = rng.randrange(1, 5)


def _no_metadata(rng: Random, document: Document) -> None:
    if rng.random() < 0.3:
        del document["sops"]
    else:
        document["sops"] = rng.choice(([], None, "", 1, {}, {"version": "3.13.2"}))


EDITS: Final[Mapping[str, Edit]] = {
    **{f"the {part} of a value changed": _change(part) for part in ("data", "iv", "tag")},
    "the type of a value changed": _retyped,
    "a key dropped": lambda rng, document: document["vars"].pop(_key(rng, document)),
    "a file dropped": lambda rng, document: document["files"].pop(rng.choice(list(document["files"]))),
    "a key renamed": _rename,
    "an empty value added": _add(""),
    "a null value added": _add(None),
    "a value in the clear added": _add("mine"),
    "a list added": _add([]),
    "an object added": _add({}),
    "a known value added": _add_known,
    "a value nulled": _put(None),
    "a value blanked": _put(""),
    "a value in the clear": _put("mine"),
    "a number in the clear": _put(7),
    "two values swapped": _swap_values,
    "two parts swapped": _swap_parts,
    "a file made a variable, or the other way round": _move,
    "a part dropped": _drop_part,
    "a part in the clear": _clear_part,
    "a strange part": _strange_part,
    "a recipient added": _recipient_added,
    "the recipient twice": _recipient_twice,
    "another recipient": _recipient_replaced,
    "no recipient": _no_recipient,
    "the data key changed": _data_key_changed,
    "another kind of key": _other_keys,
    "another rule": _other_rule,
    "no rule": _no_rule,
    "a rule for what is in the clear": _clear_rule,
    "less proven": _less_proven,
    "no mac": _no_mac,
    "the mac changed": _mac_changed,
    "another time": _other_time,
    "a threshold": _threshold,
    "no part of SOPS's": _no_metadata,
}  # fmt: skip


def key_twice(rng: Random, text: bytes) -> bytes:
    """A key of JSON twice: which of them counts is another thing for each reader."""
    lines = text.splitlines(keepends=True)
    at = rng.choice([number for number, line in enumerate(lines) if re.match(rb'\t+"[^"]*": ".*",$', line)])
    key = lines[at].partition(b": ")[0]
    other = rng.choice((lines[at], key + b': "",\n', key + b': "mine",\n', key + b": null,\n"))
    lines.insert(at + rng.randrange(2), other)
    return b"".join(lines)


def section_twice(rng: Random, text: bytes) -> bytes:
    """All of SOPS's part, or of the variables, twice."""
    other = rng.choice((b'\t"sops": {},\n', b'\t"sops": null,\n', b'\t"vars": {},\n', b'\t"vars": {"A": ""},\n'))
    head, brace, rest = text.partition(b"{\n")
    return head + brace + other + rest


def deep(rng: Random, text: bytes) -> bytes:
    """More brackets than a reader has room for."""
    return rng.choice((b"[", b'{"vars":')) * rng.randrange(10_000, 200_000)
