"""Machine code works wherever its sections lie: no reference is limited to 2 GiB."""

import json
import platform
import struct

import pytest

import gradc
from gradc import nn
from gradc.config import cache_directory

WHOLE = {1: "R_X86_64_64", 24: "R_X86_64_PC64"}


def relocations(code):
    """Return the types of all relocations of an x86-64 ELF object."""
    assert code[:4] == b"\x7fELF"
    start, size, count = (
        struct.unpack_from("<Q", code, 0x28)[0],
        *struct.unpack_from("<HH", code, 0x3A),
    )
    found = []
    for i in range(count):
        kind, _, _, offset, length = struct.unpack_from("<IQQQQ", code, start + i * size + 4)
        if kind == 4:  # SHT_RELA
            infos = [
                struct.unpack_from("<Q", code, offset + k + 8)[0] for k in range(0, length, 24)
            ]
            found += [info & 0xFFFFFFFF for info in infos]
    return found


@pytest.mark.skipif(
    platform.machine() != "x86_64" or platform.system() != "Linux", reason="ELF on x86-64"
)
def test_references_are_whole_addresses(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADC_CACHE", str(tmp_path / "cache"))
    layer = nn.Linear(20, 30)

    @gradc.compile
    def step(x):
        loss = nn.functional.softmax(layer(x), 1).log().sum()
        loss.backward()
        return loss

    step(gradc.ones(4, 20))
    (entry,) = [p for p in cache_directory().rglob("kernel.o")]
    code, found = entry.read_bytes(), []
    for size in json.loads((entry.parent / "meta.json").read_text())["parts"]:
        found += relocations(code[:size])
        code = code[size:]
    assert len(found) > 3
    assert set(found) <= WHOLE.keys()
