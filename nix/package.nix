# nix-build -E 'with import <nixpkgs> { }; python3Packages.callPackage ./nix/package.nix { }'
{
  lib,
  python,
  buildPythonApplication,
  makeWrapper,
  hatchling,
  aiohttp,
  anyio,
  asyncclick,
  cloudflare,
  h11,
  httpx,
  idna,
  jeepney,
  jinja2,
  msgspec,
  python-dotenv,
  rich,
  systemd-python ? systemd, # its name in older nixpkgs
  systemd,
  tomli-w,
  tomlkit,
  trio,
}:

let
  dependencies = [
    aiohttp
    anyio
    asyncclick
    cloudflare
    h11
    httpx
    idna
    jeepney
    jinja2
    msgspec
    python-dotenv
    rich
    systemd-python
    tomli-w
    tomlkit
    trio
  ];
in
buildPythonApplication {
  pname = "pvdify";
  version = builtins.head (
    builtins.match ''.*__version__ = "([^"]+)".*'' (builtins.readFile ../pvdify/__init__.py)
  );
  pyproject = true;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../LICENSE
      ../README.md
      ../pvdify
      ../pyproject.toml
      ../templates
      ../units
    ];
  };

  build-system = [ hatchling ];
  nativeBuildInputs = [ makeWrapper ];
  inherit dependencies;

  # what the units run: `python -m pvdify.recover`
  postFixup = ''
    makeWrapper ${python.interpreter} $out/libexec/pvdify/python \
      --prefix PYTHONPATH : "$out/${python.sitePackages}:${python.pkgs.makePythonPath dependencies}"
  '';

  pythonImportsCheck = [ "pvdify" ];

  meta = {
    description = "A Heroku-like platform for one Linux host: a generator in front of systemd and Podman";
    license = lib.licenses.mit;
    mainProgram = "pvdify";
    platforms = lib.platforms.linux;
  };
}
