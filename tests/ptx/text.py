"""PTX text -> kernels, variables and instructions, each with its line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

SIZES = {"b8": 1, "b16": 2, "b32": 4, "b64": 8, "pred": 1}
SIZES |= {f"{sign}{8 * size}": size for sign in "us" for size in (1, 2, 4, 8)}
SIZES |= {"f16": 2, "bf16": 2, "f32": 4, "f64": 8, "f16x2": 4, "bf16x2": 4, "b128": 16}


class PtxError(Exception):
    """What the machine found wrong; the message names kernel, line, thread and block."""


class Register(NamedTuple):
    """A register, or a special one such as %tid.x; `negated` is a predicate's `!`."""

    name: str
    negated: bool = False


class Number(NamedTuple):
    """An immediate operand: a whole number, or the bits of a real one."""

    bits: int


class Symbol(NamedTuple):
    """A variable, a parameter or a label."""

    name: str


class Address(NamedTuple):
    """`[base+offset]`."""

    base: Register | Symbol | Number
    offset: int


class Group(NamedTuple):
    """`{a, b}`, or `a|b`."""

    parts: tuple


@dataclass(frozen=True, slots=True)
class Instruction:
    """One statement.

    Attributes:
        opcode: its parts, such as ("ld", "global", "v4", "b32").
        operands: in order, the result first.
        guard: the predicate before it.
        line: in the text.
    """

    opcode: tuple[str, ...]
    operands: tuple
    guard: Register | None
    line: int

    @property
    def name(self) -> str:
        return ".".join(self.opcode)


@dataclass(frozen=True, slots=True)
class Variable:
    """Memory that the text declares: its space, alignment, size and first content."""

    name: str
    space: str
    align: int
    size: int
    content: bytes | None
    line: int


@dataclass(slots=True)
class Kernel:
    """An entry point.

    Attributes:
        parameters: (name, type, alignment of what it points to).
        registers: prefix -> type.
        labels: name -> number of the instruction that follows.
        tables: name -> labels that an index chooses from.
        threads: of a block, where the text demands it.
    """

    name: str
    line: int
    parameters: list[tuple[str, str, int]] = field(default_factory=list)
    registers: dict[str, str] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    tables: dict[str, list[str]] = field(default_factory=dict)
    body: list[Instruction] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    threads: tuple[int, ...] | None = None

    def type_of(self, register: str) -> str:
        """Return the declared type of a register."""
        prefix = register if register in self.registers else register.rstrip("0123456789")
        if prefix not in self.registers:
            raise PtxError(f"{self.name}: register {register} is not declared")
        return self.registers[prefix]


@dataclass(slots=True)
class Module:
    """A whole text: kernels and variables by name."""

    kernels: dict[str, Kernel] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


_IGNORED = (".version", ".target", ".address_size", ".pragma", ".loc ", ".file", ".section")
_DIRECTIVE = re.compile(r"\.(version|target|address_size|reqntid|minnctapersm)|\.visible")
_VARIABLE = re.compile(
    r"(?:\.visible |\.extern |\.weak )?\.(shared|global|const|local) (?:\.align (\d+) )?\.(\w+) "
    r"([\w$.%]+)(?:\[(\d*)\])?(?: = (.*))?$"
)
_PARAMETER = re.compile(r"\.param \.(\w+)(?: \.ptr(?: \.\w+)?? \.align (\d+))? ([\w$]+)$")


def parse(text: str) -> Module:
    """Return the module of a text.

    Raises:
        PtxError: there is something that the machine does not know.
    """
    module, kernel, head = Module(), None, False
    for line, statement in _statements(text, module.notes):
        if match := re.match(r"(?:\.visible |\.weak )?\.entry ([\w$]+)", statement):
            kernel, head = Kernel(match[1], line), True
            module.kernels[kernel.name] = kernel
            listed = statement.partition("(")[2].rpartition(")")[0]
            kernel.parameters = [_parameter(p, line) for p in _split(listed)]
        elif statement == "{" and head:
            head = False
        elif statement == "}" and kernel:
            kernel = None
        elif statement.startswith(_IGNORED) or statement.startswith(".minnctapersm"):
            continue
        elif statement.startswith(".reqntid") and kernel:
            kernel.threads = tuple(int(n) for n in statement.split(None, 1)[1].split(","))
        elif match := _VARIABLE.match(statement):
            (kernel or module).variables.append(_variable(match, line))
        elif kernel is None or head:
            raise PtxError(f"line {line}: can't read {statement!r}")
        elif match := re.match(r"\.reg \.(\w+) (.*)$", statement):
            for name in _split(match[2]):
                kernel.registers[name.partition("<")[0]] = match[1]
        elif match := re.match(r"([\w$.]+): \.branchtargets (.*)$", statement):
            kernel.tables[match[1]] = _split(match[2])
        elif statement.endswith(":"):
            kernel.labels[statement[:-1]] = len(kernel.body)
        else:
            kernel.body.append(_instruction(statement, line))
    return module


