package loginshell

import "time"

const (
	// shellWait bounds a login. Start files that take longer wait for something
	// that never comes without a terminal; a person waits for the answer.
	shellWait = 5 * time.Second
	// outputMax bounds what a shell may print. Linux lets arguments and
	// environment of a program have 2 MiB; the rest is room for noise.
	outputMax = 4 << 20
	// passwdMax bounds what is read of the user database, which has some hundred
	// bytes a user.
	passwdMax = 4 << 20
	// markBytes of randomness keep what start files print from being taken for
	// the marks.
	markBytes = 16
)
