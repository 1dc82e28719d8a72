"""Scopes: what a token may do."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What a token must be allowed to do; `admin` includes all others."""

    READ = "read"
    DEPLOY = "deploy"
    CONFIG = "config"
    DOMAINS = "domains"
    LOGS = "logs"
    ADMIN = "admin"
