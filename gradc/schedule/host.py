"""A root -> the group that it joins, or why it joins none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradc.ir.graph import Section, Value
from gradc.schedule.fragments import Fragment
from gradc.schedule.group import Group, Reason, depends, row_split, section_of
from gradc.schedule.loops import Index, Read, identity
from gradc.schedule.roots import Form, Root, squeeze

LARGEST_KERNEL = 60  # computations; compile time grows faster than linearly beyond
SMALL_ROW = 16384  # elements of a whole vector that one kernel may sweep several times
Key = tuple[Value, tuple[int, ...], tuple[int, ...] | Index]
Lanes = Callable[[Sequence[Root], tuple[int, ...], int | None], bool]


def find_host(
    root: Root,
    part: Fragment,
    made: list[Group],
    sources: set[Group],
    parts: dict[Value, Fragment],
    lanes: Lanes | None,
) -> tuple[Group | None, Reason]:
    """Return the group that `root` joins and why, or None and why it begins one.

    It joins one that it reads from, else one that reads the same.
    """
    refused: Reason | None = None
    for group in reversed(made):
        if group not in sources:
            continue
        why = _misfit(root, part, group, sources, lanes, vertical=True)
        if why is None:
            return group, Reason("it reads {} where that is made", _read_from(part, group))
        if group.form is not Form.SCALAR:
            refused = refused or why
    if not any(_everywhere(r, root) for r in part.reads):
        return None, refused or Reason("it reads no array along all its loops")
    for key_of, text in ((_key, "it reads {} too"), (_row_key, "it reads the same rows of {}")):
        group, value = _reader(root, part, made, sources, parts, lanes, key_of)
        if group is not None:
            return group, Reason(text, value)
    return None, refused or Reason("nothing before it loops over the same")


def _read_from(part: Fragment, group: Group) -> Value | None:
    """Return the first value of a group that a fragment reads."""
    return next((v for v in part.sources if v in group.values), None)


def _reader(
    root: Root,
    part: Fragment,
    made: list[Group],
    sources: set[Group],
    parts: dict[Value, Fragment],
    lanes: Lanes | None,
    key_of: Callable[[Read], Key | None],
) -> tuple[Group | None, Value | None]:
    """Return the group that `root` fits into and that reads something by the same key."""
    reads = part.reads
    if key_of is _key:
        reads = tuple(r for r in reads if _everywhere(r, root))
    shared = {k for r in reads if (k := key_of(r)) is not None}
    for group in made if shared else []:
        if group in sources or group.domain != root.domain:
            continue
        theirs = {key_of(r) for m in group.roots for r in parts[m.value].reads}
        common = shared & theirs
        if common and _misfit(root, part, group, sources, lanes, vertical=False) is None:
            return group, next(r.root for r in reads if key_of(r) in common)
    return None, None


def _row_key(read: Read) -> Key | None:
    """Return what reads of the same rows have in common, as gates side by side have."""
    axes = tuple(p.axes[0] for p in read.index if len(p.terms) == 1 and len(p.axes) == 1)
    whole = len(axes) == len(read.index) > 1 and all(p.terms[0][1] == 1 for p in read.index)
    return (read.root, read.dims, axes) if whole else None


def _key(read: Read) -> Key:
    return read.root, read.dims, read.index


def _everywhere(read: Read, root: Root) -> bool:
    """Return whether every loop of `root` moves along what it reads."""
    return len({a for place in read.index for a in place.axes}) == len(root.domain)


def _misfit(
    root: Root,
    part: Fragment,
    group: Group,
    sources: set[Group],
    lanes: Lanes | None,
    *,
    vertical: bool,
) -> Reason | None:
    """Return why `root` can't join `group`; None where it can: then set the row split."""
    other = _read_from(part, group) or group.roots[0].value
    if group.form is not Form.ELEMENT:
        article = "an" if group.form is Form.ATTENTION else "a"
        return Reason(f"{{}} comes from a kernel of its own, {article} {group.form.value}", other)
    if len(group.work | part.work) > LARGEST_KERNEL:
        return Reason("the kernel of {} is large enough", other)
    if group.updating is not (section_of(root) is Section.UPDATE):
        return Reason("updates have kernels of their own")
    if any(s is not group and depends(s, group) for s in sources):
        return Reason("another kernel runs between it and {}", other)
    rows = _split_with(root, group, vertical=vertical)
    if rows is False:
        return Reason("its loops are not those of {}", other)
    unread = [r for r in part.reads if not _readable(r, group, rows, alone=lanes is not None)]
    if unread:
        return Reason("it needs more of {} than its own place or row", unread[0].root)
    if lanes is not None and not lanes([*group.roots, root], group.domain, rows):
        return Reason("other lanes than those of {} would do it", other)
    if not _numbers_ready(part, group):
        return Reason("it needs {} complete", other)
    if _finds_place(root) and not _whole_row(root, group, rows):
        return Reason("a search for a position needs whole rows")
    group.rows = rows
    return None


def _finds_place(root: Root) -> bool:
    """Return whether a reduction is argmax or argmin of rows: it can't add to an array."""
    name = root.equation.primitive.name if root.equation is not None else ""
    return name in ("argmax", "argmin") and bool(root.kept)


def _whole_row(root: Root, group: Group, rows: int | None) -> bool:
    return root.domain == group.domain and row_split(root, group.domain) == rows


def _split_with(root: Root, group: Group, *, vertical: bool) -> int | bool | None:
    """Return the row split of `group` once `root` is in, or False where the loops don't fit."""
    if root.domain == group.domain:
        split = row_split(root, group.domain) if root.form is Form.FOLD else None
        if split is None or group.rows is not None:
            return group.rows
        return split if split or _small(group.domain) else None
    inner = group.rows is not None and root.domain == group.domain[: group.rows]
    return group.rows if inner and group.rows and vertical else False


def _readable(read: Read, group: Group, rows: int | None, *, alone: bool) -> bool:
    """Return whether `read` may happen inside `group`: what it reads is ready by then.

    With `alone` a position can't read what another one has stored.
    """
    member = next((r for r in group.roots if r.value is read.root), None)
    if member is None:
        return True
    if member.pieces > 1:
        return False
    same = read.dims == squeeze(member.value.shape)
    if member.form is Form.FOLD:
        whole = group.is_row_fold(member) and rows == group.rows and bool(rows)
        return whole and same and read.index == identity(rows or 0)
    if same and read.index == identity(len(read.dims)):
        return True
    in_row = rows is not None and rows > 0 and len(read.dims) >= rows and not alone
    return in_row and same and read.index[:rows] == identity(rows or 0)


def _numbers_ready(part: Fragment, group: Group) -> bool:
    """Return whether the numbers that `part` needs are known inside `group`."""
    elements = {r.root for r in part.reads}
    made = (r for r in group.roots if r.value in part.sources and r.value not in elements)
    return all(group.rows == 0 and group.is_row_fold(r) for r in made)


def first_split(root: Root) -> int | None:
    """Return the row split of a group that begins with `root`."""
    if root.form is not Form.FOLD:
        return None
    split = row_split(root, root.domain)
    return split if split != 0 or _small(root.domain) else None


def _small(domain: tuple[int, ...]) -> bool:
    return len(domain) == 1 and domain[0] <= SMALL_ROW


def alone(root: Root) -> Reason:
    """Return why a root of a form that joins nothing begins a group."""
    article = "an" if root.form is Form.ATTENTION else "a"
    return Reason(f"{article} {root.form.value} has a kernel of its own")
