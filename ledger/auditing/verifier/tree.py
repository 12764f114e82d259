"""The hash tree of RFC 6962 (section 2): roots, and proofs that a leaf or an older tree is in a tree.

All hashes are 32 bytes of SHA-256. Leaves and inner nodes are hashed with different first bytes, so that neither can be
passed off as the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that says `data`."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node above two subtrees."""
    return sha256(b"\1" + left + right).digest()


def levels_of(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """The tree over `hashes`, level by level from the leaves up to the one root; a last one without a partner is
    carried up as it is, which is where RFC 6962 splits a tree whose size is no power of two. Nothing for no hashes.
    """
    level = list(hashes)
    levels = [level] if level else []
    while len(level) > 1:
        above = [sha256(b"\1" + left + right).digest() for left, right in zip(level[::2], level[1::2])]
        if len(level) % 2:
            above.append(level[-1])
        levels.append(above)
        level = above
    return levels


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root of the tree whose leaves have these hashes (or whose full subtrees of one size have)."""
    levels = levels_of(hashes)
    return levels[-1][0] if levels else EMPTY


class Frontier:
    """A growing tree, of which only the full subtrees are kept that a further leaf may still join: log₂(size) hashes.

    `size` is the number of its leaves.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, peaks: Iterable[tuple[int, bytes]] = ()) -> None:
        """An empty tree, or the one of these full subtrees (bits, hash), from the left: 2^bits leaves each."""
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []
        for bits, peak in peaks:
            self.append_subtree(bits, peak)

    @property
    def peaks(self) -> list[tuple[int, bytes]]:
        """The full subtrees (bits, hash) from the left, each smaller than the one before it."""
        return list(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Adds one leaf, by its hash."""
        self.append_subtree(0, leaf)

    def append_subtree(self, level_bits: int, subtree: bytes) -> None:
        """Adds a full subtree of 2^level_bits leaves, by its root. The size so far must be a multiple of that."""
        if self.size % (1 << level_bits):
            raise ValueError(f"a subtree of 2^{level_bits} leaves cannot begin at leaf {self.size}")
        self.size += 1 << level_bits
        peaks = self._peaks
        while peaks and peaks[-1][0] == level_bits:
            subtree = node_hash(peaks.pop()[1], subtree)
            level_bits += 1
        peaks.append((level_bits, subtree))

    def copy(self) -> Frontier:
        """The same tree, to grow another way."""
        other = Frontier()
        other.size, other._peaks = self.size, list(self._peaks)
        return other

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self._peaks:
            return EMPTY
        root = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def inclusion_is_valid(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that the leaf with hash `leaf` is number `index` (from 0) of the tree of `size` leaves with
    this root (RFC 9162, section 2.1.3.2). `size` and `root` are to come from a signed checkpoint, never from the proof.
    """
    if not 0 <= index < size or not all(len(each) == 32 for each in (leaf, root, *path)):
        return False
    place, last, reached = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False  # longer than the way up
        if place & 1 or place == last:
            reached = node_hash(sibling, reached)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            reached = node_hash(reached, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and reached == root


def consistency_is_valid(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` proves that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 9162,
    section 2.1.4.2). Every tree begins with the empty one and with itself; both need an empty path.
    """
    if not 0 <= old <= new or not all(len(each) == 32 for each in (old_root, new_root, *path)):
        return False
    if old == 0:
        return not path and old_root == EMPTY and (new > 0 or new_root == EMPTY)
    if old == new:
        return not path and old_root == new_root
    way = list(path)
    if not old & (old - 1):
        way.insert(0, old_root)  # a power of two: the old tree is itself the first subtree
    if not way:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    of_old = of_new = way[0]
    for sibling in way[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            of_old, of_new = node_hash(sibling, of_old), node_hash(sibling, of_new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            of_new = node_hash(of_new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and of_old == old_root and of_new == new_root
