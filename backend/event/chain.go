package event

import (
	"crypto/ed25519"
	"strings"
)

// peerPrefix begins a PeerID of an Ed25519 key: the identity multihash of the
// key's protobuf form, as libp2p defines it.
const peerPrefix = "\x00\x24\x08\x01\x12\x20"

// ReplicaOf returns the chain that a replica's key writes: its binary PeerID.
func ReplicaOf(key ed25519.PublicKey) Chain { return Chain(peerPrefix + string(key)) }

// Key returns the public key that signs a replica's chain; false for a chain
// that is no replica's, such as the control chain.
func (c Chain) Key() (ed25519.PublicKey, bool) {
	key, is := strings.CutPrefix(string(c), peerPrefix)
	if !is || len(key) != ed25519.PublicKeySize {
		return nil, false
	}
	return ed25519.PublicKey(key), true
}
