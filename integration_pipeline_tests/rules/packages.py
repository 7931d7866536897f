"""Packages of rules, installed into a folder of their own, as a company installs its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

EXAMPLE = Path(__file__).with_name("example_rules_package")


def install(package: Path, target: Path) -> None:
    """Install a package folder with a pyproject.toml by pip, from a wheel: no network, no build tools."""
    wheel = _wheel(package, target.parent)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*command, "--target", str(target), str(wheel)], check=True)  # noqa: S603 - our own wheel


def offer(folder: Path, source: str, *rules: str, name: str = "acme-rules", version: str = "1.0.0") -> str:
    """A package of one module as installing it leaves it: `offer(tmp_path, "...", "hold.large = large")`.

    Answers how a rule set names it.
    """
    module = f"{name.replace('-', '_')}_{abs(hash(str(folder)))}"
    (folder / f"{module}.py").write_text(source)
    _metadata(
        folder, name, version, [f"{name} = {module}:{function}" for name, function in map(_pair, rules)]
    )
    return f"{name}=={version}"


def _pair(rule: str) -> tuple[str, str]:
    name, _, function = rule.partition(" = ")
    return name, function


def _metadata(folder: Path, name: str, version: str, entry_points: list[str]) -> Path:
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text("\n".join(["[integration_pipeline.rules]", *entry_points]))
    return metadata


def _wheel(package: Path, folder: Path) -> Path:
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    offered: dict[str, str] = project["entry-points"]["integration_pipeline.rules"]
    entry_points = [f"{name} = {function}" for name, function in offered.items()]
    metadata = _metadata(folder, project["name"], project["version"], entry_points)
    (metadata / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (metadata / "RECORD").touch()
    wheel = folder / f"{metadata.name.removesuffix('.dist-info')}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for root, files in ((package, package.rglob("*.py")), (folder, metadata.iterdir())):
            for file in files:
                archive.write(file, file.relative_to(root))
    return wheel
