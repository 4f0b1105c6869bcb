package event

import "crypto/sha256"

// The domains keep a leaf from passing for a node, and a tree of ids from
// passing for a tree of bytes (after RFC 6962).
const (
	idLeaf    = 0
	idNode    = 1
	rangeLeaf = 2
	rangeNode = 3
)

func node(domain byte, left, right ID) ID {
	var b [65]byte
	b[0] = domain
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

func leaf(domain byte, content []byte) ID {
	h := sha256.New()
	h.Write([]byte{domain})
	h.Write(content)
	var id ID
	h.Sum(id[:0])
	return id
}

// Root returns the Merkle root of event ids in the order of their chain. The
// root of none is zero.
func Root(ids []ID) ID {
	var t tree
	t.node = idNode
	for _, id := range ids {
		t.add(leaf(idLeaf, id[:]))
	}
	return t.root()
}

// tree folds leaves as they come; the tree over n leaves has its left half
// over the largest power of two below n.
type tree struct {
	node  byte
	count uint64
	stack []ID
}

func (t *tree) add(l ID) {
	for n := t.count; n&1 == 1; n >>= 1 {
		l = node(t.node, t.stack[len(t.stack)-1], l)
		t.stack = t.stack[:len(t.stack)-1]
	}
	t.stack = append(t.stack, l)
	t.count++
}

func (t *tree) root() ID {
	if len(t.stack) == 0 {
		return ID{}
	}
	r := t.stack[len(t.stack)-1]
	for i := len(t.stack) - 2; i >= 0; i-- {
		r = node(t.node, t.stack[i], r)
	}
	return r
}

// Path returns the proof that ids[at] lies under Root(ids), from the leaf up.
func Path(ids []ID, at int) []ID {
	if len(ids) < 2 {
		return nil
	}
	k := split(len(ids))
	if at < k {
		return append(Path(ids[:k], at), Root(ids[k:]))
	}
	return append(Path(ids[k:], at-k), Root(ids[:k]))
}

// Proves reports whether path proves that id is event number at of count under root.
func Proves(root, id ID, at, count int, path []ID) bool {
	if at < 0 || at >= count || count > MaxSealed {
		return false
	}
	got, rest := climb(id, at, count, path)
	return rest != nil && len(rest) == 0 && got == root
}

func climb(id ID, at, count int, path []ID) (ID, []ID) {
	if count == 1 {
		if path == nil {
			path = []ID{}
		}
		return leaf(idLeaf, id[:]), path
	}
	k, left := split(count), true
	n := k
	if at >= k {
		at, n, left = at-k, count-k, false
	}
	below, rest := climb(id, at, n, path)
	if len(rest) == 0 {
		return ID{}, nil
	}
	if left {
		return node(idNode, below, rest[0]), rest[1:]
	}
	return node(idNode, rest[0], below), rest[1:]
}

// split returns the largest power of two below n.
func split(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

// RangeHash folds the bytes of a terminal's range into the root of the tree of
// its 64 KiB leaves. The zero value is not ready: use NewRangeHash.
type RangeHash struct {
	tree
	part []byte
}

// NewRangeHash returns a hash of an empty range.
func NewRangeHash() *RangeHash { return &RangeHash{tree: tree{node: rangeNode}} }

// Write adds bytes. It never fails.
func (h *RangeHash) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		if len(h.part) == 0 && len(b) >= LeafSize {
			h.add(leaf(rangeLeaf, b[:LeafSize]))
			b = b[LeafSize:]
			continue
		}
		take := min(LeafSize-len(h.part), len(b))
		h.part = append(h.part, b[:take]...)
		b = b[take:]
		if len(h.part) == LeafSize {
			h.add(leaf(rangeLeaf, h.part))
			h.part = h.part[:0]
		}
	}
	return n, nil
}

// Root returns the root of what was written so far; more may be written after.
// The root of an empty range is zero.
func (h *RangeHash) Root() ID {
	t := tree{node: h.node, count: h.count, stack: append([]ID(nil), h.stack...)}
	if len(h.part) > 0 {
		t.add(leaf(rangeLeaf, h.part))
	}
	return t.root()
}
