"""Why a connection failed, in the words of whoever knows best: a library wraps what the system, or TLS, said."""

from __future__ import annotations

import os
import ssl


def behind(error: BaseException | None) -> list[BaseException]:
    """*error*, what caused it, and so on down."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or one in found:
            continue
        found.append(one)
        waiting += [*(one.exceptions if isinstance(one, BaseExceptionGroup) else ()), one.__cause__, one.__context__]
    return found


def connection_words(error: BaseException) -> str:
    """What is said of the other end; empty where neither TLS nor the system said a word.

    >>> connection_words(ConnectionRefusedError(111, "")), connection_words(TimeoutError()), connection_words(ValueError("odd"))
    ('connection refused', 'it does not answer in time', '')
    """
    found = ""
    for one in behind(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({one.verify_message})"
        if isinstance(one, TimeoutError):
            return "it does not answer in time"
        if isinstance(one, ssl.SSLError):  # whose number is none of the system's
            found = f"TLS ends with {(one.reason or 'no words').lower().replace('_', ' ')}"
        elif isinstance(one, OSError) and (one.errno or one.strerror):
            # a library may put an address into its own words
            said = os.strerror(one.errno) if one.errno and one.errno > 0 else str(one.strerror)
            found = said[:1].lower() + said[1:]
    return found
