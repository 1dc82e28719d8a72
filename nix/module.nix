# The part that `make install` plays elsewhere: units, generator, and what they need, from the package.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.pvdify;
  state = "/var/lib/pvdify";
  share = "${cfg.package}/${pkgs.python3.sitePackages}/pvdify";
  programs = [
    pkgs.age
    pkgs.coreutils
    pkgs.gawk
    pkgs.gnused
    pkgs.haproxy
    pkgs.iproute2
    pkgs.podman
    pkgs.sops
    pkgs.systemd
  ];
  tls = "/etc/pvdify/tls";
  certificate = pkgs.writeText "pvdify-certificate.cnf" ''
    [req]
    distinguished_name = name
    x509_extensions = more
    prompt = no
    [name]
    CN = pvdify
    [more]
    basicConstraints = critical, CA:FALSE
    keyUsage = critical, digitalSignature
    extendedKeyUsage = serverAuth
    subjectKeyIdentifier = hash
    subjectAltName = DNS:localhost, DNS:${config.networking.fqdnOrHostName}, IP:127.0.0.1, IP:::1
  '';
  # The units say `haproxy` and `podman`, and where the programs are; systemd on NixOS finds neither by itself.
  units = pkgs.runCommand "pvdify-units" { } ''
    mkdir -p $out/lib/systemd/system
    for unit in ${share}/units/system/*; do
      substitute $unit $out/lib/systemd/system/''${unit##*/} \
        --replace-quiet 'ExecStart=haproxy' 'ExecStart=${lib.getExe pkgs.haproxy}' \
        --replace-quiet 'ExecStart=podman' 'ExecStart=${lib.getExe pkgs.podman}' \
        --replace-quiet 'ExecStart=systemctl' 'ExecStart=${pkgs.systemd}/bin/systemctl' \
        --replace-quiet '/bin/kill' '${pkgs.util-linux}/bin/kill' \
        --replace-quiet '/usr/lib/pvdify/venv/bin/python -m pvdify' '${cfg.package}/libexec/pvdify/python -m pvdify'
    done
  '';
in
{
  options.services.pvdify = {
    enable = lib.mkEnableOption "pvdify, a Heroku-like platform for this host";
    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.python3Packages.callPackage ./package.nix { };
      defaultText = lib.literalExpression "pkgs.python3Packages.callPackage ./package.nix { }";
      description = "The package of pvdify.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = lib.versionAtLeast pkgs.systemd.version "254";
        message = "pvdify needs systemd 254 or newer";
      }
      {
        assertion = lib.versionAtLeast pkgs.podman.version "5.3";
        message = "pvdify needs podman 5.3 or newer";
      }
    ];

    virtualisation.podman.enable = true;
    environment.systemPackages = [ cfg.package ] ++ programs;
    environment.etc."containers/systemd/pvdify".source = "${state}/current/quadlet";
    boot.kernel.sysctl."net.ipv4.ip_local_reserved_ports" = "20000-29999";

    users.users.pvdify = {
      isSystemUser = true;
      group = "pvdify";
      description = "pvdify API";
    };
    users.groups.pvdify = { };
    users.groups.pvdify-admin = { };

    systemd = {
      packages = [ units ];
      generators.pvdify-generator = "${share}/units/system-generators/pvdify-generator";
      tmpfiles.packages = [
        (pkgs.runCommand "pvdify-tmpfiles" { } ''
          install -D -m 0644 ${share}/units/tmpfiles.d/pvdify.conf $out/lib/tmpfiles.d/pvdify.conf
        '')
      ];
      # an [Install] section does nothing on NixOS
      sockets = lib.genAttrs [ "pvdify-podman" "pvdifyd" "pvdify-host" "pvdify-admin" ] (_: {
        wantedBy = [ "sockets.target" ];
      });
      services = {
        pvdify-boot.wantedBy = [ "multi-user.target" ];
        pvdify-recover = {
          wantedBy = [ "multi-user.target" ];
          path = programs;
        };
        "pvdify-failed@".path = programs;
        pvdify-host.path = programs;
        pvdify-router = {
          path = programs;
          reloadIfChanged = true; # a restart would drop requests
        };
        pvdify-init = {
          description = "Prepare the state of pvdify";
          wantedBy = [ "multi-user.target" ];
          before = [
            "pvdify-recover.service"
            "pvdify-host.service"
            "pvdifyd.service"
          ];
          path = programs ++ [ pkgs.openssl ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = ''
            version=$(${lib.getExe cfg.package} --version)
            version=''${version##* }
            install -d -m 0755 ${state}/libexec/$version
            install -m 0755 ${share}/units/libexec/* ${state}/libexec/$version/
            install -m 0644 ${share}/templates/haproxy/hold.lua ${state}/libexec/$version/
            ln -sfn $version ${state}/libexec/current
            ${lib.getExe cfg.package} init
            if [ ! -e ${tls}/cert.pem ]; then
              rm -rf ${tls}.new
              install -d -m 0755 ${dirOf tls}
              install -d -m 0700 ${tls}.new
              openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
                -config ${certificate} -keyout ${tls}.new/key.pem -out ${tls}.new/cert.pem
              mv -T ${tls}.new ${tls}
            fi
          '';
        };
      };
    };
  };
}
