"""The sample app in images made from scratch.

``sample.push(bed, "127.0.0.1:5000/sample:v1", release="v1")`` puts one in the bed's registry and
returns its reference by digest; `Options` says what else it takes. What the app does is told in
``app/main.c``.
"""

from tests.e2e.sample.image import Image, Options, app, image, push

__all__ = ["Image", "Options", "app", "image", "push"]
