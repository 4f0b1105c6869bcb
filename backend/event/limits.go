package event

// The bounds of one event. They are part of the format: a reader refuses what
// lies above them, so raising one needs a new schema version.
const (
	// MaxHeader bounds a header: it holds rule documents of up to 64 KiB less
	// the envelope, and every member keeps every header for ever.
	MaxHeader = 64 << 10
	// MaxBody bounds a body with its nonce, so that a whole record stays below
	// the store's value threshold and the acknowledgement rests on its WAL.
	MaxBody = 512 << 10
	// BodyNonceSize keeps a withheld body from being guessed from its hash.
	BodyNonceSize = 16
	// MaxParents bounds a header; above it the author writes session.joined first.
	MaxParents = 64
	// MaxHeads bounds the chains of a cut: one head takes 110 bytes of a header.
	MaxHeads = 512
	// MaxAffected bounds the objects one event names.
	MaxAffected = 256
	// MaxFields bounds the keys of written fields.
	MaxFields = 64
	// MaxElements bounds the values that one event puts into a set or takes away:
	// more is a list of its own, and every reader holds what stands.
	MaxElements = 1024
	// MaxText bounds one text in a field: a page is a file, and is named.
	MaxText = 64 << 10
	// MaxWord bounds a type, a state and a field key: words, not contents.
	MaxWord = 64
	// MaxChain bounds a chain's name; a PeerID of Ed25519 has 38 bytes.
	MaxChain = 64
	// MaxSealed bounds the events under one seal: a proof has ten steps at most.
	MaxSealed = 1024
	// MaxSealBytes bounds a seal: its fields have fixed sizes below this sum.
	MaxSealBytes = 512
	// MaxPath bounds the steps from an event to the root over MaxSealed of them.
	MaxPath = 10
	// MaxProofBytes bounds a proof: a seal, ten steps and their event.
	MaxProofBytes = 1024
	// MaxFraudBytes bounds two proofs with their heads.
	MaxFraudBytes = 2*MaxProofBytes + 16
	// MaxExport bounds the text of an exported session: it is pasted, and has a
	// head for each chain that its actor was served.
	MaxExport = 64 << 10
	// MaxRange bounds the bytes of terminal output that one event names.
	MaxRange = 1 << 20
	// LeafSize is the size of a leaf in the tree of a byte range.
	LeafSize = 64 << 10
	// MinPrefix is the least part of an id's text that may stand for it: 30 bits.
	MinPrefix = 6

	idTextBytes  = 52
	shownIDBytes = 64
)
