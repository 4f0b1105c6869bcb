package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"sync"
	"time"

	"atelier.dev/atelier/backend/fault"
)

// hash is what is kept of a secret: whoever reads this memory cannot use it.
// The zero hash is of no secret.
type hash [sha256.Size]byte

// newSecret makes a secret of 256 random bits, as text for addresses and headers.
func newSecret(random io.Reader) (string, hash, error) {
	raw := make([]byte, secretBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", hash{}, fault.Wrap(err, fault.Unavailable, "no_random", "there are no random bytes to be had", "try again")
	}
	secret := base64.RawURLEncoding.EncodeToString(raw)
	return secret, sha256.Sum256([]byte(secret)), nil
}

// keptSecret makes the cookie of one who is let in under a secret of the asker's
// own: the same from every core, and nobody else can make it.
func keptSecret(keep, cookie string) (string, hash) {
	mac := hmac.New(sha256.New, []byte(keep))
	mac.Write([]byte(cookie))
	secret := base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	return secret, sha256.Sum256([]byte(secret))
}

// is compares without telling by its time where the two differ.
func (h hash) is(secret string) bool {
	given := sha256.Sum256([]byte(secret))
	return h != hash{} && subtle.ConstantTimeCompare(h[:], given[:]) == 1
}

// link is the secret of a printed address. It can be used once.
type link struct {
	secret string
	until  time.Time

	mu     sync.Mutex
	hash   hash
	misses int
}

func newLink(random io.Reader, now time.Time) (*link, error) {
	secret, h, err := newSecret(random)
	return &link{secret: secret, hash: h, until: now.Add(linkFor)}, err
}

// url is the address to open. A fragment never goes over the wire.
func (l *link) url(address string) string { return address + "#k=" + l.secret }

// use reports whether a secret opens the link, and spends it.
func (l *link) use(secret string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	fits := l.hash.is(secret) && now.Before(l.until)
	if !fits {
		l.misses++
	}
	if fits || l.misses >= linkTries {
		l.hash = hash{}
	}
	return fits
}
