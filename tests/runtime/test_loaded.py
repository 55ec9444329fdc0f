"""Machine code runs the same whoever loads it; the store's own loader reads what LLVM writes."""

import ctypes
import os
import re
import struct
import subprocess
import sys

import llvmlite.binding as llvm
import pytest

from gradc.errors import BuildError
from gradc.runtime import elf, own_code
from gradc.runtime.loaded import generator, loaded

HERE = pytest.mark.skipif(not elf.supported(), reason="ELF on x86-64")
CALLER = """
@table = internal constant [4 x double] [double 1.0, double 2.0, double 4.0, double 8.0]
@counter = global i64 40, align 8
@room = internal global [512 x i8] zeroinitializer, align 64
declare double @callee(double)
declare double @pow(double, double)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define double @caller(i64 %i) {
  %at = getelementptr [4 x double], ptr @table, i64 0, i64 %i
  %x = load double, ptr %at
  %y = call double @callee(double %x)
  %z = call double @pow(double %y, double 2.0)
  ret double %z
}

define i64 @count(i64 %n) {
  %before = load i64, ptr @counter
  %after = add i64 %before, %n
  store i64 %after, ptr @counter
  ret i64 %after
}

define i64 @fill(i64 %n) {
  call void @llvm.memset.p0.i64(ptr @room, i8 3, i64 %n, i1 false)
  %at = getelementptr i8, ptr @room, i64 500
  %last = load i8, ptr %at
  %wide = zext i8 %last to i64
  ret i64 %wide
}
"""
CALLEE = """
define internal double @half(double %x) noinline {
  %y = fmul double %x, 0.5
  ret double %y
}
define double @callee(double %x) {
  %y = call double @half(double %x)
  %z = fadd double %y, 1.0
  ret double %z
}
"""


def object_of(text, level=2):
    target = generator(level)
    module = llvm.parse_assembly(f'target triple = "{target.triple}"\n{text}')
    module.verify()
    return target.emit_object(module)


def function(code, name, result=ctypes.c_int64):
    address = code.address(name)
    assert address
    return ctypes.CFUNCTYPE(result, ctypes.c_int64)(address)


@pytest.fixture(params=["own", "LLVM"])
def loader(request, monkeypatch):
    """Load with what this house has, and with LLVM."""
    if request.param == "LLVM":
        monkeypatch.setattr(elf, "supported", lambda: False)
    elif not elf.supported():
        pytest.skip("ELF on x86-64")
    return request.param


def test_object_files_call_each_other_and_the_process(loader):
    code = loaded([object_of(CALLER), object_of(CALLEE)], ["pow"])
    assert isinstance(code, elf.Image) == (loader == "own")
    caller = function(code, "caller", ctypes.c_double)
    assert [caller(i) for i in range(4)] == [2.25, 4.0, 9.0, 25.0]
    count = function(code, "count")
    assert (count(2), count(3)) == (42, 45)
    assert ctypes.c_int64.from_address(code.address("counter")).value == 45
    fill = function(code, "fill")
    assert (fill(500), fill(501)) == (0, 3)
    assert code.address("nothing") == 0


def test_two_images_have_variables_of_their_own(loader):
    one, other = (loaded([object_of(CALLER), object_of(CALLEE)], ["pow"]) for _ in range(2))
    assert function(one, "count")(1) == 41
    assert function(other, "count")(2) == 42


def test_a_function_that_is_nowhere_is_named(loader):
    text = "declare i64 @gradc_nowhere(i64)\n" + "\n".join(
        (
            "define i64 @f(i64 %x) {",
            "  %y = call i64 @gradc_nowhere(i64 %x)",
            "  ret i64 %y",
            "}",
        )
    )
    with pytest.raises(BuildError) as caught:
        loaded([object_of(text)], ["gradc_nowhere"])
    assert caught.value.message == (
        "build: the compiled step calls unknown functions: ['gradc_nowhere']"
    )


def patched(code, at, form, *values):
    changed = bytearray(code)
    struct.pack_into(form, changed, at, *values)
    return bytes(changed)


