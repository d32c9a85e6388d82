"""The house keeps its shape: imports point down, and the lower floors stand without torch and optuna."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("cost_models", "studies", "reports", "dse")


def test_imports_between_the_packages_point_down(repository: Path) -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([lint, "--no-cache"], cwd=repository, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("package", ["cost_models", "studies", "reports", "dse", "dse.cli"])
def test_a_package_imports_without_loading_torch(repository: Path, package: str) -> None:
    code = f"import sys; sys.modules['torch'] = None; sys.modules['optuna'] = None; import {package}"
    result = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_that_it_is_typed(repository: Path, package: str) -> None:
    assert (repository / package / "py.typed").is_file()


@pytest.mark.parametrize("tool", [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)])
def test_the_static_checks_are_clean(repository: Path, tool: tuple[str, ...]) -> None:
    command = [str(Path(sys.executable).with_name(tool[0])), *tool[1:]]
    result = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
