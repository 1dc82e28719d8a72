#!/bin/sh
# Install the command line of pvdify for this user, and point it at the host that this script comes from.
# It needs Python 3.11 or newer; it writes ~/.local/share/pvdify, ~/.local/bin/pvdify and nothing else.
set -eu

# the host writes its values over these
url='' wheel='' sum='' fingerprint=''

fail() {
  printf 'cannot install pvdify: %s\n' "$1" >&2
  exit 69
}

data=${XDG_DATA_HOME:-$HOME/.local/share}/pvdify
bin=$HOME/.local/bin
python=$(command -v python3 || true)
[ -n "$python" ] || fail 'python3 is missing'
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "it needs Python 3.11 or newer, and $("$python" --version) is here"
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail 'python3 has no venv: install the package python3-venv'

mkdir -p "$data" "$bin"
made=$data/${wheel%.whl}-$(printf '%s' "$sum" | cut -c 1-12)
if ! [ -x "$made/bin/pvdify" ]; then
  rm -rf "$made.new"
  "$python" -m venv "$made.new"
  # The certificate may be the host's own, which nobody else vouches for: what was fetched is held to its hash.
  "$made.new/bin/python" - "$url/install/$wheel" "$sum" "$made.new/$wheel" <<'PYTHON'
import hashlib, ssl, sys, urllib.request

url, wanted, path = sys.argv[1:]
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
handlers = [urllib.request.ProxyHandler({})] if "://localhost" in url or "://127." in url else []
handlers.append(urllib.request.HTTPSHandler(context=context))
with urllib.request.build_opener(*handlers).open(url, timeout=60) as answer:
    data = answer.read()
if hashlib.sha256(data).hexdigest() != wanted:
    sys.exit("cannot install pvdify: what was fetched is not what the host announced")
with open(path, "wb") as file:
    file.write(data)
PYTHON
  "$made.new/bin/python" -m pip install --quiet --disable-pip-version-check "$made.new/$wheel" ||
    fail 'pip could not install it: the reason stands above'
  rm "$made.new/$wheel"
  # a virtual environment knows its own path: what starts it is written once it has its name
  mv -T "$made.new" "$made"
  sed -i "1s|.*|#!$made/bin/python|" "$made/bin/pvdify"
fi
ln -sfn "$made/bin/pvdify" "$bin/pvdify"
"$bin/pvdify" --version >/dev/null || fail "$bin/pvdify does not start"
printf 'pvdify is installed: %s\n' "$bin/pvdify"
case :$PATH: in *":$bin:"*) ;; *) printf 'put %s on your PATH\n' "$bin" ;; esac
"$bin/pvdify" hosts:add "$url" ${fingerprint:+--fingerprint "$fingerprint"} >/dev/null
printf 'it asks %s from now on; log in with a token, made there with "sudo pvdify tokens:create NAME":\n  pvdify login\n' "$url"
