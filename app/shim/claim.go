package main

import "golang.org/x/sys/unix"

// keepClaim keeps the claim on the folder that the core may have handed over,
// for as long as this process lives: a lock by which the next core knows that a
// shim which has said nothing yet is not dead. The program does not get it.
func keepClaim() {
	var st unix.Stat_t
	if unix.Fstat(claimFD, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG {
		unix.CloseOnExec(claimFD)
	}
}
