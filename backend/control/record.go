package control

import "atelier.dev/atelier/backend/event"

// Record is an event of the control chain with the signatures that certify it.
type Record struct {
	Header       event.Header
	Body         []byte // with its nonce
	Certificates []event.Certificate
}
