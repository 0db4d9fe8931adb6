"""Options and fixtures for all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.append(str(Path(__file__).parent / "fuzz"))  # what tests share with those who fuzz for longer

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch is imported: tests run side by side, on tiny tensors

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--overwrite", action="store_true", help="rewrite the expected texts; review what git shows then")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(path, text)`: the text is what tests/golden/PATH holds, to the byte; --overwrite writes it there."""

    def compare(path: str, text: str) -> None:
        file = GOLDEN / path
        if request.config.getoption("--overwrite"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        assert text == (file.read_bytes().decode() if file.exists() else None), f"pytest --overwrite rewrites {file}"

    return compare
