"""The tree of RFC 6962: the roots everybody knows, and proofs that hold for one leaf of one tree only."""

from __future__ import annotations

import pytest

from ledger.auditing.verifier.tree import (
    EMPTY,
    Frontier,
    consistency_is_valid,
    inclusion_is_valid,
    leaf_hash,
    node_hash,
    root_of,
)

CT_LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
CT_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
MOST = 70
HASHES = [leaf_hash(str(number).encode()) for number in range(MOST + 1)]


def root(hashes: list[bytes]) -> bytes:
    """Section 2.1 of RFC 6962, word for word."""
    if not hashes:
        return EMPTY
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return node_hash(root(hashes[:k]), root(hashes[k:]))


def split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def path(index: int, hashes: list[bytes]) -> list[bytes]:
    """Section 2.1.1."""
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if index < k:
        return [*path(index, hashes[:k]), root(hashes[k:])]
    return [*path(index - k, hashes[k:]), root(hashes[:k])]


def proof(old: int, hashes: list[bytes], whole: bool = True) -> list[bytes]:
    """Section 2.1.2."""
    if old == len(hashes):
        return [] if whole else [root(hashes)]
    k = split(len(hashes))
    if old <= k:
        return [*proof(old, hashes[:k], whole), root(hashes[k:])]
    return [*proof(old - k, hashes[k:], False), root(hashes[:k])]


ROOTS = [root(HASHES[:size]) for size in range(MOST + 1)]


def damaged(way: list[bytes]) -> list[list[bytes]]:
    """Everything that is nearly this proof."""
    found = [[*way, way[-1] if way else HASHES[0]], [HASHES[0], *way], [*way, EMPTY]]
    for place, each in enumerate(way):
        found.append(way[:place] + way[place + 1 :])
        found.append([*way[:place], bytes([each[0] ^ 1]) + each[1:], *way[place + 1 :]])
        found.append([*way[:place], each[:-1], *way[place + 1 :]])
    found += [[*way[:at], way[at + 1], way[at], *way[at + 2 :]] for at in range(len(way) - 1)]
    return [each for each in found if each != way]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_eight_known_roots_of_certificate_transparency_come_out(size: int) -> None:
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in CT_LEAVES[:size]]
    frontier = Frontier()
    for each in hashes:
        frontier.append(each)
    assert root_of(hashes).hex() == frontier.root().hex() == CT_ROOTS[size - 1]


def test_a_tree_without_leaves_has_the_hash_of_nothing() -> None:
    assert root_of([]) == Frontier().root() == EMPTY
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_every_way_to_a_root_comes_to_the_same_root() -> None:
    frontier = Frontier()
    for size in range(MOST + 1):
        assert root_of(HASHES[:size]) == frontier.root() == frontier.copy().root() == ROOTS[size]
        assert frontier.size == size
        assert Frontier(frontier.peaks).root() == ROOTS[size]
        frontier.append(HASHES[size])


def test_full_subtrees_may_be_added_whole() -> None:
    frontier = Frontier()
    for start in range(0, 64, 16):
        frontier.append_subtree(4, root_of(HASHES[start : start + 16]))
    frontier.append(HASHES[64])
    assert frontier.root() == ROOTS[65]


def test_a_subtree_that_would_not_be_aligned_is_refused() -> None:
    frontier = Frontier()
    frontier.append(HASHES[0])
    with pytest.raises(ValueError, match="cannot begin at leaf 1"):
        frontier.append_subtree(1, HASHES[1])


@pytest.mark.parametrize("size", range(1, MOST + 1))
def test_a_proof_of_inclusion_holds_for_its_leaf_its_place_and_its_tree_only(size: int) -> None:
    hashes, top = HASHES[:size], ROOTS[size]
    for index in range(size):
        way, leaf = path(index, hashes), HASHES[index]
        assert inclusion_is_valid(index, size, leaf, way, top)
        assert not any(inclusion_is_valid(index, size, leaf, wrong, top) for wrong in damaged(way))
        elsewhere = {*range(size), index + size, index - size, -1, size, 1 << 70} - {index}
        assert not any(inclusion_is_valid(other, size, leaf, way, top) for other in elsewhere)
        assert not inclusion_is_valid(index, size, HASHES[size], way, top)
        assert not inclusion_is_valid(index, size, leaf, way, ROOTS[size - 1])
        assert not inclusion_is_valid(index, size, leaf[:-1], way, top)
        assert not inclusion_is_valid(index, index, leaf, way, top)


@pytest.mark.parametrize("new", range(MOST + 1))
def test_a_proof_of_consistency_holds_for_its_two_trees_only(new: int) -> None:
    for old in range(1, new + 1):
        way = proof(old, HASHES[:new])
        assert consistency_is_valid(old, new, ROOTS[old], ROOTS[new], way)
        assert not any(consistency_is_valid(old, new, ROOTS[old], ROOTS[new], wrong) for wrong in damaged(way))
        if old < new:
            assert not consistency_is_valid(new, old, ROOTS[new], ROOTS[old], way)
            assert not consistency_is_valid(old, new, ROOTS[old - 1], ROOTS[new], way)
            assert not consistency_is_valid(old, new, ROOTS[old], ROOTS[new - 1], way)
            assert not consistency_is_valid(old, new, ROOTS[old], ROOTS[old], way)
            assert not consistency_is_valid(old - 1, new, ROOTS[old], ROOTS[new], way)


def test_the_empty_tree_and_a_tree_itself_need_no_proof_and_take_none() -> None:
    assert consistency_is_valid(0, 5, EMPTY, ROOTS[5], [])
    assert consistency_is_valid(0, 0, EMPTY, EMPTY, [])
    assert consistency_is_valid(5, 5, ROOTS[5], ROOTS[5], [])
    assert not consistency_is_valid(0, 5, EMPTY, ROOTS[5], [HASHES[0]])
    assert not consistency_is_valid(0, 5, ROOTS[1], ROOTS[5], [])
    assert not consistency_is_valid(0, 0, EMPTY, ROOTS[5], [])
    assert not consistency_is_valid(5, 5, ROOTS[5], ROOTS[4], [])
    assert not consistency_is_valid(5, 5, ROOTS[5], ROOTS[5], [HASHES[0]])
    assert not consistency_is_valid(-1, 5, EMPTY, ROOTS[5], [])
    assert not consistency_is_valid(4, 5, ROOTS[4], ROOTS[5], [])
