"""A Heroku-like platform for one Linux host: a generator in front of systemd and Podman."""

__version__ = "0.1.0"
