package event

import (
	"bytes"
	"crypto/ed25519"
	"testing"
)

func FuzzDecodeHeader(f *testing.F) {
	for _, h := range append(shapes(), ofEachType()...) {
		b, _, err := EncodeHeader(h)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xbf})
	f.Fuzz(func(t *testing.T, b []byte) {
		agree(t, b)
		h, id, err := DecodeHeader(b)
		if err != nil {
			return
		}
		again, same, err := EncodeHeader(h)
		if err != nil || same != id || !bytes.Equal(again, b) {
			t.Fatalf("read, then written differently: %v", err)
		}
	})
}

func FuzzDecodeSeal(f *testing.F) {
	f.Add([]byte{0xa1, 1, 1})
	f.Add(signedBytes(f)["seal"])
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := DecodeSeal(b); err == nil {
			if again, err := EncodeSeal(s); err != nil || !bytes.Equal(again, b) {
				t.Fatal("read, then written differently")
			}
		}
	})
}

func FuzzDecodeBody(f *testing.F) {
	f.Add(append(make([]byte, BodyNonceSize), 0xa0))
	for _, body := range bodies() {
		content, err := EncodeContent(body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(make([]byte, BodyNonceSize), content...))
	}
	// One type of each kind of body: the others read the same.
	kinds := []Type{WorkspaceCreatedType, SessionOpenedType, ExecutionStartedType, ExecutionRenamedType, ExecutionSignalledType, ExecutionExitedType, WorkItemUpdatedType}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range kinds {
			body, err := DecodeBody(kind, b)
			if err != nil {
				continue
			}
			if again, err := EncodeContent(body); err != nil || !bytes.Equal(again, b[BodyNonceSize:]) {
				t.Fatalf("%s is read, then written differently: %v", kind, err)
			}
			if c, is := body.(*Change); is {
				h := Header{Type: kind, Facts: Facts{Fields: c.Keys()}}
				if _, err := ReadChange(h, b); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func FuzzDecodeProof(f *testing.F) {
	f.Add(signedBytes(f)["proof"])
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := DecodeProof(b); err == nil {
			if again, err := EncodeProof(p); err != nil || !bytes.Equal(again, b) {
				t.Fatal("read, then written differently")
			}
			_ = p.Verify(signer().Public().(ed25519.PublicKey))
		}
	})
}

func FuzzDecodeFraud(f *testing.F) {
	f.Add(signedBytes(f)["fraud"])
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := DecodeFraud(b); err == nil {
			if again, err := EncodeFraud(p); err != nil || !bytes.Equal(again, b) {
				t.Fatal("read, then written differently")
			}
			_ = p.Verify(signer().Public().(ed25519.PublicKey))
		}
	})
}

func FuzzDecodeCertificate(f *testing.F) {
	f.Add([]byte{0xa1, 1, 1})
	f.Add(signedBytes(f)["certificate"])
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := DecodeCertificate(b); err == nil {
			if again, err := EncodeCertificate(c); err != nil || !bytes.Equal(again, b) {
				t.Fatal("read, then written differently")
			}
		}
	})
}

func FuzzParseSessionExport(f *testing.F) {
	f.Add("atelier-session.oA")
	f.Fuzz(func(t *testing.T, text string) {
		if x, err := ParseSessionExport(text); err == nil {
			if again, err := x.Text(); err != nil || again != text {
				t.Fatal("read, then written differently")
			}
		}
	})
}