def _statements(text: str, notes: list[str]):
    """Yield (line, statement) without its semicolon; notes are comments that begin with `//:`."""
    pending, first = "", 0
    for line, row in enumerate(text.splitlines(), 1):
        code, _, comment = row.partition("//")
        if comment.startswith(":"):
            notes.append(comment[1:].strip())
        code = " ".join(code.split())
        if not code:
            continue
        first = first if pending else line
        pending = f"{pending} {code}".strip()
        opened = pending.count("(") > pending.count(")")
        alone = pending in ("{", "}") or re.fullmatch(r"[\w$.]+:", pending)
        directive = re.match(
            r"\.(version|target|address_size|reqntid|minnctapersm)|\.visible", code
        )
        if alone or (directive and not opened) or (pending.endswith(")") and ".entry" in pending):
            yield first, pending.rstrip(";")
            pending = ""
        elif code.endswith(";"):
            for part in pending.split(";"):
                # a scope of its own, as in inline assembly: names in it must not repeat
                inner = part.strip()
                if inner and inner not in ("{", "}"):
                    yield first, inner
            pending = ""
    if pending:
        raise PtxError(f"line {first}: {pending!r} has no end")


def _split(text: str) -> list[str]:
    """Split at commas outside of brackets."""
    parts, depth, begin = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "{[(") - (letter in "}])")
        if letter == "," and not depth:
            parts.append(text[begin:i].strip())
            begin = i + 1
    parts.append(text[begin:].strip())
    return [p for p in parts if p]


def _parameter(text: str, line: int) -> tuple[str, str, int]:
    match = _PARAMETER.match(text)
    if match is None:
        raise PtxError(f"line {line}: can't read the parameter {text!r}")
    return match[3], match[1], int(match[2] or 1)


def _variable(match: re.Match[str], line: int) -> Variable:
    space, align, kind, name, count, content = match.groups()
    size = SIZES[kind]
    bits = None
    if content is not None:
        numbers = [_number(n) for n in _split(content.strip("{}"))]
        bits = b"".join((n % (1 << 8 * size)).to_bytes(size, "little") for n in numbers)
    nbytes = size * int(count or 1)
    if bits is not None:
        bits = bits.ljust(nbytes, b"\0")
    return Variable(name, space, int(align or size), nbytes, bits, line)


def _number(text: str) -> int:
    if re.match(r"0[fFdD][0-9A-Fa-f]{8,16}$", text):
        return int(text[2:], 16)
    return int(text.rstrip("U"), 0)


def _instruction(statement: str, line: int) -> Instruction:
    guard = None
    if statement.startswith("@"):
        word, _, statement = statement.partition(" ")
        guard = Register(word.lstrip("@!"), "!" in word)
    opcode, _, rest = statement.partition(" ")
    try:
        operands = tuple(_operand(p) for p in _split(rest))
    except ValueError as error:
        raise PtxError(f"line {line}: can't read {statement!r}") from error
    return Instruction(tuple(re.split(r"\.|::", opcode)), operands, guard, line)


def _operand(text: str):
    if text.startswith("{"):
        return Group(tuple(_operand(p) for p in _split(text[1:-1])))
    if text.startswith("["):
        base, plus, offset = text[1:-1].replace(" ", "").partition("+")
        return Address(_operand(base), int(offset) if plus else 0)
    if "|" in text:
        return Group(tuple(_operand(p) for p in text.split("|")))
    if text.startswith(("%", "!%")):
        return Register(text.lstrip("!"), text.startswith("!"))
    if re.match(r"-?\d", text):
        return Number(_number(text))
    if not re.fullmatch(r"[\w$.]+", text):
        raise ValueError(text)
    return Symbol(text)