def section(code, kind):
    """Return where the header of the first section of a type is."""
    start, count = struct.unpack_from("<Q", code, 0x28)[0], struct.unpack_from("<H", code, 0x3C)[0]
    headers = [start + 64 * i for i in range(count)]
    return next(at for at in headers if struct.unpack_from("<I", code, at + 4)[0] == kind)


def of_another_relocation(code):
    at = struct.unpack_from("<Q", code, section(code, 4) + 24)[0]
    (info,) = struct.unpack_from("<Q", code, at + 8)
    return patched(code, at + 8, "<Q", info >> 32 << 32 | 2)  # R_X86_64_PC32


UNREADABLE = {
    "nothing": (lambda code: b"", "cut short"),
    "another format": (lambda code: b"\xcf\xfa\xed\xfe" + code[4:], "no object file for x86-64"),
    "another processor": (lambda code: patched(code, 18, "<H", 183), "no object file for x86-64"),
    "a program": (lambda code: patched(code, 16, "<H", 2), "no object file for x86-64"),
    "memory of threads": (
        lambda code: patched(code, section(code, 8) + 8, "<Q", 0x403), "section of type 8",
    ),
    "functions that run first": (
        lambda code: patched(code, section(code, 8) + 4, "<I", 14), "section of type 14",
    ),
    "a short reference": (of_another_relocation, "relocation of type 2"),
}  # fmt: skip


@HERE
@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_unknown_is_not_read(name):
    spoil, why = UNREADABLE[name]
    with pytest.raises(elf.Unreadable, match=f"^{why}$"):
        elf.Image([spoil(object_of(CALLER)), object_of(CALLEE)])


@HERE
def test_where_memory_can_not_run_llvm_is_asked(monkeypatch):
    def refuse(room):
        raise PermissionError(13, "mprotect")

    monkeypatch.setattr(elf._Room, "run", refuse)
    code = loaded([object_of(CALLER), object_of(CALLEE)], ["pow"])
    assert not isinstance(code, elf.Image)
    assert function(code, "count")(2) == 42


@HERE
def test_code_can_not_be_written_and_data_can_not_run():
    code = elf.Image([object_of(CALLER), object_of(CALLEE)])
    rights = {}
    with open("/proc/self/maps") as file:
        for line in file:
            low, high, found = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            for name in ("caller", "callee", "counter"):
                if int(low, 16) <= code.address(name) < int(high, 16):
                    rights[name] = found
    assert rights == {"caller": "r-xp", "callee": "r-xp", "counter": "rw-p"}


@HERE
def test_a_forked_process_has_variables_of_its_own():
    code = (
        "import ctypes, os, sys\n"
        f"sys.path[:] = {sys.path!r}\n"
        "from test_loaded import CALLEE, CALLER, function, loaded, object_of\n"
        "code = loaded([object_of(CALLER), object_of(CALLEE)], ['pow'])\n"
        "count = function(code, 'count')\n"
        "if os.fork() == 0:\n"
        "    os._exit(count(2) != 42)\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]), count(0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False,
        cwd=os.path.dirname(__file__),
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("0 40\n", "")


TWICE = """
define i64 @next(i64 %x) {{
  %f = load ptr, ptr {f}
  %y = call i64 %f(i64 %x)
  %g = load ptr, ptr {g}
  %z = call i64 %g(i64 %y)
  ret i64 %z
}}
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_own_code_is_kept_for_other_addresses(loader, cache, monkeypatch):
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    made = []
    plain = own_code._object
    monkeypatch.setattr(own_code, "_object", lambda *a: made.append(a) or plain(*a))
    for by in (3, 5):
        functions = kind(lambda x, by=by: x * by), kind(lambda x: x + 1)
        addresses = {
            name: ctypes.cast(f, ctypes.c_void_p).value
            for name, f in zip("fg", functions, strict=True)
        }
        text = TWICE.format(**own_code.places(addresses))
        address = own_code.compiled(text, 2, addresses)
        assert kind(address("next"))(10) == 10 * by + 1
    assert len(made) == 1
    (kept,) = cache.glob("??/*.o")
    kept.write_bytes(kept.read_bytes()[:-9])
    own_code.compiled(text, 2, addresses)
    assert len(made) == 2
